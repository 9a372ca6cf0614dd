//! Taking the Maildir from one snapshot to another, so that a crash at any point can be mended by
//! whoever comes next.

use std::collections::BTreeSet;

use crate::graph;
use crate::maildir::FolderPath;
use crate::merge;
use crate::object::{FolderMap, SnapshotId, SnapshotKind};
use crate::odb::{Batch, ObjectWrite};
use crate::worktree::{
    Applied, Applier, Depth, Mend, Plan, Problem, ProblemKind, Scanner, WorktreeError, apply, plan,
    sweep,
};

use super::locked::Work;
use super::recording::write_map;
use super::{Applying, Locked, RepoError, SnapshotReport, folders_of, half_done};

/// What happened to the Maildir.
#[derive(Debug, Default)]
pub struct Transition {
    /// `local` before.
    pub from: Option<SnapshotId>,
    /// `local` now; none if it did not move, as in a dry run.
    pub to: Option<SnapshotId>,
    /// The steps.
    pub plan: Plan,
    /// How many messages are in no folder afterwards, when going back: what a yes has to name.
    pub leaving: u64,
    /// What was carried out; nothing in a dry run.
    pub applied: Applied,
}

impl Locked<'_> {
    /// Finishes what was written and goes there; in a dry run only says how.
    pub(super) fn transition_or_plan(
        &self,
        batch: Work<'_, '_>,
        recorded: &SnapshotReport,
        (record, mend): (&Applying, &[Mend]),
        dry_run: bool,
    ) -> Result<Transition, RepoError> {
        let found = Found {
            map: &recorded.found,
            taken_as: &recorded.found,
            hidden: &recorded.hidden,
            problems: &recorded.problems,
            mend,
        };
        if dry_run {
            return Ok(Transition {
                from: recorded.id,
                plan: self.steps(&batch, &found, record)?.plan,
                ..Transition::default()
            });
        }
        batch.finish()?;
        self.transition(&found, record)
    }

    /// Makes the Maildir, which is now as `found`, what the snapshot `to` says, and moves `local`
    /// there. What `found` lacks of `from` stays missing unless `to` brings it back. Where `to` is
    /// `from`, files are mended and nothing else.
    fn transition(&self, found: &Found<'_>, record: &Applying) -> Result<Transition, RepoError> {
        let batch = self.repo.odb().batch()?;
        let steps = self.steps(&batch, found, record)?;
        batch.finish()?;
        let fs = &**self.repo.fs();
        let path = self.repo.layout().applying();
        record.save(fs, &path)?;
        let applied = self.carry_out(&steps, record)?;
        Applying::clear(fs, &path)?;
        Ok(Transition {
            from: record.from,
            to: Some(record.to).filter(|_| !record.stays()),
            plan: steps.plan,
            leaving: 0,
            applied,
        })
    }

    /// What is to be done; an error if it cannot all be done.
    fn steps(
        &self,
        batch: &Batch<'_>,
        found: &Found<'_>,
        record: &Applying,
    ) -> Result<Steps, RepoError> {
        found.was_seen()?;
        let target = target(batch, found.taken_as, record)?;
        let mut plan = plan(batch, found.map, &target)?;
        plan.mend = found.mend.to_vec();
        if let Some(folder) = plan.too_long(self.maildir.layout) {
            return Err(WorktreeError::TooLong(folder.clone()).into());
        }
        let hidden = found.hidden.iter().map(|top| self.maildir.dir(top));
        let hidden: Vec<_> = hidden.collect();
        for folder in plan.folders() {
            let dir = self.maildir.dir(folder);
            if hidden.iter().any(|top| dir.starts_with(top)) {
                return Err(RepoError::Hidden(folder.clone()));
            }
        }
        Ok(Steps { target, plan })
    }

    /// Takes the steps, whose trees are stored by now because the index will name them, and moves
    /// `local`.
    fn carry_out(&self, steps: &Steps, record: &Applying) -> Result<Applied, RepoError> {
        let applier = Applier {
            maildir: &self.maildir,
            index: &self.index,
            odb: self.repo.odb(),
            tag: &self.repo.config().tag,
            names: &self.names,
            progress: self.progress,
        };
        let applied = apply(&applier, &steps.plan, &steps.target)?;
        if !record.stays() {
            self.repo
                .move_local(record.from, record.to, self.command, &record.why)?;
        }
        Ok(applied)
    }

    /// Finishes what an interrupted run began: clears its litter, looks at the Maildir, and
    /// carries over what is still missing. Only what then differs is anybody's own change.
    pub(super) fn finish_interrupted(&self, record: &Applying) -> Result<(), RepoError> {
        let fs = &**self.repo.fs();
        let path = self.repo.layout().applying();
        sweep(
            &self.maildir,
            self.repo.odb(),
            &self.repo.config().tag,
            &self.names,
        )?;
        let local = self.repo.local()?;
        if local == record.from {
            self.carry_over(record)?;
        }
        Applying::clear(fs, &path)
    }

    /// Whether what was begun mends files too: one that only mends, or a `restore`.
    fn mends(&self, record: &Applying) -> Result<bool, RepoError> {
        let kind = graph::load(self.repo.odb(), record.to)?.kind;
        Ok(record.stays() || kind == SnapshotKind::Restore)
    }

    fn carry_over(&self, record: &Applying) -> Result<(), RepoError> {
        let known = self.repo.folders_or_none(record.from)?;
        let mends = self.mends(record)?;
        let batch = self.repo.odb().batch()?;
        let scanner = Scanner {
            maildir: &self.maildir,
            index: &self.index,
            local: &known,
            depth: if mends { Depth::Stat } else { Depth::List },
            dry_run: false,
            progress: self.progress,
        };
        let scan = scanner.scan(&batch)?;
        let to = self.repo.folders(record.to)?;
        let mut mend = if mends { scan.damaged } else { Vec::new() };
        let map = half_done::without_written(&batch, &scan.map, (&to, &mut mend))?;
        let found = Found {
            map: &map,
            taken_as: &half_done::complete(&batch, &map, (&known, &to))?,
            hidden: &scan.hidden,
            problems: &scan.problems,
            mend: &mend,
        };
        let mut steps = self.steps(&batch, &found, record)?;
        steps.add_half_dropped(&known, &scan.map);
        batch.finish()?;
        self.index.update(&scan.rows)?;
        self.carry_out(&steps, record)?;
        Ok(())
    }
}

/// The Maildir as it was seen.
struct Found<'a> {
    map: &'a FolderMap,
    /// The same, but for what an interrupted run left half done.
    taken_as: &'a FolderMap,
    hidden: &'a BTreeSet<FolderPath>,
    problems: &'a [Problem],
    /// The damaged files to mend.
    mend: &'a [Mend],
}

impl Found<'_> {
    /// An error if some mail was there, perhaps, and could not be read: who makes the Maildir from
    /// what was seen of it would double that mail, or undo what was done to it.
    fn was_seen(&self) -> Result<(), RepoError> {
        for problem in self.problems {
            if let ProblemKind::Failed(why) = &problem.kind {
                let (path, why) = (problem.path.clone(), why.clone());
                return Err(RepoError::Unseen { path, why });
            }
        }
        Ok(())
    }
}

/// What the Maildir is to be, and how it becomes that.
struct Steps {
    target: FolderMap,
    plan: Plan,
}

impl Steps {
    /// Folders that lost their `cur` before the power went are no folders any more, but something
    /// of them may still lie there.
    fn add_half_dropped(&mut self, known: &FolderMap, found: &FolderMap) {
        let gone = known.folders.keys().filter(|path| {
            !found.folders.contains_key(*path) && !self.target.folders.contains_key(*path)
        });
        self.plan.drop.extend(gone.cloned());
        self.plan.drop.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// What the Maildir is to be: what `to` made of `from`, carried over to what is there.
pub(super) fn target(
    odb: &dyn ObjectWrite,
    found: &FolderMap,
    record: &Applying,
) -> Result<FolderMap, RepoError> {
    let to = folders_of(odb, record.to)?;
    let (base, from) = match record.from {
        Some(id) => (Some(graph::load(odb, id)?.folders), folders_of(odb, id)?),
        None => (None, FolderMap::default()),
    };
    if *found == from {
        return Ok(to);
    }
    let found = write_map(odb, found)?;
    let to = write_map(odb, &to)?;
    Ok(merge::merge_maps(odb, base, found, to)?.map)
}
