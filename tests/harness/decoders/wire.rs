//! What comes over a line: frames, messages, items; and whole sessions of them.

use std::io;
use std::sync::Arc;

use mailvc_store::codec::{Reader, Writer};
use mailvc_store::fs::OsFs;
use mailvc_store::graph;
use mailvc_store::object::{Kind, SnapshotId};
use mailvc_store::odb::{ObjectRead, PackedOdb};
use mailvc_store::progress::NoProgress;
use mailvc_store::tree;
use mailvc_transport::protocol::{
    Accepted, Device, Identity, Incoming, Limits, Peer, Policy, Request, Settled, run_client,
    run_server,
};
use mailvc_transport::remote::RemoteUrl;
use mailvc_transport::wire::{FrameReader, Item, Message, Role, Verb};

use super::disk::scratch;

/// An address is printed as it is read, and no part of it passes for an option.
pub(super) fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(url) = RemoteUrl::parse(text) else {
        return;
    };
    assert_eq!(RemoteUrl::parse(&url.to_string()).as_ref(), Ok(&url));
    if let RemoteUrl::Ssh(url) = url {
        let parts = [Some(&url.host), url.user.as_ref()];
        assert!(
            !parts
                .into_iter()
                .flatten()
                .any(|part| part.starts_with('-'))
        );
    }
}

/// A stream of frames: each message has one encoding, but for text, which is made harmless.
pub(super) fn messages(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    while let Ok((kind, payload)) = reader.take() {
        let Ok(message) = Message::decode(kind, payload.clone()) else {
            continue;
        };
        if let Message::Graph(bytes) = &message {
            items(bytes);
        }
        let (same, encoded) = message.clone().encode();
        assert_eq!(same, kind);
        if let Message::Done(_) | Message::Error { .. } = message {
            let again = Message::decode(kind, encoded);
            assert_eq!(again.expect("our own"), message);
        } else {
            assert_eq!(encoded, payload);
        }
    }
}

fn items(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut start = 0;
    while let Ok(item) = Item::decode(&mut reader) {
        let mut writer = Writer::new();
        item.encode(&mut writer);
        assert_eq!(writer.as_bytes(), &bytes[start..reader.offset()]);
        start = reader.offset();
    }
}

/// Bytes that a server says to a client, and a client to a server. Whatever they are, each ends up
/// with a store in which every snapshot is whole.
pub(super) fn session(bytes: &[u8]) {
    let limits = Limits::default();
    let progress = &NoProgress;
    listen(|device| {
        let request = Request {
            verb: Verb::Sync,
            account: b"",
            limits,
            progress,
        };
        let _ = run_client(device, (bytes, io::sink()), &request);
    });
    listen(|device| {
        let role = Role::Sync;
        let policy = Policy {
            role,
            limits,
            progress,
        };
        let _ = run_server(device, (bytes, io::sink()), &policy);
    });
}

fn listen(hear: impl FnOnce(&mut Listener)) {
    let dir = scratch();
    let open = || PackedOdb::open(Arc::new(OsFs), dir.path()).expect("a store");
    let mut device = Listener(Arc::new(open()));
    hear(&mut device);
    drop(device);
    assert_snapshots_whole(&open());
}

fn assert_snapshots_whole(odb: &PackedOdb) {
    for hash in odb.ids(Kind::Snapshot).expect("readable") {
        let snapshot = graph::load(odb, SnapshotId::new(hash)).expect("a snapshot");
        graph::check_parents(odb, &snapshot).expect("its parents");
        let map = graph::load_map(odb, snapshot.folders).expect("its folders");
        for folder in map.folders.values() {
            let each = &mut |key: mailvc_store::object::EntryKey, _: &_| {
                odb.read(key.blob.into()).expect("its messages");
            };
            tree::check(odb, folder.tree, folder.sums, each).expect("a tree");
        }
    }
}

/// A device without mail that keeps whatever the protocol lets through.
struct Listener(Arc<PackedOdb>);

impl Device for Listener {
    type Error = std::fmt::Error;

    fn odb(&self) -> Arc<PackedOdb> {
        Arc::clone(&self.0)
    }

    fn identity(&self) -> Identity {
        Identity {
            public_key: vec![1; 51],
            name: "listener".to_owned(),
            rules: 1,
        }
    }

    fn tip(&self) -> Result<Option<SnapshotId>, Self::Error> {
        Ok(None)
    }

    fn known(&self) -> Result<Vec<SnapshotId>, Self::Error> {
        Ok(Vec::new())
    }

    fn signatures(&self, _: SnapshotId) -> Result<Vec<Vec<u8>>, Self::Error> {
        Ok(Vec::new())
    }

    fn meet(&mut self, _: &Peer) -> Result<bool, Self::Error> {
        Ok(false)
    }

    fn accept(&mut self, _: &Peer, received: Incoming<'_>) -> Result<Accepted, Self::Error> {
        if let Some(receiving) = received.receiving {
            receiving.finish().expect("a pack");
        }
        Ok(Accepted::default())
    }

    fn settle(&mut self, _: &Peer) -> Result<Settled, Self::Error> {
        Ok(Settled::default())
    }
}
