//! What lies in a store beside packs: the record of an apply, refs and their logs.

use std::sync::Arc;

use mailvc_store::fs::OsFs;
use mailvc_store::object::{BlobId, DeviceId, Occasion, SnapshotId, Yes};
use mailvc_store::refs::{Expected, LogEntry, LogRecord, RefEdit, RefName, RefStore};
use mailvc_store::repo::Applying;
use mailvc_store::time::Timestamp;

use crate::{FORMATS, golden, pinned, same};

const ID: SnapshotId = SnapshotId::new([0xab; 32]);

#[test]
fn the_record_of_an_apply_has_the_bytes_that_it_had() {
    for (name, from) in [
        ("applying", Some(SnapshotId::new([1; 32]))),
        ("applying first", None),
    ] {
        let record = Applying {
            from,
            to: SnapshotId::new([2; 32]),
            why: "merge laptop".to_owned(),
        };
        same("records.txt", name, &record.encode());
        let bytes = pinned("records.txt", name);
        assert_eq!(Applying::decode(&bytes), Ok(record));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Applying::decode(&changed).is_err(), "byte {at}");
            assert!(Applying::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn a_yes_has_the_bytes_and_the_name_that_it_had() {
    for (name, occasion) in [
        ("yes to a line", Occasion::Line(ID)),
        ("yes to what is missing", Occasion::Missing(ID)),
    ] {
        let yes = Yes {
            occasion,
            device: DeviceId::new([3; 32]),
            messages: vec![BlobId::new([1; 32]), BlobId::new([2; 32])],
        };
        same("records.txt", name, &yes.encode());
        same("records.txt", &format!("{name}, its name"), &yes.hash());
        let bytes = pinned("records.txt", name);
        assert_eq!(Yes::decode(&bytes), Ok((yes, &b""[..])));
    }
}

#[test]
fn a_ref_and_its_log_are_written_as_they_were() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = RefStore::open(Arc::new(OsFs), dir.path());
    let edit = RefEdit {
        name: RefName::tag("v1").expect("a name"),
        expected: Expected::Missing,
        new: Some(ID),
    };
    let who = "ada";
    let why = "tag\tv1";
    refs.update(&[edit], &LogEntry { who, why }).expect("moved");
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("there");
    assert_eq!(read("refs/tags/v1"), format!("{}\n", "ab".repeat(32)));
    let line = read("log/tags/v1");
    let (body, check) = line.rsplit_once('\t').expect("fields");
    let fields: Vec<_> = body.split('\t').collect();
    let seconds = fields[2].parse::<i64>().expect("a time");
    assert_eq!(
        body,
        format!("-\t{}\t{seconds}\tada\ttag v1", "ab".repeat(32))
    );
    let sum = blake3::hash(body.as_bytes()).to_hex();
    assert_eq!(check, format!("{}\n", &sum[..8]));
}

#[test]
fn a_log_is_read_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    for sub in ["refs", "log"] {
        std::fs::create_dir(dir.path().join(sub)).expect("made");
    }
    let log = golden("log-with-crashes.txt");
    std::fs::copy(log, dir.path().join("log/local")).expect("copied");
    std::fs::write(dir.path().join("refs/local"), format!("{ID}\n")).expect("written");
    let refs = RefStore::open(Arc::new(OsFs), dir.path());
    let record = |old: Option<u8>, new: [u8; 32], seconds, why: &str| LogRecord {
        old: old.map(|byte| SnapshotId::new([byte; 32])),
        new: Some(SnapshotId::new(new)),
        when: Timestamp(seconds),
        who: "ada".to_owned(),
        why: why.to_owned(),
    };
    let expected = [
        record(Some(1), [0xab; 32], 1_800_000_300, "merge laptop"),
        record(None, [1; 32], 1_800_000_000, "snapshot"),
    ];
    assert_eq!(refs.log(&RefName::Local).expect("readable"), expected);
}

#[test]
fn a_store_tells_its_format() {
    for format in FORMATS {
        let text = std::fs::read_to_string(golden(&format!("store{format}/format")));
        assert_eq!(text.expect("a golden file"), format!("mailvc {format}\n"));
    }
}
