//! Stores and their Maildirs, on the disk with faults or beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailvc_store::fs::SharedFs;
use mailvc_store::object::SnapshotId;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{
    CheckoutRequest, InitRequest, LockRequest, Locked, RepoError, Repository, SnapshotReport,
    SnapshotRequest,
};
use mailvc_tests::fault_fs::FaultFs;

/// The store on the disk with faults.
pub(crate) fn store(disk: &FaultFs) -> PathBuf {
    disk.root().join("store")
}

/// Its Maildir.
pub(crate) fn mail(disk: &FaultFs) -> PathBuf {
    disk.root().join("Maildir")
}

pub(crate) fn lock_request() -> LockRequest<'static> {
    LockRequest {
        command: "a test",
        patience: Duration::ZERO,
        waiting: &|_| {},
        progress: &NoProgress,
    }
}

/// Makes `store` and `Maildir` in `root`.
pub(crate) fn init(fs: SharedFs, root: &Path, name: &str) -> Result<Repository, RepoError> {
    let request = InitRequest {
        maildir: root.join("Maildir"),
        layout: None,
        name: name.to_owned(),
        make_maildir: true,
        remotes: BTreeMap::new(),
    };
    Repository::init(fs, &root.join("store"), &request)
}

pub(crate) fn open(disk: &FaultFs) -> Result<Repository, RepoError> {
    Repository::open(disk.shared(), &store(disk))
}

/// Records the Maildir, then does `work` under the same lock.
pub(crate) fn locked<T>(
    repo: &Repository,
    work: impl FnOnce(&Locked<'_>, &SnapshotReport) -> Result<T, RepoError>,
) -> Result<T, RepoError> {
    let locked = repo.lock(&lock_request())?;
    let recorded = locked.snapshot(&SnapshotRequest::default())?;
    work(&locked, &recorded)
}

/// Records the Maildir.
pub(crate) fn snapshot(disk: &FaultFs) -> Result<Option<SnapshotId>, RepoError> {
    locked(&open(disk)?, |_, recorded| Ok(recorded.id))
}

/// Records the Maildir and takes it back to `target`, whatever leaves it.
pub(crate) fn checkout(disk: &FaultFs, target: SnapshotId) -> Result<(), RepoError> {
    let request = |yes| CheckoutRequest {
        target,
        folder: None,
        keep_newer: false,
        yes,
        dry_run: false,
    };
    locked(&open(disk)?, |locked, recorded| {
        with_consent(|yes| locked.checkout(recorded, &request(yes)))
    })
}

/// Does what is asked for; if messages would leave, once more with the yes that it takes.
pub(crate) fn with_consent<T>(
    go: impl Fn(Option<u64>) -> Result<T, RepoError>,
) -> Result<(), RepoError> {
    match go(None) {
        Err(RepoError::WouldRemove(leaving)) => drop(go(Some(leaving.messages.len() as u64))?),
        other => drop(other?),
    }
    Ok(())
}
