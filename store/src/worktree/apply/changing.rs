use std::io;

use super::{ApplyNote, Run, named, rebase_flags};
use crate::maildir::{Flags, FolderPath};
use crate::object::MessageCopy;
use crate::worktree::files::{self, Name};
use crate::worktree::{Change, WorktreeError};

impl Run<'_> {
    /// Sets flags, recent bits and times.
    ///
    /// Of a folder's directories `cur` is made durable before `new`, so a message that goes from
    /// `new` to `cur` is always in one of them. Those that go the other way, which are few, go
    /// first and by themselves.
    pub(super) fn change(&mut self, changes: &[Change]) -> Result<(), WorktreeError> {
        let to_new = |change: &&Change| change.to.recent && !change.from.recent;
        let (back, others): (Vec<_>, Vec<_>) = changes.iter().partition(to_new);
        if !back.is_empty() {
            self.sync_touched()?;
            self.change_all(&back)?;
            self.sync_touched()?;
        }
        self.change_all(&others)
    }

    fn change_all(&mut self, changes: &[&Change]) -> Result<(), WorktreeError> {
        for change in changes {
            self.change_one(change)?;
            self.applier.progress.advance(1, 0);
        }
        Ok(())
    }

    fn change_one(&mut self, change: &Change) -> Result<(), WorktreeError> {
        let Change {
            folder,
            key,
            from,
            to,
        } = change;
        let Some((name, row)) = self.take_known(folder, key.blob, from) else {
            let path = self.maildir().dir(folder);
            self.note(folder, ApplyNote::ChangedMeanwhile(path));
            return Ok(());
        };
        let Some(now) = self.rename(folder, &name, (from, to))? else {
            let path = self.maildir().file(folder, &name);
            self.note(folder, ApplyNote::ChangedMeanwhile(path));
            self.note_gone(folder, name);
            return Ok(());
        };
        if from.mtime != to.mtime {
            let path = self.maildir().file(folder, &now);
            match self.maildir().fs.set_mtime(&path, to.mtime) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(WorktreeError::at(path)(error));
                }
                _ => {}
            }
        }
        let row = self.row_at(folder, &now, &row)?;
        if now != name {
            self.note_gone(folder, name);
        }
        self.note_put(folder, now, row);
        self.done.changed += 1;
        Ok(())
    }

    /// Renames a file so that it says `to`; `None` if it is gone.
    fn rename(
        &mut self,
        folder: &FolderPath,
        name: &Name,
        (from, to): (&MessageCopy, &MessageCopy),
    ) -> Result<Option<Name>, WorktreeError> {
        let mut source = name.clone();
        let mut target = renamed(name, to.recent, &to.flags, from);
        // Each time somebody else renames it first, what they did is looked at again.
        for _ in 0..8 {
            if source == target {
                return Ok(Some(target));
            }
            let old = self.maildir().file(folder, &source);
            let new = self.maildir().file(folder, &target);
            match self.maildir().fs.rename_noreplace(&old, &new) {
                Ok(()) => return Ok(Some(target)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let base = self.applier.names.next(0);
                    target = named(&base, to.recent, &to.flags);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let Some(found) = self.find_renamed(folder, name)? else {
                        return Ok(None);
                    };
                    let now = files::flags_of(&found);
                    let flags = rebase_flags(&from.flags, &to.flags, &now);
                    let recent = files::is_recent(&found) && (to.recent || !from.recent);
                    self.inexact.insert(folder.clone());
                    target = renamed(&found, recent, &flags, from);
                    source = found;
                }
                Err(error) => return Err(WorktreeError::at(old)(error)),
            }
        }
        Ok(None)
    }
}

/// `name` with other flags, in the directory that it belongs in. A name whose flags do not change
/// keeps its spelling.
fn renamed(name: &Name, recent: bool, flags: &Flags, from: &MessageCopy) -> Name {
    if recent == files::is_recent(name) && *flags == from.flags {
        return name.clone();
    }
    named(files::file_name(name).base(), recent, flags)
}
