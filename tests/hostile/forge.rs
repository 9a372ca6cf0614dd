//! What a peer makes up: snapshots with whatever in them, signed with a key that the victim trusts,
//! as somebody can who has taken over a device.

use mailvc_store::codec::Writer;
use mailvc_store::fs::OsFs;
use mailvc_store::maildir::FolderPath;
use mailvc_store::mime;
use mailvc_store::object::{
    BlobId, Copies, Day, DeviceId, Entry, EntryKey, Folder, FolderMap, FolderMapId, MessageCopy,
    Node, Snapshot, SnapshotId, SnapshotKind, TreeId,
};
use mailvc_store::sign::{KeyFile, Signer};
use mailvc_store::time::Timestamp;
use mailvc_tests::machine::Machine;
use mailvc_transport::wire::{FolderBase, Item};

/// The message in what is made up.
pub(crate) const MESSAGE: &[u8] = b"Subject: trust me\nDate: 2 Jan 2001 12:00:00 +0000\n\nhello\n";

/// Somebody who signs.
pub(crate) struct Forger {
    pub(crate) key: KeyFile,
    pub(crate) device: DeviceId,
}

impl Forger {
    /// With the key of a machine's device.
    pub(crate) fn with_key_of(machine: &Machine) -> Self {
        let key = KeyFile::load(&OsFs, &machine.store().join("keys/device")).expect("its key");
        let device = DeviceId::of_public_key(&key.public_key().wire_bytes());
        Self { key, device }
    }

    /// A first snapshot of these folders.
    pub(crate) fn snapshot(&self, map: &FolderMap) -> Snapshot {
        Snapshot {
            kind: SnapshotKind::Snapshot,
            generation: 1,
            parents: Vec::new(),
            folders: FolderMapId::of(&map.encode()),
            tags: None,
            device: Some(self.device),
            device_name: "server".to_owned(),
            time: Timestamp(1_600_000_000),
            sums: map.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: String::new(),
        }
    }

    /// The object that says that `device` signed a snapshot, whose key however is this one.
    pub(crate) fn signature(&self, snapshot: &Snapshot, device: DeviceId) -> Vec<u8> {
        let sshsig = self.key.sign(&snapshot.encode()).expect("signed");
        let id = snapshot.id();
        [id.as_bytes(), device.as_bytes(), &sshsig[..]].concat()
    }

    /// The beginning of a snapshot's description, duly signed.
    pub(crate) fn begin(&self, snapshot: &Snapshot, base: Option<u8>) -> Item {
        Item::Snapshot {
            bytes: snapshot.encode(),
            signatures: vec![self.signature(snapshot, self.device)],
            base,
        }
    }
}

/// The key of a message.
pub(crate) fn key_of(message: &[u8]) -> EntryKey {
    EntryKey {
        day: Day(mime::day(message)),
        blob: BlobId::of(message),
    }
}

/// A message's entry, with one copy.
pub(crate) fn entry(copy: MessageCopy) -> Entry {
    Entry {
        size: MESSAGE.len() as u64,
        copies: Copies::one(copy),
        kept: 0,
    }
}

/// A folder map of one folder, with the one message in it.
pub(crate) fn one_folder(path: &FolderPath, entry: Entry) -> FolderMap {
    let node = Node::Leaf(vec![(key_of(MESSAGE), entry)]);
    let folder = Folder {
        tree: TreeId::of(&node.encode()),
        sums: node.sums(),
    };
    let mut map = FolderMap::default();
    map.folders.insert(path.clone(), folder);
    map
}

/// What tells of that folder.
pub(crate) fn items(path: &FolderPath, entry: Entry) -> Vec<Item> {
    vec![
        Item::Folder {
            path: path.clone(),
            base: FolderBase::Empty,
        },
        Item::Put(key_of(MESSAGE), entry),
    ]
}

/// The bytes of items, back to back.
pub(crate) fn encoded(items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new();
    for item in items {
        item.encode(&mut writer);
    }
    writer.finish()
}

/// A snapshot that nobody has.
pub(crate) fn nowhere() -> SnapshotId {
    SnapshotId::of(b"nowhere")
}
