#![allow(clippy::disallowed_methods)] // looks at the disk from outside

use std::io::Write;
use std::path::PathBuf;

use mailvc_store::fs::{Fs, append_durable, create_dir_durable, write_durable};

use super::*;

fn create(disk: &FaultFs, name: &str, bytes: &[u8]) -> PathBuf {
    let path = disk.root().join(name);
    disk.create_new(&path)
        .expect("made")
        .write_all(bytes)
        .expect("written");
    path
}

fn read(disk: &FaultFs, name: &str) -> Option<Vec<u8>> {
    std::fs::read(disk.root().join(name)).ok()
}

fn durable(disk: &FaultFs) {
    disk.sync_all(disk.root()).expect("synced");
}

#[test]
fn a_file_that_was_not_synced_is_empty_and_one_without_its_directory_is_gone() {
    let disk = FaultFs::new();
    create(&disk, "named", b"bytes");
    disk.sync_dir(disk.root()).expect("synced");
    let path = disk.root().join("synced");
    let mut file = disk.create_new(&path).expect("made");
    file.write_all(b"bytes").expect("written");
    file.sync().expect("synced");
    disk.power_cut().expect("rewound");
    assert_eq!(read(&disk, "named").as_deref(), Some(&b""[..]));
    assert_eq!(read(&disk, "synced"), None);
}

#[test]
fn what_is_written_durably_stays() {
    let disk = FaultFs::new();
    let dir = disk.root().join("a/b");
    create_dir_durable(&disk, &dir).expect("made");
    write_durable(&disk, &dir.join("file"), b"one").expect("written");
    write_durable(&disk, &dir.join("file"), b"two").expect("written again");
    append_durable(&disk, &dir.join("log"), b"line\n").expect("appended");
    disk.append(&dir.join("log"))
        .expect("open")
        .write_all(b"lost")
        .expect("written");
    disk.power_cut().expect("rewound");
    assert_eq!(read(&disk, "a/b/file").as_deref(), Some(&b"two"[..]));
    assert_eq!(read(&disk, "a/b/log").as_deref(), Some(&b"line\n"[..]));
    assert_eq!(std::fs::read_dir(&dir).expect("a listing").count(), 2);
}

#[test]
fn a_removed_file_comes_back_with_its_inode_until_its_directory_is_synced() {
    let disk = FaultFs::new();
    let path = create(&disk, "file", b"bytes");
    durable(&disk);
    let before = disk.stat(&path).expect("there").inode;
    disk.remove_file(&path).expect("removed");
    disk.power_cut().expect("rewound");
    disk.revive();
    assert_eq!(disk.stat(&path).expect("back").inode, before);
    assert_eq!(read(&disk, "file").as_deref(), Some(&b"bytes"[..]));
    disk.remove_file(&path).expect("removed");
    disk.sync_dir(disk.root()).expect("synced");
    disk.power_cut().expect("rewound");
    assert_eq!(read(&disk, "file"), None);
}

#[test]
fn a_rename_in_one_directory_is_whole_or_not_at_all() {
    for seed in 0..32 {
        let disk = FaultFs::new();
        let (old, new) = (create(&disk, "old", b"1"), create(&disk, "new", b"2"));
        durable(&disk);
        disk.rename(&old, &new).expect("renamed");
        disk.reordered_power_cut(seed).expect("rewound");
        let seen = (read(&disk, "old"), read(&disk, "new"));
        let undone = (Some(b"1".to_vec()), Some(b"2".to_vec()));
        assert!(
            seen == undone || seen == (None, Some(b"1".to_vec())),
            "{seen:?}"
        );
    }
}

/// A file in `cur`, renamed to `new`, both durable directories.
fn moved() -> FaultFs {
    let disk = FaultFs::new();
    for dir in ["cur", "new"] {
        disk.create_dir(&disk.root().join(dir)).expect("made");
    }
    let path = create(&disk, "new/m", b"mail");
    durable(&disk);
    disk.rename(&path, &disk.root().join("cur/m"))
        .expect("renamed");
    disk
}

#[test]
fn a_move_whose_destination_is_synced_first_never_loses_the_file() {
    let disk = moved();
    disk.sync_dir(&disk.root().join("cur")).expect("synced");
    disk.power_cut().expect("rewound");
    assert_eq!(read(&disk, "cur/m").as_deref(), Some(&b"mail"[..]));
    assert_eq!(read(&disk, "new/m").as_deref(), Some(&b"mail"[..]));
}

#[test]
fn a_move_whose_source_alone_is_synced_has_lost_the_file() {
    let disk = moved();
    disk.sync_dir(&disk.root().join("new")).expect("synced");
    disk.power_cut().expect("rewound");
    assert_eq!((read(&disk, "cur/m"), read(&disk, "new/m")), (None, None));
}

#[test]
fn reordering_loses_no_file_that_was_moved_and_not_synced() {
    for seed in 0..32 {
        let disk = moved();
        disk.reordered_power_cut(seed).expect("rewound");
        assert!(read(&disk, "cur/m").or(read(&disk, "new/m")).is_some());
    }
}

#[test]
fn reordering_takes_each_change_in_some_run_and_leaves_it_in_another() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..64 {
        let disk = FaultFs::new();
        create(&disk, "a", b"");
        create(&disk, "b", b"");
        disk.reordered_power_cut(seed).expect("rewound");
        seen.insert((read(&disk, "a").is_some(), read(&disk, "b").is_some()));
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_new_directory_comes_and_goes_with_what_is_in_it() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..64 {
        let disk = FaultFs::new();
        disk.create_dir(&disk.root().join("d")).expect("made");
        create(&disk, "d/durable", b"");
        disk.sync_dir(&disk.root().join("d")).expect("synced");
        disk.reordered_power_cut(seed).expect("rewound");
        let dir = disk.root().join("d").is_dir();
        assert_eq!(dir, read(&disk, "d/durable").is_some());
        seen.insert(dir);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_time_that_was_set_and_not_synced_is_the_old_one() {
    let disk = FaultFs::new();
    let path = create(&disk, "file", b"");
    disk.set_mtime(&path, 1_000).expect("set");
    durable(&disk);
    disk.set_mtime(&path, 2_000).expect("set");
    disk.power_cut().expect("rewound");
    disk.revive();
    assert_eq!(disk.stat(&path).expect("there").mtime(), 1_000);
}

#[test]
fn a_torn_write_leaves_half_and_ends_the_process() {
    let disk = FaultFs::new();
    let path = disk.root().join("file");
    disk.arm(2, Fault::Torn);
    let mut file = disk.create_new(&path).expect("the first operation");
    assert!(file.write_all(b"12345678").is_err());
    assert!(disk.crashed() && disk.open(&path).is_err() && disk.stat(&path).is_err());
    disk.revive();
    assert_eq!(read(&disk, "file").as_deref(), Some(&b"1234"[..]));
    assert!(file.sync().is_err(), "a dead process syncs nothing");
}

#[test]
fn a_failed_operation_fails_once() {
    let disk = FaultFs::new();
    disk.arm(1, Fault::Fail(28));
    let path = disk.root().join("file");
    let error = disk.create_new(&path).err().expect("failed");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(!disk.crashed() && disk.create_new(&path).is_ok());
}

#[test]
fn every_write_of_a_durable_file_may_be_the_last() {
    for fault in [
        Fault::Fail(5),
        Fault::Torn,
        Fault::PowerLoss,
        Fault::Reorder(1),
        Fault::Reorder(2),
    ] {
        let operations = at_every_operation(
            fault,
            |disk| write_durable(disk, &disk.root().join("file"), b"old").expect("written"),
            |disk, ()| drop(write_durable(disk, &disk.root().join("file"), b"newer")),
            |disk, (), hit| {
                let found = read(disk, "file").expect("one of them");
                assert!(
                    found == b"newer" || hit.is_some() && found == b"old",
                    "{fault:?} {hit:?}"
                );
            },
        );
        assert_eq!(operations, 6, "remove, create, write, sync, rename, sync");
    }
}

#[test]
fn what_only_reads_is_refused_once_and_no_write_with_it() {
    let disk = FaultFs::new();
    let path = create(&disk, "file", b"bytes");
    disk.arm(2, Fault::Refuse(24));
    assert!(disk.stat(&path).is_ok());
    assert!(disk.sync_dir(disk.root()).is_ok());
    let error = disk.read_dir(disk.root()).expect_err("refused");
    assert_eq!(error.raw_os_error(), Some(24));
    assert!(disk.read_dir(disk.root()).is_ok() && disk.disarm());
}

#[test]
fn an_unreadable_file_opens_and_gives_nothing() {
    let disk = FaultFs::new();
    let path = create(&disk, "file", b"bytes");
    disk.arm(1, Fault::Unreadable);
    let mut file = disk.open(&path).expect("opened");
    let error = std::io::Read::read(&mut file, &mut [0; 5]).expect_err("unreadable");
    assert_eq!(error.raw_os_error(), Some(5));
    assert_eq!(read(&disk, "file").as_deref(), Some(&b"bytes"[..]));
}
