//! Reading files, and telling damage from another content.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::{Pending, Problem, ProblemKind, Scanner, State, Work, report};
use crate::index::{FileRow, FolderChange, FolderRow};
use crate::maildir::FolderPath;
use crate::odb::{AddedBlob, Batch, BlobSource, ObjectRead};
use crate::progress::Phase;
use crate::worktree::files::Name;
use crate::worktree::listing::Sides;
use crate::worktree::{Maildir, WorktreeError};

/// So many files are read before the index may be told of them.
const PORTION: usize = if cfg!(test) { 100 } else { 16_384 };

/// A file that was to be read, and what came of it.
type Told = ((Arc<FolderPath>, Pending), std::io::Result<AddedBlob>);

struct Source<'a> {
    maildir: &'a Maildir,
    folder: &'a FolderPath,
    name: &'a Name,
}

impl BlobSource for Source<'_> {
    fn open(&self) -> std::io::Result<std::fs::File> {
        let path = self.maildir.file(self.folder, self.name);
        self.maildir.fs.open(&path)
    }
}

impl Work {
    /// Lets a file that could not be read be what it was.
    fn keep(&mut self, pending: Pending) {
        if let Some(known) = pending.known {
            let before = known.here.then_some(known.row);
            self.set(pending.name, before, known.row);
        }
    }
}

impl Scanner<'_> {
    /// Reads what the last look found to be new.
    pub(super) fn read_pending(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
    ) -> Result<(), WorktreeError> {
        let total = state.works.values().map(|work| work.pending.len()).sum();
        let mut wanted: Vec<(Arc<FolderPath>, Pending)> = Vec::with_capacity(total);
        for work in state.works.values_mut() {
            let mut pending = std::mem::take(&mut work.pending);
            // The order of inodes is the order on disk, and close to that of arrival.
            pending.sort_by_key(|pending| pending.inode);
            let folder = Arc::new(work.folder.clone());
            wanted.extend(pending.into_iter().map(|pending| (folder.clone(), pending)));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.progress.begin(Phase::Read, Some(total as u64));
        let mut wanted = wanted.into_iter();
        let mut before = Vec::new();
        while wanted.len() > 0 || !before.is_empty() {
            let part: Vec<_> = wanted.by_ref().take(PORTION).collect();
            // While one part is read, what the one before told is noted and made durable: by a
            // thread of its own, as who waits for the disk keeps no core busy.
            let told = std::mem::take(&mut before);
            let (read, noted) = std::thread::scope(|scope| {
                let noter = scope.spawn(|| self.note_part(batch, state, told));
                let read = self.read_part(batch, part);
                (
                    read,
                    noter.join().unwrap_or_else(|panic| resume_unwind(panic)),
                )
            });
            noted?;
            before = read?;
        }
        Ok(())
    }

    fn read_part(
        &self,
        batch: &Batch<'_>,
        wanted: Vec<(Arc<FolderPath>, Pending)>,
    ) -> Result<Vec<Told>, WorktreeError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let sources: Vec<Source<'_>> = wanted
            .iter()
            .map(|(folder, pending)| Source {
                maildir: self.maildir,
                folder,
                name: &pending.name,
            })
            .collect();
        let added = batch.add_blobs(&sources, self.progress)?;
        if self.progress.cancelled() {
            return Err(WorktreeError::Cancelled);
        }
        Ok(wanted.into_iter().zip(added).collect())
    }

    fn note_part(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
        read: Vec<Told>,
    ) -> Result<(), WorktreeError> {
        if read.is_empty() {
            return Ok(());
        }
        for ((folder, pending), added) in read {
            match added {
                Ok(added) => self.take_in(batch, state, (folder, pending), &added)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    // Renamed since it was listed: the next look finds it.
                    if let Some(work) = state.works.get_mut(&*folder) {
                        work.stale = Sides::BOTH;
                        work.vanished |= pending.known.is_some();
                    }
                }
                Err(error) => {
                    let problem = Problem {
                        path: self.maildir.file(&folder, &pending.name),
                        folder: Some(FolderPath::clone(&folder)),
                        kind: ProblemKind::of(&error),
                    };
                    if let Some(work) = state.works.get_mut(&*folder) {
                        work.unread = true;
                        work.keep(pending);
                    }
                    report(state, problem);
                }
            }
        }
        self.checkpoint(batch, state)
    }

    /// Gives the index the rows of folders that it did not know, where there are very many: they
    /// need not be in memory, and a first scan that is interrupted goes on where it was. Nothing is
    /// said of the folders' directories, which the next scan lists.
    fn checkpoint(&self, batch: &Batch<'_>, state: &mut State) -> Result<(), WorktreeError> {
        let works = || state.works.values().filter(|work| work.unknown);
        if self.dry_run || works().map(|work| work.found.len()).sum::<usize>() < PORTION {
            return Ok(());
        }
        batch.checkpoint()?;
        let mut rows = Vec::new();
        for work in state.works.values_mut().filter(|work| work.unknown) {
            rows.push(FolderChange {
                path: work.folder.clone(),
                row: Some(FolderRow::default()),
                put: std::mem::take(&mut work.found).into_iter().collect(),
                remove: Vec::new(),
            });
        }
        Ok(self.index.update(&rows)?)
    }

    /// Turns a file that was read into a row.
    fn take_in(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
        (folder, pending): (Arc<FolderPath>, Pending),
        added: &AddedBlob,
    ) -> Result<(), WorktreeError> {
        state.read += 1;
        let path = self.maildir.file(&folder, &pending.name);
        let Some(work) = state.works.get_mut(&*folder) else {
            return Ok(());
        };
        let stat = added.stat;
        if stat.size != added.size {
            // Still growing: look again. Had it gone, its directory would show it.
            work.stale = Sides::BOTH;
            work.keep(pending);
            return Ok(());
        }
        let row = FileRow {
            blob: added.id,
            day: added.day,
            size: added.size,
            inode: stat.inode,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
        };
        let before = pending.known.as_ref().filter(|known| known.here);
        let before = before.map(|known| known.row);
        let known = pending.known.map(|known| known.row);
        let known = known.filter(|known| known.blob != row.blob);
        match known {
            Some(known) if self.is_damage(batch, &path, &known, added)? => {
                let found = (known, added.id);
                work.damaged.insert(pending.name.clone(), found);
                work.set(pending.name, before, known);
                let problem = Problem {
                    path,
                    folder: None,
                    kind: ProblemKind::Damaged(known.blob),
                };
                report(state, problem);
            }
            _ => {
                work.damaged.remove(&pending.name);
                work.set(pending.name, before, row);
            }
        }
        Ok(())
    }

    /// Whether a file's new content is what a crash or a broken disk makes of the old: nothing,
    /// zeros, or its beginning.
    fn is_damage(
        &self,
        odb: &dyn ObjectRead,
        path: &std::path::Path,
        known: &FileRow,
        added: &AddedBlob,
    ) -> Result<bool, WorktreeError> {
        if added.size == 0 {
            return Ok(known.size > 0);
        }
        let mut bytes = Vec::new();
        let read = self.maildir.fs.open(path).and_then(|file| {
            file.take(known.size.max(added.size))
                .read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => {}
            // It is looked at again, under another name perhaps.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(WorktreeError::at(path)(error)),
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(true);
        }
        Ok(added.size < known.size && odb.read(known.blob.into())?.starts_with(&bytes))
    }
}
