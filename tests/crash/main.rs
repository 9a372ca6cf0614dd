//! P3: whatever operation is the last before the process or the power goes, running again ends
//! where an undisturbed run would have, and nothing of ours lies about.

#![allow(clippy::disallowed_methods)] // mail clients write without asking us

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailvc_store::fs::SharedFs;
use mailvc_store::object::SnapshotId;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{
    CheckoutRequest, InitRequest, LockRequest, RepoError, Repository, SnapshotRequest,
};
use mailvc_tests::fault_fs::{Fault, FaultFs, at_every_operation};
use mailvc_tests::maildir;

/// The faults of every kind that a store must survive.
const FAULTS: [Fault; 6] = [
    Fault::Fail(28),
    Fault::Torn,
    Fault::PowerLoss,
    Fault::Reorder(1),
    Fault::Reorder(2),
    Fault::Reorder(3),
];

fn store(disk: &FaultFs) -> PathBuf {
    disk.root().join("store")
}

fn mail(disk: &FaultFs) -> PathBuf {
    disk.root().join("Maildir")
}

fn lock_request() -> LockRequest<'static> {
    LockRequest {
        command: "a test",
        patience: Duration::ZERO,
        waiting: &|_| {},
        progress: &NoProgress,
    }
}

fn init(fs: SharedFs, disk: &FaultFs) -> Result<Repository, RepoError> {
    let request = InitRequest {
        maildir: mail(disk),
        layout: None,
        name: "a".to_owned(),
        make_maildir: true,
    };
    Repository::init(fs, &store(disk), &request)
}

fn snapshot(disk: &FaultFs) -> Result<Option<SnapshotId>, RepoError> {
    let repo = Repository::open(disk.shared(), &store(disk))?;
    let locked = repo.lock(&lock_request())?;
    Ok(locked.snapshot(&SnapshotRequest::default())?.id)
}

fn checkout(disk: &FaultFs, target: SnapshotId) -> Result<(), RepoError> {
    let repo = Repository::open(disk.shared(), &store(disk))?;
    let locked = repo.lock(&lock_request())?;
    let recorded = locked.snapshot(&SnapshotRequest::default())?;
    let request = |yes| CheckoutRequest {
        target,
        folder: None,
        keep_newer: false,
        yes,
        dry_run: false,
    };
    match locked.checkout(&recorded, &request(None)) {
        Err(RepoError::WouldRemove(leaving)) => {
            let count = leaving.messages.len() as u64;
            locked.checkout(&recorded, &request(Some(count)))?;
        }
        other => drop(other?),
    }
    Ok(())
}

fn put(root: &Path, folder: &str, name: &str, text: &str) {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(root.join(folder).join(sub)).expect("a folder");
    }
    let path = root.join(folder).join(name);
    fs::write(&path, format!("Subject: {text}\n\n{text}\n")).expect("a message");
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(time).expect("set");
}

/// Two recorded states that differ in every way; the Maildir is in the second.
struct Subject {
    old: SnapshotId,
    old_mail: maildir::Messages,
    new: SnapshotId,
    new_mail: maildir::Messages,
}

fn prepare(disk: &FaultFs) -> Subject {
    init(disk.shared(), disk).expect("a store");
    let root = mail(disk);
    put(&root, "", "cur/1:2,", "flagged later");
    put(&root, "", "new/2", "seen later");
    put(&root, "", "cur/3:2,S", "removed later");
    put(&root, ".Lists", "cur/4:2,", "moved later");
    put(&root, ".Gone", "cur/5:2,", "in a folder that goes");
    fs::write(root.join("subscriptions"), "Lists\n").expect("written");
    let old = snapshot(disk).expect("recorded").expect("something");
    let old_mail = maildir::read(&root).expect("read");
    fs::rename(root.join("cur/1:2,"), root.join("cur/1:2,F")).expect("renamed");
    fs::rename(root.join("new/2"), root.join("cur/2:2,S")).expect("renamed");
    fs::remove_file(root.join("cur/3:2,S")).expect("removed");
    put(&root, ".Archive", "cur/6:2,", "new one");
    fs::rename(
        root.join(".Lists/cur/4:2,"),
        root.join(".Archive/cur/4:2,S"),
    )
    .expect("moved");
    fs::remove_dir_all(root.join(".Gone")).expect("removed");
    put(&root, "", "new/7", "another new one");
    fs::write(root.join("subscriptions"), "Lists\nArchive\n").expect("written");
    let new = snapshot(disk).expect("recorded").expect("something");
    let new_mail = maildir::read(&root).expect("read");
    Subject {
        old,
        old_mail,
        new,
        new_mail,
    }
}

/// Nothing of ours lies about, and the next look finds what was recorded.
fn assert_settled(disk: &FaultFs, at: &str) {
    let litter = maildir::in_tmp(&mail(disk)).expect("listed");
    assert!(litter.is_empty(), "{at}: {litter:?}");
    for entry in fs::read_dir(mail(disk)).expect("listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path().join("cur").is_dir();
        assert!(
            !name.starts_with('.') || folder,
            "{at}: {name} is no folder"
        );
        assert!(name == "new" || !name.ends_with("new"), "{at}: {name}");
    }
    let litter = maildir::store_litter(&store(disk)).expect("listed");
    assert!(litter.is_empty(), "{at}: {litter:?}");
    let repo = Repository::open(disk.shared(), &store(disk)).expect("opened");
    let locked = repo.lock(&lock_request()).expect("locked");
    let request = SnapshotRequest {
        thorough: true,
        ..SnapshotRequest::default()
    };
    let again = locked.snapshot(&request).expect("recorded");
    assert!(!again.new, "{at}: {:#?}", again.changes);
}

#[test]
fn a_checkout_may_be_cut_off_anywhere() {
    for fault in FAULTS {
        let operations = at_every_operation(
            fault,
            prepare,
            |disk, subject| drop(checkout(disk, subject.old)),
            |disk, subject, struck| {
                let at = format!("{fault:?} at {struck:?}");
                snapshot(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
                let repo = Repository::open(disk.shared(), &store(disk)).expect("opened");
                let local = repo.local().expect("read");
                let now = maildir::read(&mail(disk)).expect("read");
                let expected = if local == Some(subject.new) {
                    &subject.new_mail
                } else {
                    &subject.old_mail
                };
                assert_eq!(now.difference(expected), "", "{at}");
                assert_settled(disk, &at);
                checkout(disk, subject.old).unwrap_or_else(|error| panic!("{at}: {error}"));
                let now = maildir::read(&mail(disk)).expect("read");
                assert_eq!(now.difference(&subject.old_mail), "", "{at}");
                assert_settled(disk, &at);
            },
        );
        assert!(operations > 20, "{operations}");
    }
}

#[test]
fn an_init_and_its_first_snapshot_may_be_cut_off_anywhere() {
    for fault in FAULTS {
        at_every_operation(
            fault,
            |_| (),
            |disk, ()| {
                if init(disk.shared(), disk).is_ok() {
                    put(&mail(disk), "", "cur/1:2,", "one");
                    drop(snapshot(disk));
                }
            },
            |disk, (), struck| {
                let at = format!("{fault:?} at {struck:?}");
                match init(disk.shared(), disk) {
                    Ok(_) | Err(RepoError::Exists(_)) => {}
                    Err(error) => panic!("{at}: {error}"),
                }
                put(&mail(disk), "", "cur/1:2,", "one");
                let id = snapshot(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
                assert!(id.is_some(), "{at}");
                assert_settled(disk, &at);
            },
        );
    }
}
