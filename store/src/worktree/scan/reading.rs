//! Reading files, and telling damage from another content.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

use super::{Pending, Problem, ProblemKind, Scanner, State, report};
use crate::fs::SharedFs;
use crate::index::FileRow;
use crate::maildir::FolderPath;
use crate::odb::{AddedBlob, Batch, BlobSource, ObjectRead};
use crate::progress::Phase;
use crate::worktree::WorktreeError;

struct Source {
    fs: SharedFs,
    path: PathBuf,
}

impl BlobSource for Source {
    fn open(&self) -> std::io::Result<std::fs::File> {
        self.fs.open(&self.path)
    }
}

impl Scanner<'_> {
    /// Reads what the last look found to be new.
    pub(super) fn read_pending(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
    ) -> Result<(), WorktreeError> {
        let mut wanted: Vec<(FolderPath, Pending)> = Vec::new();
        for work in state.works.values_mut() {
            let mut pending = std::mem::take(&mut work.pending);
            // The order of inodes is the order on disk, and close to that of arrival.
            pending.sort_by_key(|pending| pending.inode);
            wanted.extend(
                pending
                    .into_iter()
                    .map(|pending| (work.folder.clone(), pending)),
            );
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let touched: BTreeSet<FolderPath> =
            wanted.iter().map(|(folder, _)| folder.clone()).collect();
        let sources: Vec<Source> = wanted
            .iter()
            .map(|(folder, pending)| Source {
                fs: self.maildir.fs.clone(),
                path: self.maildir.file(folder, &pending.name),
            })
            .collect();
        self.progress.begin(Phase::Read, Some(sources.len() as u64));
        let added = batch.add_blobs(&sources, self.progress)?;
        if self.progress.cancelled() {
            return Err(WorktreeError::Cancelled);
        }
        for (((folder, pending), source), added) in wanted.into_iter().zip(sources).zip(added) {
            match added {
                Ok(added) => self.take_in(batch, state, (folder, pending), &added)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    // Renamed since it was listed: the next look finds it.
                    if let Some(work) = state.works.get_mut(&folder) {
                        work.stale = true;
                        work.vanished |= pending.known.is_some();
                    }
                }
                Err(error) => {
                    let kind = ProblemKind::Unreadable(error.to_string());
                    let problem = Problem {
                        path: source.path,
                        folder: Some(folder),
                        kind,
                    };
                    if let (Some(work), Some(known)) = (
                        problem
                            .folder
                            .as_ref()
                            .and_then(|folder| state.works.get_mut(folder)),
                        pending.known,
                    ) {
                        work.rows.push((pending.name, known));
                    }
                    report(state, problem);
                }
            }
        }
        for folder in touched {
            if let Some(work) = state.works.get_mut(&folder) {
                work.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            }
        }
        Ok(())
    }

    /// Turns a file that was read into a row. The rows are sorted when all are in.
    fn take_in(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
        (folder, pending): (FolderPath, Pending),
        added: &AddedBlob,
    ) -> Result<(), WorktreeError> {
        state.read += 1;
        let path = self.maildir.file(&folder, &pending.name);
        let Some(work) = state.works.get_mut(&folder) else {
            return Ok(());
        };
        let stat = match self.maildir.fs.lstat(&path) {
            Ok(stat) if stat.size == added.size => stat,
            // Gone, or still growing: look again.
            _ => {
                work.stale = true;
                if let Some(known) = pending.known {
                    work.rows.push((pending.name, known));
                }
                return Ok(());
            }
        };
        let row = FileRow {
            blob: added.id,
            day: added.day,
            size: added.size,
            inode: stat.inode,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
        };
        match pending.known {
            Some(known)
                if known.blob != row.blob && self.is_damage(batch, &path, &known, added)? =>
            {
                let blob = known.blob;
                work.rows.push((pending.name.clone(), known));
                let found = (known, added.id);
                state.damaged.insert((folder, pending.name), found);
                let kind = ProblemKind::Damaged(blob);
                report(
                    state,
                    Problem {
                        path,
                        folder: None,
                        kind,
                    },
                );
            }
            _ => work.rows.push((pending.name, row)),
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
        if read.is_err() {
            return Ok(false);
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(true);
        }
        Ok(added.size < known.size && odb.read(known.blob.into())?.starts_with(&bytes))
    }
}
