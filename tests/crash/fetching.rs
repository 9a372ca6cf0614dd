//! `fetch` and `sync`, cut off at the end that calls.

use std::sync::Arc;

use mailvc_store::fs::OsFs;
use mailvc_store::object::SnapshotId;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{RemoteConfig, RepoError, Repository};
use mailvc_tests::fault_fs::FaultFs;
use mailvc_tests::maildir;
use mailvc_transport::remote::{Call, Connection, RemoteError, Report, call};
use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;
use tempfile::TempDir;

use crate::cut::{Command, cut_off_everywhere};
use crate::mail::{elsewhere, first, second};
use crate::stores::{init, lock_request, locked, mail, open, snapshot};

/// A store on a disk without faults.
pub(crate) struct Other {
    dir: TempDir,
    pub(crate) repo: Repository,
}

impl Other {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.expect("a directory");
        let repo = init(Arc::new(OsFs), dir.path(), "b").expect("a store");
        Self { dir, repo }
    }

    pub(crate) fn snapshot(&self) -> SnapshotId {
        let recorded = locked(&self.repo, |_, recorded| Ok(recorded.id));
        recorded.expect("recorded").expect("something")
    }

    pub(crate) fn maildir(&self) -> std::path::PathBuf {
        self.dir.path().join("Maildir")
    }
}

fn session(from: &Repository, to: &Repository, verb: Verb) -> Result<Report, RemoteError> {
    let remote = RemoteConfig {
        url: to.layout().root().display().to_string(),
        command: None,
        device: None,
        introduce: true,
    };
    let request = Call {
        repo: from,
        name: "origin",
        remote: &remote,
        verb,
        consent: Consent::default(),
    };
    let there = Connection::to_store(to.layout().root().to_owned());
    call(&request, there, &lock_request())
}

/// Two stores that were in step, and what has changed in both Maildirs since: recorded there
/// alone.
pub(crate) fn apart(disk: &FaultFs) -> Other {
    let here = init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    snapshot(disk).expect("recorded");
    let there = Other::new();
    session(&there.repo, &here, Verb::Sync).expect("in step");
    elsewhere(&there.maildir());
    there.snapshot();
    second(&mail(disk));
    there
}

/// A store with nothing in it, and one with everything.
fn nothing_yet(disk: &FaultFs) -> Other {
    init(disk.shared(), disk.root(), "a").expect("a store");
    let there = Other::new();
    first(&there.maildir());
    there.snapshot();
    second(&there.maildir());
    there.snapshot();
    there
}

/// Gives what was fetched.
pub(crate) fn fetch(disk: &FaultFs, there: &Other) -> Result<SnapshotId, RemoteError> {
    let repo = open(disk)?;
    session(&repo, &there.repo, Verb::Fetch)?;
    let name = RefName::remote("origin").expect("a name");
    let fetched = repo.refs().read(&name).map_err(RepoError::from)?;
    Ok(fetched.expect("the remote's line"))
}

fn sync(disk: &FaultFs, there: &Other) -> Result<(), Box<dyn std::error::Error>> {
    snapshot(disk)?;
    session(&open(disk)?, &there.repo, Verb::Sync)?;
    Ok(())
}

fn again(_: &FaultFs, _: &Other, _: &str) -> bool {
    true
}

#[test]
fn a_fetch_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "fetch",
        prepare: apart,
        act: |disk: &FaultFs, there: &Other| {
            snapshot(disk)?;
            let fetched = fetch(disk, there)?;
            assert_eq!(there.repo.local().expect("read"), Some(fetched));
            Ok(())
        },
        again,
    });
}

#[test]
fn a_sync_may_be_cut_off_anywhere_and_both_ends_come_to_the_same() {
    cut_off_everywhere(&Command {
        name: "sync",
        prepare: apart,
        act: |disk: &FaultFs, there: &Other| {
            sync(disk, there)?;
            if disk.refused_to_read() {
                return Ok(());
            }
            let (ours, theirs) = (open(disk)?.local()?, there.repo.local()?);
            assert_eq!(ours, theirs);
            maildir::assert_same(&mail(disk), &there.maildir());
            Ok(())
        },
        again,
    });
}

#[test]
fn a_first_sync_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "first sync",
        prepare: nothing_yet,
        act: |disk: &FaultFs, there: &Other| {
            sync(disk, there)?;
            if disk.refused_to_read() {
                return Ok(());
            }
            maildir::assert_same(&mail(disk), &there.maildir());
            Ok(())
        },
        again,
    });
}
