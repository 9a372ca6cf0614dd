use std::io;
use std::path::Path;

use super::{ApplyNote, Run, rebase_flags};
use crate::maildir::FolderPath;
use crate::object::MessageCopy;
use crate::worktree::files::{self, Name};
use crate::worktree::{Add, Move, Remove, WorktreeError};

impl Run<'_> {
    /// Moves messages between folders.
    pub(super) fn move_all(&mut self, moves: &[Move]) -> Result<(), WorktreeError> {
        self.ensure_dirs(moves.iter().map(|step| &step.to))?;
        // Those of one way together, so that there are few turns.
        let mut moves: Vec<&Move> = moves.iter().collect();
        moves.sort_by_key(|step| (&step.from, &step.to));
        for step in moves {
            self.move_one(step)?;
            self.applier.progress.advance(1, 0);
        }
        Ok(())
    }

    fn move_one(&mut self, step: &Move) -> Result<(), WorktreeError> {
        let Some((name, row)) = self.take_known(&step.from, step.key.blob, &step.before) else {
            let path = self.maildir().dir(&step.from);
            self.note(&step.from, ApplyNote::ChangedMeanwhile(path));
            return Ok(());
        };
        match self.rename_across(step, &name, row.size) {
            Ok(Some((source, target))) => {
                if step.before.mtime != step.after.mtime {
                    let path = self.maildir().file(&step.to, &target);
                    // Best effort: a time that is not set shows as a change at the next scan.
                    if self
                        .maildir()
                        .fs
                        .set_mtime(&path, step.after.mtime)
                        .is_err()
                    {
                        self.inexact.insert(step.to.clone());
                    }
                }
                let row = self.row_at(&step.to, &target, &row)?;
                self.note_gone(&step.from, name);
                self.note_gone(&step.from, source);
                self.note_put(&step.to, target, row);
                self.done.moved += 1;
                Ok(())
            }
            Ok(None) => {
                let path = self.maildir().file(&step.from, &name);
                self.note(&step.from, ApplyNote::ChangedMeanwhile(path));
                self.note_gone(&step.from, name);
                // What was to go to the other folder is not there: the trees say so.
                self.touched.insert(step.to.clone());
                self.inexact.insert(step.to.clone());
                Ok(())
            }
            Err(WorktreeError::Io { source, .. }) if is_other_disk(&source) => {
                self.copy_across(step, (name, row))
            }
            Err(error) => Err(error),
        }
    }

    /// Renames a file into another folder; `None` if it is gone. Says from where to where.
    fn rename_across(
        &mut self,
        step: &Move,
        name: &Name,
        size: u64,
    ) -> Result<Option<(Name, Name)>, WorktreeError> {
        let mut source = name.clone();
        let mut copy = step.after.clone();
        for _ in 0..8 {
            let old = self.maildir().file(&step.from, &source);
            let target = self.fresh_name(size, &copy);
            let new = self.maildir().file(&step.to, &target);
            self.sync_before_turning(&old, &new)?;
            match self.maildir().fs.rename_noreplace(&old, &new) {
                Ok(()) => return Ok(Some((source, target))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let Some(found) = self.find_renamed(&step.from, name)? else {
                        return Ok(None);
                    };
                    copy = self.rebase(&step.to, &found, (&step.before, &step.after));
                    source = found;
                }
                Err(error) => return Err(WorktreeError::at(old)(error)),
            }
        }
        Ok(None)
    }

    /// A directory that lost a file, and now gains one, or the other way round, is made durable
    /// first: its loss would else be durable before the other directory's gain.
    fn sync_before_turning(&mut self, old: &Path, new: &Path) -> Result<(), WorktreeError> {
        let (from, to) = (super::parent(old), super::parent(new));
        if self.gained.contains(&from) || self.lost.contains(&to) {
            self.sync_touched()?;
        }
        Ok(())
    }

    fn rebase(
        &mut self,
        folder: &FolderPath,
        found: &Name,
        (before, after): (&MessageCopy, &MessageCopy),
    ) -> MessageCopy {
        self.touched.insert(folder.clone());
        self.inexact.insert(folder.clone());
        let now = files::flags_of(found);
        MessageCopy {
            recent: after.recent && files::is_recent(found),
            flags: rebase_flags(&before.flags, &after.flags, &now),
            ..after.clone()
        }
    }

    /// A folder on another disk: written there, then removed here.
    fn copy_across(
        &mut self,
        step: &Move,
        known: (Name, crate::index::FileRow),
    ) -> Result<(), WorktreeError> {
        let size = known.1.size;
        let files = self.known.entry(step.from.clone()).or_default();
        files.entry(step.key.blob).or_default().push(known);
        let add = Add {
            folder: step.to.clone(),
            key: step.key,
            size,
            copy: step.after.clone(),
        };
        self.add(&[add])?;
        self.sync_touched()?;
        let copy = step.before.clone();
        self.remove(&[Remove {
            folder: step.from.clone(),
            key: step.key,
            size,
            copy,
        }])
    }
}

fn is_other_disk(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices
}
