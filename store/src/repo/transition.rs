//! Taking the Maildir from one snapshot to another, so that a crash at any point can be mended by
//! whoever comes next.

use crate::merge;
use crate::object::{FolderMap, SnapshotId};
use crate::odb::ObjectWrite;
use crate::worktree::{Applied, Applier, Depth, Plan, Scanner, apply, plan, sweep};

use super::recording::write_map;
use super::{Applying, Locked, RepoError};

/// What happened to the Maildir.
#[derive(Debug, Default)]
pub struct Transition {
    /// `local` before.
    pub from: Option<SnapshotId>,
    /// `local` now; in a dry run what it would be.
    pub to: Option<SnapshotId>,
    /// The steps.
    pub plan: Plan,
    /// How many messages leave, in a dry run of going back: what a yes would have to name.
    pub leaving: u64,
    /// What was carried out; nothing in a dry run.
    pub applied: Applied,
}

impl Locked<'_> {
    /// Makes the Maildir, which is now as `found`, what the snapshot `to` says, and moves `local`
    /// there. What `found` lacks of `from` stays missing unless `to` brings it back.
    pub(super) fn transition(
        &self,
        found: &FolderMap,
        record: &Applying,
    ) -> Result<Transition, RepoError> {
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
            leaving: 0,
            applied,
        })
    }

    fn carry_out(
        &self,
        found: &FolderMap,
        record: &Applying,
    ) -> Result<(Plan, Applied), RepoError> {
        let batch = self.repo.odb().batch()?;
        let target = self.target(&batch, found, record)?;
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

    /// What the Maildir is to be: what `to` made of `from`, carried over to what is there.
    pub(super) fn target(
        &self,
        odb: &dyn ObjectWrite,
        found: &FolderMap,
        record: &Applying,
    ) -> Result<FolderMap, RepoError> {
        let from = self.repo.folders_or_none(record.from)?;
        let to = self.repo.folders(record.to)?;
        if *found == from {
            return Ok(to);
        }
        let base = match record.from {
            Some(_) => Some(write_map(odb, &from)?),
            None => None,
        };
        let found = write_map(odb, found)?;
        let to = write_map(odb, &to)?;
        Ok(merge::merge_maps(odb, base, found, to)?.map)
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
