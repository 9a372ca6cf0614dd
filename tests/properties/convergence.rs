//! Devices that sync in any topology and order come to one snapshot (P5).
//!
//! The merge of two lines is computed on both ends of a sync; here it is computed once, since it
//! is a function of its parents, which `recompute` checks.

use std::collections::{BTreeMap, BTreeSet};

use mailvc_store::maildir::{Flags, FolderPath};
use mailvc_store::merge::{self, Outcome};
use mailvc_store::object::{
    BlobId, Copies, Day, DeviceId, Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind,
    MessageCopy, Snapshot, SnapshotId, SnapshotKind,
};
use mailvc_store::odb::{MemoryOdb, ObjectWrite};
use mailvc_store::time::Timestamp;
use mailvc_store::{graph, tree};
use mailvc_tests::random::Random;

const FOLDERS: [&[u8]; 4] = [b"", b"Archive", b"Lists/rust", b"Trash"];

/// What a device's Maildir holds: the copies of each message in each folder.
type Mail = BTreeMap<(FolderPath, EntryKey), Vec<MessageCopy>>;

struct World {
    odb: MemoryOdb,
    random: Random,
    /// Each device's `local`.
    tips: Vec<SnapshotId>,
    /// Pairs of devices that sync.
    edges: Vec<(usize, usize)>,
    messages: u64,
    made: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let devices = 2 + random.below(4) as usize;
        // A tree first, so that all are connected; then some more edges.
        let mut edges: Vec<(usize, usize)> = (1..devices)
            .map(|device| (random.below(device as u64) as usize, device))
            .collect();
        for _ in 0..random.below(4) {
            let (a, b) = (
                random.below(devices as u64) as usize,
                random.below(devices as u64) as usize,
            );
            if a != b {
                edges.push((a.min(b), a.max(b)));
            }
        }
        let mut world = Self {
            odb: MemoryOdb::new(),
            random,
            tips: Vec::new(),
            edges,
            messages: 0,
            made: 0,
        };
        let mut mail = Mail::new();
        for _ in 0..world.random.below(12) {
            world.deliver(&mut mail);
        }
        let first = world.record(0, None, &mail);
        world.tips = vec![first; devices];
        world
    }

    fn folder(&mut self) -> FolderPath {
        let at = self.random.below(FOLDERS.len() as u64) as usize;
        FolderPath::new(FOLDERS[at]).expect("a folder")
    }

    fn copy(&mut self) -> MessageCopy {
        let flags = [b"".as_slice(), b"S", b"F", b"T", b"RS", b"Sa"][self.random.below(6) as usize];
        MessageCopy {
            recent: flags.is_empty() && self.random.below(2) == 0,
            flags: Flags::from_info(flags),
            keywords: Vec::new(),
            mtime: 1_700_000_000 + self.random.below(3) as i64,
        }
    }

    /// A new message; now and then one that another device gets as well.
    fn deliver(&mut self, mail: &mut Mail) {
        let number = if self.random.below(4) == 0 {
            self.random.below(5)
        } else {
            self.messages += 1;
            1000 + self.messages
        };
        let key = EntryKey {
            day: Day(20_000 + (number % 3) as u16),
            blob: BlobId::of(&number.to_le_bytes()),
        };
        let (folder, copy) = (self.folder(), self.copy());
        mail.entry((folder, key)).or_default().push(copy);
    }

    fn mail(&self, tip: SnapshotId) -> Mail {
        let map = graph::load_map(
            &self.odb,
            graph::load(&self.odb, tip).expect("a snapshot").folders,
        )
        .expect("a map");
        let mut mail = Mail::new();
        for (path, folder) in map.folders {
            for entry in tree::entries(&self.odb, folder.tree) {
                let (key, entry) = entry.expect("an entry");
                mail.insert((path.clone(), key), entry.copies.iter().cloned().collect());
            }
        }
        mail
    }

    /// A person at work: a few changes of any kind.
    fn work(&mut self, device: usize) {
        let mut mail = self.mail(self.tips[device]);
        for _ in 0..=self.random.below(4) {
            let places: Vec<_> = mail.keys().cloned().collect();
            let what = if places.is_empty() {
                0
            } else {
                self.random.below(6)
            };
            let at = (!places.is_empty())
                .then(|| places[self.random.below(places.len() as u64) as usize].clone());
            match (what, at) {
                (1, Some(at)) => drop(mail.remove(&at)),
                (2, Some(at)) => {
                    let copies = mail.remove(&at).unwrap_or_default();
                    let to = self.folder();
                    mail.entry((to, at.1)).or_default().extend(copies);
                }
                (3, Some(at)) => {
                    let copy = self.copy();
                    mail.entry(at).or_default()[0] = copy;
                }
                (4, Some(at)) => {
                    let (to, copy) = (self.folder(), self.copy());
                    mail.entry((to, at.1)).or_default().push(copy);
                }
                (5, Some(at)) => {
                    let folder = at.0;
                    mail.retain(|(path, _), _| *path != folder);
                }
                _ => self.deliver(&mut mail),
            }
        }
        let before = self.tips[device];
        self.tips[device] = self.record(device, Some(before), &mail);
    }

    fn record(&mut self, device: usize, parent: Option<SnapshotId>, mail: &Mail) -> SnapshotId {
        let mut entries: BTreeMap<FolderPath, Vec<(EntryKey, Option<Entry>)>> = BTreeMap::new();
        for ((path, key), copies) in mail {
            let copies = Copies::collect(copies.iter().cloned()).expect("copies");
            let entry = Entry {
                size: 10,
                copies,
                kept: 0,
            };
            entries
                .entry(path.clone())
                .or_default()
                .push((*key, Some(entry)));
        }
        let mut map = FolderMap::default();
        for (path, entries) in entries {
            let empty = tree::empty(&self.odb).expect("a tree");
            let (tree, sums) = tree::edit(&self.odb, empty, entries).expect("a tree");
            map.folders.insert(path, Folder { tree, sums });
        }
        let folders = self
            .odb
            .write(Kind::FolderMap, &map.encode())
            .expect("stored");
        let folders = FolderMapId::new(folders.hash);
        if let Some(parent) = parent
            && graph::load(&self.odb, parent).expect("a snapshot").folders == folders
        {
            return parent;
        }
        let generation = parent.map_or(1, |parent| {
            graph::load(&self.odb, parent)
                .expect("a snapshot")
                .generation
                + 1
        });
        let snapshot = Snapshot {
            kind: SnapshotKind::Snapshot,
            generation,
            parents: parent.into_iter().collect(),
            folders,
            tags: None,
            device: Some(DeviceId::new([device as u8 + 1; 32])),
            device_name: format!("device{device}"),
            time: Timestamp(1_800_000_000),
            sums: map.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: String::new(),
        };
        self.made += 1;
        SnapshotId::new(
            self.odb
                .write(Kind::Snapshot, &snapshot.encode())
                .expect("stored")
                .hash,
        )
    }

    fn sync(&mut self, (a, b): (usize, usize)) {
        let (left, right) = (self.tips[a], self.tips[b]);
        let both = match merge::merge_snapshots(&self.odb, left, right).expect("a merge") {
            Outcome::Same | Outcome::AFirst => left,
            Outcome::BFirst => right,
            Outcome::Merged(snapshot) => {
                self.made += 1;
                let id = snapshot.id();
                let again = merge::recompute(&self.odb, &snapshot).expect("a merge");
                assert_eq!(again, id, "the other end computes the same");
                id
            }
        };
        (self.tips[a], self.tips[b]) = (both, both);
    }

    fn sync_random(&mut self) {
        let at = self.random.below(self.edges.len() as u64) as usize;
        let (a, b) = self.edges[at];
        let turned = self.random.below(2) == 0;
        self.sync(if turned { (b, a) } else { (a, b) });
    }

    fn in_step(&self) -> bool {
        self.tips.iter().collect::<BTreeSet<_>>().len() == 1
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..10 + world.random.below(30) {
        if world.random.below(3) == 0 {
            world.sync_random();
        } else {
            let device = world.random.below(world.tips.len() as u64) as usize;
            world.work(device);
        }
    }
    let mut rounds = 0;
    while !world.in_step() {
        world.sync_random();
        rounds += 1;
        assert!(
            rounds < 500,
            "seed {seed}: not in step after {rounds} syncs"
        );
    }
    let (tip, made) = (world.tips[0], world.made);
    for _ in 0..10 {
        for edge in world.edges.clone() {
            world.sync(edge);
        }
    }
    assert_eq!(
        world.made, made,
        "seed {seed}: a snapshot was made though nothing changed"
    );
    assert!(world.tips.iter().all(|id| *id == tip), "seed {seed}");
}

#[test]
fn devices_in_any_topology_and_order_reach_one_snapshot_and_stay_there() {
    for seed in mailvc_tests::random::seeds(400) {
        run(seed);
    }
}
