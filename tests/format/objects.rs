//! One of each object: its bytes, its id, and back.

use mailvc_store::codec::{Reader, Writer};
use mailvc_store::maildir::{Flags, FolderPath};
use mailvc_store::object::{
    BlobId, Child, Conflict, ConflictKind, Copies, Day, DeviceId, Entry, EntryKey, Folder,
    FolderMap, FolderMapId, Keyword, Kind, MessageCopy, Node, ObjectKey, SignatureId, Snapshot,
    SnapshotId, SnapshotKind, Sums, TreeId,
};
use mailvc_store::sign::{PublicKey, armor, verify};
use mailvc_store::time::Timestamp;

use crate::{golden, pinned, same};

const FILE: &str = "objects.txt";

/// The object has these bytes and this id.
#[track_caller]
fn object(kind: Kind, name: &str, bytes: &[u8]) {
    same(FILE, name, bytes);
    let id = ObjectKey::of(kind, bytes).hash;
    same(FILE, &format!("{name} id"), &id);
}

fn path(path: &str) -> FolderPath {
    FolderPath::new(path.as_bytes()).expect("a path")
}

fn copy(recent: bool, info: &[u8], keywords: &[&str], mtime: i64) -> MessageCopy {
    MessageCopy {
        recent,
        flags: Flags::from_info(info),
        keywords: keywords
            .iter()
            .map(|name| Keyword::new(name.as_bytes()).expect("a keyword"))
            .collect(),
        mtime,
    }
}

fn entry() -> Entry {
    let seen = copy(false, b"SFa,x", &["$Forwarded", "Work"], 1_700_000_000);
    let copies = [seen.clone(), copy(true, b"", &[], -1), seen];
    Entry {
        size: 300,
        copies: Copies::collect(copies).expect("copies"),
        kept: 7,
    }
}

fn simple() -> Entry {
    Entry {
        size: 0,
        copies: Copies::one(copy(false, b"S", &[], 0)),
        kept: 0,
    }
}

fn key(day: u16, byte: u8) -> EntryKey {
    EntryKey {
        day: Day(day),
        blob: BlobId::new([byte; 32]),
    }
}

fn sums(entries: u64) -> Sums {
    Sums {
        entries,
        copies: entries + 1,
        bytes: entries * 1000,
    }
}

fn folder_map() -> FolderMap {
    let mut map = FolderMap::default();
    for (name, byte) in [("", 1), ("Archive/v1.2", 2), ("Grüße", 3)] {
        let tree = TreeId::new([byte; 32]);
        let sums = sums(u64::from(byte) * 100);
        map.folders.insert(path(name), Folder { tree, sums });
    }
    for line in ["Grüße", "Archive.v1%2E2"] {
        map.subscriptions.insert(line.as_bytes().to_vec());
    }
    map
}

fn snapshot(kind: SnapshotKind) -> Snapshot {
    Snapshot {
        kind,
        generation: 300,
        parents: vec![SnapshotId::new([9; 32])],
        folders: FolderMapId::new([8; 32]),
        tags: None,
        device: Some(DeviceId::new([7; 32])),
        device_name: "laptop".to_owned(),
        time: Timestamp(1_800_000_000),
        sums: sums(500),
        merge_rules: 0,
        conflicts: Vec::new(),
        conflicts_total: 0,
        message: "before the holidays".to_owned(),
    }
}

fn merge() -> Snapshot {
    let conflict = |folder, key, kind| Conflict {
        folder: path(folder),
        key,
        kind,
    };
    let conflicts = vec![
        conflict("", key(18_000, 5), ConflictKind::DeletedAndChanged),
        conflict("", key(18_000, 6), ConflictKind::LastCopies),
        conflict("A/B", key(0, 0), ConflictKind::FolderDeletedAndChanged),
        conflict("A/B", key(1, 0), ConflictKind::MovedTwice),
    ];
    Snapshot {
        parents: vec![SnapshotId::new([1; 32]), SnapshotId::new([2; 32])],
        device: None,
        device_name: String::new(),
        merge_rules: 1,
        conflicts_total: conflicts.len() as u64,
        conflicts,
        message: String::new(),
        tags: Some(TreeId::new([6; 32])),
        ..snapshot(SnapshotKind::Merge)
    }
}

#[test]
fn an_entry_has_the_bytes_that_it_had() {
    let mut writer = Writer::new();
    entry().encode(&mut writer);
    let bytes = writer.finish();
    same(FILE, "entry", &bytes);
    let mut reader = Reader::new(&bytes);
    assert_eq!(Entry::decode(&mut reader), Ok(entry()));
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn tree_nodes_have_the_bytes_and_ids_that_they_had() {
    let entries = vec![
        (key(0, 4), simple()),
        (key(18_414, 1), entry()),
        (key(18_414, 2), simple()),
    ];
    let child = |byte| {
        Some(Child {
            id: TreeId::new([byte; 32]),
            sums: sums(100),
        })
    };
    let mut children = Box::new([None; 16]);
    (children[0], children[4], children[15]) = (child(1), child(2), child(3));
    for (name, node) in [
        ("empty leaf", Node::empty()),
        ("leaf", Node::Leaf(entries)),
        ("branch", Node::Branch(children)),
    ] {
        object(Kind::Tree, name, &node.encode());
        assert_eq!(Node::decode(&pinned(FILE, name)), Ok(node));
    }
}

#[test]
fn a_folder_map_has_the_bytes_and_the_id_that_it_had() {
    object(Kind::FolderMap, "folder map", &folder_map().encode());
    let map = FolderMap::decode(&pinned(FILE, "folder map"));
    assert_eq!(map, Ok(folder_map()));
}

#[test]
fn snapshots_of_each_kind_have_the_bytes_and_ids_that_they_had() {
    let first = Snapshot {
        generation: 1,
        parents: Vec::new(),
        ..snapshot(SnapshotKind::Snapshot)
    };
    for (name, snapshot) in [
        ("first snapshot", first),
        ("snapshot", snapshot(SnapshotKind::Snapshot)),
        ("checkout", snapshot(SnapshotKind::Checkout)),
        ("undo", snapshot(SnapshotKind::Undo)),
        ("restore", snapshot(SnapshotKind::Restore)),
        ("merge", merge()),
    ] {
        object(Kind::Snapshot, name, &snapshot.encode());
        assert_eq!(Snapshot::decode(&pinned(FILE, name)), Ok(snapshot));
    }
}

#[test]
fn messages_and_dictionaries_have_the_ids_that_they_had() {
    object(Kind::Blob, "message", b"Subject: one\n\nof each\n");
    object(Kind::Dictionary, "dictionary", b"Received: from ");
}

/// What a kind of object makes of bytes that decode.
fn again(kind: Kind, bytes: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Tree => Node::decode(bytes).map(|it| it.encode()).ok(),
        Kind::FolderMap => FolderMap::decode(bytes).map(|it| it.encode()).ok(),
        _ => Snapshot::decode(bytes).map(|it| it.encode()).ok(),
    }
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    let objects = [
        (Kind::Tree, "leaf"),
        (Kind::Tree, "branch"),
        (Kind::FolderMap, "folder map"),
        (Kind::Snapshot, "snapshot"),
        (Kind::Snapshot, "merge"),
    ];
    let mut accepted = 0;
    for (kind, name) in objects {
        let bytes = pinned(FILE, name);
        for at in 0..bytes.len() {
            assert_eq!(again(kind, &bytes[..at]), None, "{name} cut at {at}");
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Some(encoded) = again(kind, &changed) {
                    assert!(encoded == changed, "{name} with {value} at {at}");
                    accepted += 1;
                }
            }
        }
    }
    assert!(accepted > 100_000, "most bytes are of ids: {accepted}");
}

fn device_key() -> PublicKey {
    let text = std::fs::read_to_string(golden("device.pub")).expect("a golden file");
    PublicKey::from_openssh(&text).expect("a key")
}

#[test]
fn a_signature_holds_that_was_made_once() {
    let bytes = pinned(FILE, "signature");
    object(Kind::Signature, "signature", &bytes);
    let signed = pinned(FILE, "snapshot");
    let (snapshot, rest) = bytes.split_first_chunk::<32>().expect("an id");
    let (device, sshsig) = rest.split_first_chunk::<32>().expect("an id");
    let key = device_key();
    assert_eq!(SnapshotId::new(*snapshot), SnapshotId::of(&signed));
    let id = DeviceId::of_public_key(&key.wire_bytes());
    assert_eq!(DeviceId::new(*device), id);
    let place = SignatureId::of(SnapshotId::new(*snapshot), id);
    assert_eq!(ObjectKey::of(Kind::Signature, &bytes), place.into());
    assert_eq!(verify(&key, &signed, sshsig), Ok(()));
}

/// The command line of `store/FORMAT.md`.
#[test]
fn openssh_checks_a_signature_with_what_is_in_a_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name);
    let key = device_key();
    let device = DeviceId::of_public_key(&key.wire_bytes()).to_string();
    let options = "namespaces=\"mailvc-snapshot\"";
    let trusted = format!("{device} {options} {} laptop\n", key.to_openssh());
    std::fs::write(file("trusted"), trusted).expect("written");
    let armored = armor(&pinned(FILE, "signature")[64..]).expect("a signature");
    std::fs::write(file("snapshot.sig"), armored).expect("written");
    std::fs::write(file("snapshot"), pinned(FILE, "snapshot")).expect("written");
    let status = std::process::Command::new("ssh-keygen")
        .args(["-Y", "verify", "-f"])
        .arg(file("trusted"))
        .args(["-I", &device, "-n", "mailvc-snapshot", "-s"])
        .arg(file("snapshot.sig"))
        .stdin(std::fs::File::open(file("snapshot")).expect("there"))
        .stdout(std::process::Stdio::null())
        .status();
    match status {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: there is no ssh-keygen");
        }
        status => assert!(status.expect("it runs").success()),
    }
}
