//! A device without a Maildir, and lines between two of them that break on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;

use mailvc_store::fs::OsFs;
use mailvc_store::graph;
use mailvc_store::maildir::FolderPath;
use mailvc_store::mime;
use mailvc_store::object::{
    BlobId, Copies, Day, DeviceId, Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind,
    MessageCopy, Snapshot, SnapshotId, SnapshotKind,
};
use mailvc_store::odb::{ObjectRead, ObjectWrite, PackedOdb};
use mailvc_store::progress::NoProgress;
use mailvc_store::time::Timestamp;
use mailvc_store::tree;
use tempfile::TempDir;

use super::*;
use crate::wire::{HeldPart, Role, SNAPSHOTS_PER_ROUND, Verb};

/// Why a test device refuses.
#[derive(Debug, thiserror::Error)]
#[error("not you")]
pub(super) struct Refused;

/// A device whose merge is the union.
pub(super) struct TestDevice {
    dir: TempDir,
    odb: Arc<PackedOdb>,
    pub(super) name: String,
    pub(super) tip: Option<SnapshotId>,
    /// What each peer was found to have.
    pub(super) inbox: BTreeMap<DeviceId, SnapshotId>,
    pub(super) met: BTreeSet<Vec<u8>>,
    pub(super) signatures: Vec<(SnapshotId, Vec<u8>)>,
    /// The yeses that it has, and those that it got.
    pub(super) yeses: Vec<Vec<u8>>,
    pub(super) given: Vec<Vec<u8>>,
    /// What its guard holds back.
    pub(super) holds: Vec<HeldPart>,
    pub(super) refuses: bool,
    /// Of what it accepted, whether it was all of the peer's line.
    pub(super) accepts: Vec<bool>,
}

impl TestDevice {
    pub(super) fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let odb = Arc::new(PackedOdb::open(Arc::new(OsFs), dir.path()).expect("store"));
        Self {
            dir,
            odb,
            name: name.to_owned(),
            tip: None,
            inbox: BTreeMap::new(),
            met: BTreeSet::new(),
            signatures: Vec::new(),
            yeses: Vec::new(),
            given: Vec::new(),
            holds: Vec::new(),
            refuses: false,
            accepts: Vec::new(),
        }
    }

    /// Opens the store anew, as the next command would.
    pub(super) fn reopen(&mut self) {
        self.odb = Arc::new(PackedOdb::open(Arc::new(OsFs), self.dir.path()).expect("store"));
    }

    pub(super) fn map(&self) -> FolderMap {
        self.tip.map_or_else(FolderMap::default, |tip| {
            let folders = graph::load(&*self.odb, tip).expect("tip").folders;
            graph::load_map(&*self.odb, folders).expect("folders")
        })
    }

    /// Puts messages into a folder, and makes a snapshot.
    pub(super) fn deliver(&mut self, folder: &str, messages: &[Vec<u8>]) {
        let honest = |message: &Vec<u8>| (key_of(message), message.len() as u64, message.clone());
        let filed: Vec<_> = messages.iter().map(honest).collect();
        self.file(folder, &filed);
    }

    /// Puts messages into a folder under any key and as of any size, and makes a snapshot.
    pub(super) fn file(&mut self, folder: &str, messages: &[(EntryKey, u64, Vec<u8>)]) {
        let batch = self.odb.batch().expect("batch");
        let mut map = self.map();
        let path = FolderPath::new(folder.as_bytes()).expect("path");
        let before = match map.folders.get(&path) {
            Some(folder) => folder.tree,
            None => tree::empty(&batch).expect("empty"),
        };
        let mut edits = Vec::new();
        for (key, size, message) in messages {
            batch.write(Kind::Blob, message).expect("blob");
            edits.push((*key, Some(entry(*size))));
        }
        let (tree, sums) = tree::edit(&batch, before, edits).expect("edit");
        map.folders.insert(path, Folder { tree, sums });
        let tip = write_snapshot(&batch, &map, &self.snapshot(&map));
        batch.finish().expect("pack");
        self.tip = Some(tip);
    }

    /// Changes the folder map alone, and makes a snapshot.
    pub(super) fn rearrange(&mut self, change: impl FnOnce(&mut FolderMap)) {
        let mut map = self.map();
        change(&mut map);
        let snapshot = self.snapshot(&map);
        self.commit(&map, &snapshot);
    }

    /// Makes a snapshot that is not as it should be.
    pub(super) fn forge(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let map = self.map();
        let mut snapshot = self.snapshot(&map);
        change(&mut snapshot);
        self.commit(&map, &snapshot);
    }

    fn commit(&mut self, map: &FolderMap, snapshot: &Snapshot) {
        let batch = self.odb.batch().expect("batch");
        let tip = write_snapshot(&batch, map, snapshot);
        batch.finish().expect("pack");
        self.tip = Some(tip);
    }

    fn snapshot(&self, map: &FolderMap) -> Snapshot {
        let generation = |tip| graph::load(&*self.odb, tip).expect("tip").generation + 1;
        Snapshot {
            kind: SnapshotKind::Snapshot,
            generation: self.tip.map_or(1, generation),
            parents: self.tip.into_iter().collect(),
            folders: FolderMapId::of(&map.encode()),
            tags: None,
            device: Some(DeviceId::of_public_key(self.name.as_bytes())),
            device_name: self.name.clone(),
            time: Timestamp(1_600_000_000),
            sums: map.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: String::new(),
        }
    }

    fn merge(&self, other: SnapshotId) -> SnapshotId {
        let odb = &*self.odb;
        let Some(own) = self.tip else {
            return other;
        };
        if graph::is_ancestor(odb, own, other).expect("graph") {
            return other;
        }
        if graph::is_ancestor(odb, other, own).expect("graph") {
            return own;
        }
        let batch = odb.batch().expect("batch");
        let sides = [own, other].map(|id| graph::load(odb, id).expect("side"));
        let [mut map, theirs] = [0, 1].map(|at| {
            let folders = sides[at].folders;
            graph::load_map(odb, folders).expect("map")
        });
        for (path, folder) in theirs.folders {
            let before = match map.folders.get(&path) {
                Some(own) => own.tree,
                None => tree::empty(&batch).expect("empty"),
            };
            let entries = tree::entries(odb, folder.tree).map(|entry| entry.expect("entry"));
            let edits: Vec<_> = entries.map(|(key, entry)| (key, Some(entry))).collect();
            let (tree, sums) = tree::edit(&batch, before, edits).expect("edit");
            map.folders.insert(path, Folder { tree, sums });
        }
        let mut snapshot = self.snapshot(&map);
        snapshot.kind = SnapshotKind::Merge;
        snapshot.generation = sides.iter().map(|side| side.generation).max().expect("two") + 1;
        snapshot.parents = [own, other].to_vec();
        snapshot.parents.sort_unstable();
        (snapshot.device, snapshot.device_name, snapshot.merge_rules) = (None, String::new(), 1);
        let merged = write_snapshot(&batch, &map, &snapshot);
        batch.finish().expect("pack");
        merged
    }

    /// Every message of every snapshot, read and checked; how many distinct ones the tip has.
    pub(super) fn check_whole(&self) -> usize {
        let odb = &*self.odb;
        for snapshot in graph::ancestors(
            odb,
            self.tip.into_iter().chain(self.inbox.values().copied()),
        ) {
            let (_, snapshot) = snapshot.expect("snapshot");
            for (_, folder) in graph::load_map(odb, snapshot.folders).expect("map").folders {
                tree::check(odb, folder.tree, folder.sums, &mut |key, entry| {
                    let bytes = odb.read(key.blob.into()).expect("message");
                    assert_eq!((key_of(&bytes), bytes.len() as u64), (key, entry.size));
                })
                .expect("tree");
            }
        }
        let folders = self.map().folders;
        let keys = folders
            .values()
            .flat_map(|folder| tree::entries(odb, folder.tree));
        let keys: BTreeSet<EntryKey> = keys.map(|entry| entry.expect("entry").0).collect();
        keys.len()
    }
}

impl Device for TestDevice {
    type Error = Refused;

    fn odb(&self) -> Arc<PackedOdb> {
        Arc::clone(&self.odb)
    }

    fn identity(&self) -> Identity {
        Identity {
            // As long as an ed25519 key is in SSH's wire encoding.
            public_key: format!("{:051}", self.name).into_bytes(),
            name: self.name.clone(),
            rules: 1,
        }
    }

    fn tip(&self) -> Result<Option<SnapshotId>, Refused> {
        Ok(self.tip)
    }

    fn known(&self) -> Result<Vec<SnapshotId>, Refused> {
        Ok(self.inbox.values().copied().collect())
    }

    fn signatures(&self, id: SnapshotId) -> Result<Vec<Vec<u8>>, Refused> {
        Ok(vec![[id.as_bytes(), &[7; 32][..], &[1; 150]].concat()])
    }

    fn yeses(&self, _: Option<SnapshotId>) -> Result<Vec<Vec<u8>>, Refused> {
        Ok(self.yeses.clone())
    }

    fn holds(&self) -> bool {
        !self.holds.is_empty()
    }

    fn meet(&mut self, peer: &Peer) -> Result<bool, Refused> {
        if self.refuses {
            return Err(Refused);
        }
        Ok(self.met.insert(peer.public_key.clone()))
    }

    fn accept(&mut self, peer: &Peer, received: Incoming<'_>) -> Result<Accepted, Refused> {
        if let Some(receiving) = received.receiving {
            receiving.finish().expect("pack");
        }
        self.signatures.extend(received.signatures);
        self.given.extend(received.yeses);
        self.accepts.push(!received.is_part);
        if !received.is_part {
            self.inbox.insert(peer.device, received.tip);
        }
        Ok(Accepted::default())
    }

    fn settle(&mut self, peer: &Peer) -> Result<Settled, Refused> {
        let theirs = self.inbox.get(&peer.device).copied();
        self.tip = theirs.map(|theirs| self.merge(theirs)).or(self.tip);
        Ok(Settled {
            tip: self.tip,
            held: self.holds.iter().map(|it| it.messages.len() as u64).sum(),
            parts: self.holds.clone(),
            may_answer: true,
            text: "merged".to_owned(),
        })
    }
}

fn write_snapshot(odb: &dyn ObjectWrite, map: &FolderMap, snapshot: &Snapshot) -> SnapshotId {
    odb.write(Kind::FolderMap, &map.encode()).expect("map");
    let key = odb
        .write(Kind::Snapshot, &snapshot.encode())
        .expect("snapshot");
    SnapshotId::new(key.hash)
}

pub(super) fn key_of(message: &[u8]) -> EntryKey {
    EntryKey {
        day: Day(mime::day(message)),
        blob: BlobId::of(message),
    }
}

fn entry(size: u64) -> Entry {
    Entry {
        size,
        copies: Copies::one(MessageCopy::default()),
        kept: 0,
    }
}

/// Made-up messages with these numbers, `size` bytes long or a little more.
pub(super) fn messages(numbers: std::ops::Range<usize>, size: usize) -> Vec<Vec<u8>> {
    let message = |n: usize| {
        let date = format!("Date: {} Mar {}", n % 28 + 1, 2000 + n % 20);
        let mut text = format!("Subject: {n}\n{date} 12:00:00 +0000\n\n").into_bytes();
        let mut state = n as u64;
        while text.len() < size {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.extend(format!("{state:x} ").bytes());
        }
        text
    };
    numbers.map(message).collect()
}

/// What a line does to a session.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// How many bytes the client can send before it breaks.
    pub(super) up: usize,
    /// How many the server can send.
    pub(super) down: usize,
    /// How many snapshots either end describes, or listens to, in a round.
    pub(super) most: u64,
}

pub(super) const SOUND: Line = Line {
    up: usize::MAX,
    down: usize::MAX,
    most: SNAPSHOTS_PER_ROUND,
};

/// The writing end of a pipe that closes after so many bytes.
struct Fragile {
    pipe: Option<PipeWriter>,
    left: usize,
}

impl Write for Fragile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(pipe) = self.pipe.as_mut().filter(|_| self.left > 0) else {
            self.pipe = None;
            return Err(io::ErrorKind::ConnectionReset.into());
        };
        let written = pipe.write(&bytes[..bytes.len().min(self.left)])?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps a copy of what is read.
pub(super) struct Tap<'a>(PipeReader, &'a mut Vec<u8>);

impl Read for Tap<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(bytes)?;
        self.1.extend_from_slice(&bytes[..read]);
        Ok(read)
    }
}

pub(super) type Outcome = (
    Result<ClientReport, ProtocolError<Refused>>,
    Result<ServerReport, ProtocolError<Refused>>,
);

pub(super) fn request(verb: Verb) -> Request<'static> {
    Request {
        verb,
        account: b"",
        limits: Limits::default(),
        progress: &NoProgress,
    }
}

pub(super) fn policy(role: Role) -> Policy<'static> {
    Policy {
        role,
        limits: Limits::default(),
        progress: &NoProgress,
    }
}

/// Runs a session over two pipes of the system, which hold 64 KiB each.
pub(super) fn session(
    client: &mut TestDevice,
    server: &mut TestDevice,
    (verb, role): (Verb, Role),
    line: Line,
) -> Outcome {
    recorded(client, server, (verb, role), (line, &mut Vec::new()))
}

/// As [`session`], with a copy of what the server said.
pub(super) fn recorded(
    client: &mut TestDevice,
    server: &mut TestDevice,
    (verb, role): (Verb, Role),
    (line, record): (Line, &mut Vec<u8>),
) -> Outcome {
    let (up_end, up) = io::pipe().expect("pipe");
    let (down_end, down) = io::pipe().expect("pipe");
    let fragile = |pipe, left| Fragile {
        pipe: Some(pipe),
        left,
    };
    let (up, down) = (fragile(up, line.up), fragile(down, line.down));
    std::thread::scope(|scope| {
        let (mut policy, mut request) = (policy(role), request(verb));
        (policy.limits.snapshots, request.limits.snapshots) = (line.most, line.most);
        let serving = scope.spawn(move || run_server(server, (up_end, down), &policy));
        let stream = (Tap(down_end, record), up);
        let asked = run_client(client, stream, &request);
        (asked, serving.join().expect("no panic"))
    })
}

/// A session that must go well.
pub(super) fn sync(
    client: &mut TestDevice,
    server: &mut TestDevice,
    verb: Verb,
) -> (ClientReport, ServerReport) {
    let (asked, replied) = session(client, server, (verb, Role::Sync), SOUND);
    (asked.expect("client"), replied.expect("server"))
}
