//! A store that is being written to: nobody else writes to it, nor to its Maildir.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::fs::{Holder, Lock};
use crate::index::Index;
use crate::maildir::UniqueNames;
use crate::maintain::GRACE;
use crate::odb::{Batch, ObjectRead};
use crate::progress::Progress;
use crate::worktree::Maildir;

use super::{Applying, RepoError, Repository, instance};

/// Who wants to write.
pub struct LockRequest<'a> {
    /// The command, as others who wait are told: `mailvc sync`.
    pub command: &'a str,
    /// How long to wait for others.
    pub patience: Duration,
    /// Called once if somebody has to be waited for.
    pub waiting: &'a dyn Fn(&Holder),
    /// Told of the work.
    pub progress: &'a dyn Progress,
}

/// A store and its Maildir, locked. What an interrupted run left has been finished or cleared.
pub struct Locked<'a> {
    pub(super) repo: &'a Repository,
    pub(super) maildir: Maildir,
    pub(super) index: Arc<Index>,
    pub(super) names: UniqueNames,
    pub(super) progress: &'a dyn Progress,
    pub(super) command: &'a str,
    /// What an interrupted run was doing, and this one has ended.
    pub(super) finished: Cell<Option<Applying>>,
    /// What dry runs write; one of them builds on what another found.
    dry: Batch<'a>,
    _locks: (Lock, Lock),
}

/// What an operation writes: a pack of its own, or in a dry run one that nobody ever finishes.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(super) enum Work<'l, 'a> {
    Real(Batch<'a>),
    Dry(&'l Batch<'a>),
}

impl<'a> std::ops::Deref for Work<'_, 'a> {
    type Target = Batch<'a>;

    fn deref(&self) -> &Batch<'a> {
        match self {
            Self::Real(batch) => batch,
            Self::Dry(batch) => batch,
        }
    }
}

impl Work<'_, '_> {
    /// Makes everything durable, unless it is a dry run.
    pub(super) fn finish(self) -> Result<(), RepoError> {
        if let Self::Real(batch) = self {
            batch.finish()?;
        }
        Ok(())
    }
}

impl<'a> Locked<'a> {
    /// The objects that are stored, and those that dry runs under this lock would have stored.
    pub fn odb(&self) -> &dyn ObjectRead {
        &self.dry
    }

    pub(super) fn work(&self, dry_run: bool) -> Result<Work<'_, 'a>, RepoError> {
        Ok(if dry_run {
            Work::Dry(&self.dry)
        } else {
            Work::Real(self.repo.odb().batch()?)
        })
    }
}

impl Repository {
    /// Locks the store alone: for what concerns refs, settings and trust. What dead runs left in
    /// it is cleared.
    pub fn lock_store(&self, request: &LockRequest<'_>) -> Result<Lock, RepoError> {
        let path = self.layout().lock();
        let lock = Lock::file(&path, request.command, request.patience, request.waiting)?;
        instance::check(&**self.fs(), self.layout())?;
        self.odb().sweep()?;
        self.drop_superseded(GRACE)?;
        self.refs().sweep()?;
        self.sweep_settings()?;
        self.finish_renewal()?;
        Ok(lock)
    }

    /// Removes what a crash left of settings, keys and records that were being written.
    pub(super) fn sweep_settings(&self) -> Result<(), RepoError> {
        let layout = self.layout();
        for dir in [layout.root().to_owned(), layout.keys(), layout.yeses()] {
            let entries = match self.fs().read_dir(&dir) {
                // The first yes makes its directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(RepoError::at(&dir))?,
            };
            let half = |name: &OsStr| name.as_encoded_bytes().ends_with(b".new");
            for entry in entries.iter().filter(|entry| half(&entry.name)) {
                let path = dir.join(&entry.name);
                self.fs().remove_file(&path).map_err(RepoError::at(path))?;
            }
        }
        Ok(())
    }

    /// Locks the store and the Maildir, in this order, and finishes what an interrupted run began.
    pub fn lock<'a>(&'a self, request: &LockRequest<'a>) -> Result<Locked<'a>, RepoError> {
        let maildir = self.maildir().ok_or(RepoError::NoMaildir)?;
        let config = self.config().maildir.as_ref().ok_or(RepoError::NoMaildir)?;
        let store = self.lock_store(request)?;
        maildir.check_anchor(&config.anchor())?;
        let root = Lock::dir(&maildir.root, request.patience, request.waiting)?;
        let host = rustix::system::uname();
        let locked = Locked {
            repo: self,
            index: self.index()?,
            maildir,
            names: UniqueNames::new(&host.nodename().to_string_lossy()),
            progress: request.progress,
            command: request.command,
            finished: Cell::default(),
            dry: self.odb().batch()?,
            _locks: (store, root),
        };
        if let Some(record) = Applying::load(&**self.fs(), &self.layout().applying())? {
            locked.finish_interrupted(&record)?;
            let ended = self.local()? == Some(record.to);
            locked.finished.set(ended.then_some(record));
        }
        Ok(locked)
    }
}
