use std::io::{self, Read, Write};
use std::path::Path;

use super::{ApplyNote, Run, named};
use crate::maildir::{FolderPath, Standard};
use crate::object::{BlobHasher, BlobId, MessageCopy};
use crate::worktree::files::{self, Name};
use crate::worktree::{Remove, WorktreeError, sweep};

impl Run<'_> {
    /// Removes messages: each is taken out of reach, hashed, compared with the store, unlinked.
    pub(super) fn remove(&mut self, removes: &[Remove]) -> Result<(), WorktreeError> {
        self.ensure_dirs_there(removes.iter().map(|remove| &remove.folder))?;
        for remove in removes {
            self.remove_one(remove)?;
            self.applier.progress.advance(1, 0);
        }
        Ok(())
    }

    /// Sees to it that folders have what they consist of. One that somebody has removed meanwhile
    /// is not made again.
    pub(super) fn ensure_dirs_there<'f>(
        &self,
        folders: impl Iterator<Item = &'f FolderPath>,
    ) -> Result<(), WorktreeError> {
        let there = |folder: &&FolderPath| {
            let dir = self.maildir().dir(folder);
            self.maildir().fs.stat(&dir).is_ok()
        };
        self.ensure_dirs(folders.filter(there))
    }

    fn remove_one(&mut self, step: &Remove) -> Result<(), WorktreeError> {
        let Some((name, _)) = self.take_known(&step.folder, step.key.blob, &step.copy) else {
            let path = self.maildir().dir(&step.folder);
            self.note(&step.folder, ApplyNote::ChangedMeanwhile(path));
            return Ok(());
        };
        if self.remove_file(step, &name)? {
            self.done.removed += 1;
        }
        Ok(())
    }

    /// Removes a file that should hold the step's message; says whether it did and is gone.
    pub(super) fn remove_file(
        &mut self,
        step: &Remove,
        name: &Name,
    ) -> Result<bool, WorktreeError> {
        let Some(taken) = self.take_away(step, name)? else {
            let path = self.maildir().file(&step.folder, name);
            self.note(&step.folder, ApplyNote::ChangedMeanwhile(path));
            return Ok(false);
        };
        let (source, scratch) = taken;
        self.note_gone(&step.folder, name.clone());
        if source != *name {
            self.note_gone(&step.folder, source.clone());
        }
        let fs = &*self.maildir().fs;
        if let Some(note) = self.doubt(&scratch, step.key.blob, &source, &step.folder)? {
            self.put_back(&step.folder, &scratch, &source)?;
            self.note(&step.folder, note);
            return Ok(false);
        }
        fs.remove_file(&scratch)
            .map_err(WorktreeError::at(&scratch))?;
        self.lost.insert(super::parent(&scratch));
        Ok(true)
    }

    /// Renames the file into `tmp` under a name of ours that says what it should be. `None` if it
    /// is gone, or somebody changed it in a way that outweighs the removal.
    fn take_away(
        &mut self,
        step: &Remove,
        name: &Name,
    ) -> Result<Option<(Name, std::path::PathBuf)>, WorktreeError> {
        let mut source = name.clone();
        for _ in 0..8 {
            let old = self.maildir().file(&step.folder, &source);
            let what = sweep::removal(step.key.blob);
            let scratch = self.applier.scratch(&step.folder, &what);
            match self.maildir().fs.rename_noreplace(&old, &scratch) {
                Ok(()) => return Ok(Some((source, scratch))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match self.find_renamed(&step.folder, name)? {
                        Some(found) if is_only_reading(&step.copy, &found) => source = found,
                        _ => return Ok(None),
                    }
                }
                Err(error) => return Err(WorktreeError::at(old)(error)),
            }
        }
        Ok(None)
    }

    /// Why the file must not be unlinked, if so.
    fn doubt(
        &self,
        scratch: &Path,
        expected: BlobId,
        name: &Name,
        folder: &FolderPath,
    ) -> Result<Option<ApplyNote>, WorktreeError> {
        let path = || self.maildir().file(folder, name);
        let found = hash_file(&*self.maildir().fs, scratch).map_err(WorktreeError::at(scratch))?;
        if found != expected {
            return Ok(Some(ApplyNote::OtherContent(path())));
        }
        match self.applier.odb.read_blob(expected, &mut io::sink()) {
            Ok(_) => Ok(None),
            Err(_) => Ok(Some(ApplyNote::NotInStore(path()))),
        }
    }

    fn put_back(
        &mut self,
        folder: &FolderPath,
        scratch: &Path,
        name: &Name,
    ) -> Result<(), WorktreeError> {
        let flags = files::flags_of(name);
        let recent = files::is_recent(name);
        let size = self
            .maildir()
            .fs
            .lstat(scratch)
            .map_err(WorktreeError::at(scratch))?
            .size;
        let name = self.settle(folder, scratch, || {
            named(&self.applier.names.next(size), recent, &flags)
        })?;
        self.gained
            .insert(super::parent(&self.maildir().file(folder, &name)));
        Ok(())
    }
}

/// The id of a file's content.
pub(in crate::worktree) fn hash_file(fs: &dyn crate::fs::Fs, path: &Path) -> io::Result<BlobId> {
    let mut file = fs.open(path)?;
    let mut hasher = BlobHasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish().0),
            n => hasher.write_all(&buffer[..n])?,
        }
    }
}

/// Whether a file that was to be removed was since only read or marked as trash: that does not
/// bring it back.
fn is_only_reading(expected: &MessageCopy, found: &Name) -> bool {
    let mut flags = files::flags_of(found);
    let mut before = expected.flags.clone();
    for flag in [Standard::Seen, Standard::Trashed] {
        flags.set(flag, false);
        before.set(flag, false);
    }
    flags == before
}
