use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Applier, FEW, Run, row_of};
use crate::maildir::FolderPath;
use crate::worktree::files::Name;
use crate::worktree::{Add, WorktreeError};

/// So many messages are written between two flushes of the file system.
const BATCH: usize = 4096;

/// A message, and where in `tmp` it was written.
type Written<'a> = (&'a Add, PathBuf);

impl Applier<'_> {
    /// Writes messages into `tmp`, on all cores; few of them durably. On an error, files that were
    /// written stay there for the sweep.
    fn write_batch<'a>(&self, batch: &[&'a Add]) -> Result<Vec<Written<'a>>, WorktreeError> {
        let durable = batch.len() <= FEW;
        let write = |add: &&'a Add| Ok((*add, self.write(add, durable)?));
        let written: Vec<Result<Written<'a>, WorktreeError>> =
            batch.par_iter().map(write).collect();
        written.into_iter().collect()
    }

    /// Writes one message into `tmp`.
    fn write(&self, add: &Add, durable: bool) -> Result<PathBuf, WorktreeError> {
        let path = self.scratch(&add.folder, "add");
        let mut file = self
            .maildir
            .fs
            .create_new(&path)
            .map_err(WorktreeError::at(&path))?;
        self.odb.read_blob(add.key.blob, &mut file)?;
        let finish = |file: &mut Box<dyn crate::fs::FileWrite>| -> io::Result<()> {
            file.set_mtime(add.copy.mtime)?;
            if durable { file.sync() } else { Ok(()) }
        };
        finish(&mut file).map_err(WorktreeError::at(&path))?;
        self.progress.advance(1, add.size);
        Ok(path)
    }
}

impl Run<'_> {
    /// Writes messages that the Maildir lacks.
    pub(super) fn add(&mut self, adds: &[Add]) -> Result<(), WorktreeError> {
        self.write_all(adds)?;
        self.done.added += adds.len() as u64;
        Ok(())
    }

    /// Writes messages: all of a batch into `tmp`, made durable together, then renamed. While one
    /// batch is written the one before is made durable and renamed.
    pub(super) fn write_all(&mut self, adds: &[Add]) -> Result<(), WorktreeError> {
        let applier = self.applier;
        let mut adds: Vec<&Add> = adds.iter().collect();
        adds.sort_by_cached_key(|add| applier.odb.near(add.key.blob));
        let mut batches = adds.chunks(BATCH);
        let mut before: Vec<Written<'_>> = Vec::new();
        loop {
            let batch = batches.next().unwrap_or_default();
            if batch.is_empty() && before.is_empty() {
                return Ok(());
            }
            if applier.progress.cancelled() {
                return Err(WorktreeError::Cancelled);
            }
            self.ensure_dirs(batch.iter().map(|add| &add.folder))?;
            let mut written = Ok(Vec::new());
            let settled = rayon::in_place_scope(|scope| {
                scope.spawn(|_| written = applier.write_batch(batch));
                self.settle_batch(&before)
            });
            settled?;
            before = written?;
        }
    }

    /// Makes durable what lies in `tmp`, and gives it its names.
    fn settle_batch(&mut self, batch: &[Written<'_>]) -> Result<(), WorktreeError> {
        if batch.len() > FEW {
            let dirs = batch.iter().map(|(_, path)| super::parent(path));
            self.sync_disks(&dirs.collect::<BTreeSet<_>>())?;
        }
        for (add, scratch) in batch {
            let name = self.settle(&add.folder, scratch, || {
                self.fresh_name(add.size, &add.copy)
            })?;
            let row = self.row_at(&add.folder, &name, &row_of(add.key, add.size))?;
            self.note_put(&add.folder, name, row);
            self.lost.insert(super::parent(scratch));
        }
        self.record_part()
    }

    /// A folder that another program made may lack a `tmp`.
    pub(super) fn ensure_dirs<'f>(
        &self,
        folders: impl Iterator<Item = &'f FolderPath>,
    ) -> Result<(), WorktreeError> {
        let fs = &*self.maildir().fs;
        for folder in folders.collect::<BTreeSet<_>>() {
            for sub in super::SUB_DIRS {
                let dir = self.maildir().dir(folder).join(sub);
                if fs.stat(&dir).is_err() {
                    crate::fs::create_dir_durable(fs, &dir).map_err(WorktreeError::at(dir))?;
                }
            }
        }
        Ok(())
    }

    /// Renames a file from `tmp` to a name that nothing has; says which.
    pub(super) fn settle(
        &self,
        folder: &FolderPath,
        scratch: &Path,
        name: impl Fn() -> Name,
    ) -> Result<Name, WorktreeError> {
        loop {
            let name = name();
            let path = self.maildir().file(folder, &name);
            match self.maildir().fs.rename_noreplace(scratch, &path) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(WorktreeError::at(path)(error)),
            }
        }
    }
}
