//! Writing a state, or some messages of it, into a directory of its own.

use std::path::Path;

use crate::fs::{Lock, create_dir_durable};
use crate::graph;
use crate::maildir::{Layout, UniqueNames};
use crate::object::{FolderMap, SnapshotId};
use crate::odb::{ObjectWrite, Overlay};
use crate::worktree::{Exported, Exporter, Maildir, WorktreeError, export};

use super::going_back::{assemble, last_places};
use super::{LockRequest, RepoError, Repository, Selection};

/// What to write where.
#[derive(Debug, Clone)]
pub struct ExportRequest<'a> {
    /// The state.
    pub from: SnapshotId,
    /// Which of its messages.
    pub selection: Selection,
    /// The directory: empty, or not there yet.
    pub dir: &'a Path,
    /// Whether to find out only.
    pub dry_run: bool,
}

impl Repository {
    /// Writes a state as a Maildir in the store's own layout. Neither the store nor its Maildir is
    /// touched or locked; the directory appears when it is whole.
    pub fn export(
        &self,
        request: &ExportRequest<'_>,
        lock: &LockRequest<'_>,
    ) -> Result<Exported, RepoError> {
        let dir = std::path::absolute(request.dir).map_err(RepoError::at(request.dir))?;
        self.refuse_inside(&dir)?;
        let odb = Overlay::new(self.odb());
        let map = self.selected(&odb, request.from, &request.selection)?;
        if request.dry_run {
            let sums = map.sums();
            return Ok(Exported {
                files: sums.copies,
                bytes: sums.bytes,
            });
        }
        let parent = dir.parent().unwrap_or(&dir);
        create_dir_durable(&**self.fs(), parent).map_err(RepoError::at(parent))?;
        let _lock = Lock::dir(parent, lock.patience, lock.waiting)?;
        let host = rustix::system::uname();
        let exporter = Exporter {
            odb: &odb,
            names: &UniqueNames::new(&host.nodename().to_string_lossy()),
            progress: lock.progress,
        };
        let maildir = Maildir {
            fs: self.fs().clone(),
            root: dir.clone(),
            layout: self
                .maildir()
                .map_or(Layout::MaildirPlusPlus, |maildir| maildir.layout),
        };
        Ok(export(&exporter, &map, &maildir)?)
    }

    /// A folder map of the messages that are wanted.
    fn selected(
        &self,
        odb: &dyn ObjectWrite,
        from: SnapshotId,
        selection: &Selection,
    ) -> Result<FolderMap, RepoError> {
        let mut map = graph::load_map(odb, graph::load(odb, from)?.folders)?;
        match selection {
            Selection::All => Ok(map),
            Selection::Folder(only) => {
                map.folders.retain(|path, _| path == only);
                map.subscriptions.clear();
                Ok(map)
            }
            Selection::Messages(keys) => assemble(odb, last_places(self.odb(), from, keys)?),
        }
    }

    /// What is written into a Maildir would be taken for new mail, what is written into the store
    /// for its own.
    fn refuse_inside(&self, dir: &Path) -> Result<(), RepoError> {
        let existing = dir.ancestors().find(|dir| dir.exists());
        let existing = existing.unwrap_or(dir);
        let place = std::fs::canonicalize(existing).map_err(RepoError::at(existing))?;
        let store = std::fs::canonicalize(self.layout().root()).ok();
        let mail = self.maildir().map(|maildir| maildir.root);
        let mut taken = [store, mail].into_iter().flatten();
        if taken.any(|taken| place.starts_with(taken)) {
            return Err(WorktreeError::NotVacant(dir.to_owned()).into());
        }
        Ok(())
    }
}
