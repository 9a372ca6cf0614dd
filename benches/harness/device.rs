//! A store with its Maildir, as every command opens it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mailvc_store::fs::OsFs;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{InitRequest, LockRequest, Repository, SnapshotReport, SnapshotRequest};

/// One device.
#[derive(Debug)]
pub struct Device {
    /// The store's directory.
    pub store: PathBuf,
}

impl Device {
    /// A device called `name`, below `dir`, with the Maildir there.
    ///
    /// # Panics
    /// If it can't be made.
    pub fn new(dir: &Path, name: &str) -> Self {
        let store = dir.join(name).join("store");
        let request = InitRequest {
            maildir: Self::maildir(dir, name),
            layout: None,
            name: name.to_owned(),
            make_maildir: true,
            remotes: BTreeMap::new(),
        };
        Repository::init(Arc::new(OsFs), &store, &request).expect("a store");
        Self { store }
    }

    /// Where its Maildir lies.
    pub fn maildir(dir: &Path, name: &str) -> PathBuf {
        dir.join(name).join("Maildir")
    }

    /// The store, opened anew.
    ///
    /// # Panics
    /// If it can't be opened.
    pub fn open(&self) -> Repository {
        Repository::open(Arc::new(OsFs), &self.store).expect("a store")
    }

    /// Records the Maildir, as a command does: the store opened, locked, and closed again.
    ///
    /// # Panics
    /// If it can't be recorded.
    pub fn snapshot(&self) -> SnapshotReport {
        let repo = self.open();
        let locked = repo.lock(&lock()).expect("a lock");
        locked
            .snapshot(&SnapshotRequest::default())
            .expect("a snapshot")
    }
}

/// A wait for nobody.
pub fn lock() -> LockRequest<'static> {
    LockRequest {
        command: "bench",
        patience: Duration::from_secs(30),
        waiting: &|_| {},
        progress: &NoProgress,
    }
}
