//! The operations, each counted, tried on the real directory and entered in the journal.

use std::fs::File;
use std::io;
use std::path::Path;

use mailvc_store::fs::{DirEntry, EntryKind, FileWrite, Fs, OsFs, Stat};

use super::file::FaultFile;
use super::{FaultFs, State};

impl FaultFs {
    fn write_to(
        &self,
        state: &State,
        path: &Path,
        file: Box<dyn FileWrite>,
    ) -> io::Result<Box<dyn FileWrite>> {
        let inode = OsFs.lstat(path)?.inode;
        Ok(Box::new(FaultFile::new(
            self.clone(),
            state.life,
            inode,
            file,
        )))
    }

    fn rename_with(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let (from, to) = (self.place(from)?, self.place(to)?);
        let rename = || {
            if replace {
                OsFs.rename(&from, &to)
            } else {
                OsFs.rename_noreplace(&from, &to)
            }
        };
        if OsFs.lstat(&from)?.kind == EntryKind::Dir {
            rename()?;
            state.journal.sync_all();
            return Ok(());
        }
        let moved = state.journal.keep(&from)?;
        let replaced = state.journal.keep_if_there(&to)?;
        rename()?;
        state.journal.renamed(&from, &to, moved, replaced);
        Ok(())
    }
}

impl Fs for FaultFs {
    fn open(&self, path: &Path) -> io::Result<File> {
        self.opening(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.look()?;
        OsFs.stat(path)
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        self.look()?;
        OsFs.lstat(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.look()?;
        OsFs.read_dir(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FileWrite>> {
        let mut state = self.state();
        state.whole_step()?;
        let path = self.place(path)?;
        let file = OsFs.create_new(&path)?;
        state.journal.created_file(&path)?;
        self.write_to(&state, &path, file)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn FileWrite>> {
        let mut state = self.state();
        state.whole_step()?;
        let path = self.place(path)?;
        let known = OsFs.lstat(&path).is_ok();
        let file = OsFs.append(&path)?;
        if known {
            state.journal.changing(&path)?;
        } else {
            state.journal.created_file(&path)?;
        }
        self.write_to(&state, &path, file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_with(from, to, true)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_with(from, to, false)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let path = self.place(path)?;
        let removed = state.journal.keep_if_there(&path)?;
        OsFs.remove_file(&path)?;
        state.journal.removed(&path, removed);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let path = self.place(path)?;
        OsFs.create_dir(&path)?;
        state.journal.created_dir(&path);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let path = self.place(path)?;
        OsFs.remove_dir(&path)?;
        state.journal.removed_dir(&path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let dir = self.dir(path)?;
        state.journal.sync_dir(&dir);
        Ok(())
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        self.dir(path)?;
        state.journal.sync_all();
        Ok(())
    }

    fn set_mtime(&self, path: &Path, seconds: i64) -> io::Result<()> {
        let mut state = self.state();
        state.whole_step()?;
        let path = path.canonicalize()?;
        if OsFs.lstat(&path)?.kind == EntryKind::File {
            state.journal.changing(&path)?;
        }
        OsFs.set_mtime(&path, seconds)
    }
}
