//! Taking the Maildir from one snapshot to another, so that a crash at any point can be mended by
//! whoever comes next.

use crate::graph;
use crate::merge;
use crate::object::{FolderMap, SnapshotId};
use crate::odb::ObjectWrite;
use crate::worktree::{Applied, Applier, Depth, Plan, Scanner, apply, plan, sweep};

use super::locked::Work;
use super::recording::write_map;
use super::{Applying, Locked, RepoError, SnapshotReport, folders_of};

/// What happened to the Maildir.
#[derive(Debug, Default)]
pub struct Transition {
    /// `local` before.
    pub from: Option<SnapshotId>,
    /// `local` now; none if it did not move, as in a dry run.
    pub to: Option<SnapshotId>,
    /// The steps.
    pub plan: Plan,
    /// What was carried out; nothing in a dry run.
    pub applied: Applied,
}

impl Locked<'_> {
    /// Finishes what was written and goes there; in a dry run only says how.
    pub(super) fn transition_or_plan(
        &self,
        batch: Work<'_, '_>,
        recorded: &SnapshotReport,
        record: &Applying,
        dry_run: bool,
    ) -> Result<Transition, RepoError> {
        if !dry_run {
            batch.finish()?;
            return self.transition(&recorded.found, record);
        }
        let target = target(&*batch, &recorded.found, record)?;
        Ok(Transition {
            from: recorded.id,
            plan: plan(&*batch, &recorded.found, &target)?,
            ..Transition::default()
        })
    }

    /// Makes the Maildir, which is now as `found`, what the snapshot `to` says, and moves `local`
    /// there. What `found` lacks of `from` stays missing unless `to` brings it back.
    fn transition(&self, found: &FolderMap, record: &Applying) -> Result<Transition, RepoError> {
        let fs = &**self.repo.fs();
        let path = self.repo.layout().applying();
        record.save(fs, &path)?;
        let (plan, applied) = self.carry_out(found, record)?;
        self.repo
            .move_local(record.from, record.to, self.command, &record.why)?;
        Applying::clear(fs, &path)?;
        Ok(Transition {
            from: record.from,
            to: Some(record.to),
            plan,
            applied,
        })
    }

    fn carry_out(
        &self,
        found: &FolderMap,
        record: &Applying,
    ) -> Result<(Plan, Applied), RepoError> {
        let batch = self.repo.odb().batch()?;
        let target = target(&batch, found, record)?;
        let plan = plan(&batch, found, &target)?;
        // The index will name these trees.
        batch.finish()?;
        let applier = Applier {
            maildir: &self.maildir,
            index: &self.index,
            odb: self.repo.odb(),
            tag: &self.repo.config().tag,
            names: &self.names,
            progress: self.progress,
        };
        let applied = apply(&applier, &plan, &target)?;
        Ok((plan, applied))
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
        if local == record.from && local != Some(record.to) {
            let known = self.repo.folders_or_none(record.from)?;
            let batch = self.repo.odb().batch()?;
            let scanner = Scanner {
                maildir: &self.maildir,
                index: &self.index,
                local: &known,
                depth: Depth::List,
                progress: self.progress,
            };
            let scan = scanner.scan(&batch)?;
            batch.finish()?;
            self.index.update(&scan.rows)?;
            self.carry_out(&scan.map, record)?;
            self.repo
                .move_local(record.from, record.to, self.command, &record.why)?;
        }
        Applying::clear(fs, &path)
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
