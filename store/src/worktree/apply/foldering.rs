use std::io;
use std::path::Path;

use super::{ApplyNote, Run, SUB_DIRS, parent};
use crate::maildir::FolderPath;
use crate::worktree::WorktreeError;

impl Run<'_> {
    /// Makes folders.
    pub(super) fn make_folders(&mut self, folders: &[FolderPath]) -> Result<(), WorktreeError> {
        for folder in folders {
            let dir = self.maildir().dir(folder);
            for sub in SUB_DIRS {
                let path = dir.join(sub);
                crate::fs::create_dir_durable(&*self.maildir().fs, &path)
                    .map_err(WorktreeError::at(path))?;
            }
            self.touched.insert(folder.clone());
        }
        Ok(())
    }

    /// Removes folders that are empty by now.
    pub(super) fn drop_folders(&mut self, folders: &[FolderPath]) -> Result<(), WorktreeError> {
        for folder in folders {
            if self.drop_folder(folder)? {
                self.dropped.insert(folder.clone());
            } else {
                self.note(folder, ApplyNote::FolderKept(folder.clone()));
            }
        }
        Ok(())
    }

    /// Removes a folder's directories if they are empty; says whether the folder is gone. What
    /// other programs keep beside them stays, and so does a link to a directory elsewhere.
    fn drop_folder(&self, folder: &FolderPath) -> Result<bool, WorktreeError> {
        if folder.is_root() {
            return Ok(false);
        }
        let fs = &*self.maildir().fs;
        let dir = self.maildir().dir(folder);
        for (at, sub) in SUB_DIRS.iter().enumerate() {
            if !self.remove_empty(&dir.join(sub))? {
                for sub in &SUB_DIRS[..at] {
                    let path = dir.join(sub);
                    crate::fs::create_dir_durable(fs, &path).map_err(WorktreeError::at(path))?;
                }
                return Ok(false);
            }
        }
        let marker = dir.join("maildirfolder");
        if fs.lstat(&marker).is_ok_and(|stat| stat.size == 0) {
            fs.remove_file(&marker).map_err(WorktreeError::at(marker))?;
        }
        if self.remove_empty(&dir)? {
            let above = parent(&dir);
            fs.sync_dir(&above).map_err(WorktreeError::at(above))?;
        } else {
            fs.sync_dir(&dir).map_err(WorktreeError::at(dir))?;
        }
        Ok(true)
    }

    /// Removes a directory; says whether there is none any more.
    fn remove_empty(&self, dir: &Path) -> Result<bool, WorktreeError> {
        match self.maildir().fs.remove_dir(dir) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => Ok(true),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => Ok(false),
                _ => Err(WorktreeError::at(dir)(error)),
            },
        }
    }
}
