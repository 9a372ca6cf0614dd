//! Devices with histories of their own that meet: each step is one merge, made by the store and by
//! the model.

use std::collections::BTreeSet;

use mailvc_store::merge::{Outcome, RULES, merge_snapshots, recompute};
use mailvc_store::object::{
    DeviceId, FolderMap, FolderMapId, Kind, MAX_CONFLICTS, ObjectKey, Snapshot, SnapshotId,
    SnapshotKind, Sums,
};
use mailvc_store::odb::{MemoryOdb, ObjectRead, ObjectWrite};
use mailvc_store::time::Timestamp;
use mailvc_store::{graph, tree};
use mailvc_tests::random::Random;

use super::change::{change, deliver, one_of};
use super::history::{Base, History, Past};
use super::merge::{Decision, merge, nothing_is_lost};
use super::state::State;
use super::storing::{conflict, describe, id, store};

/// What was met on the way, so that a run can tell that it met it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    /// Merges, those that needed none included.
    pub(super) merges: u64,
    pub(super) over_several_bases: u64,
    pub(super) over_a_lost_base: u64,
    pub(super) conflicts: u64,
}

impl Met {
    pub(super) fn add(&mut self, more: Self) {
        self.merges += more.merges;
        self.over_several_bases += more.over_several_bases;
        self.over_a_lost_base += more.over_a_lost_base;
        self.conflicts += more.conflicts;
    }
}

pub(super) struct World {
    odb: MemoryOdb,
    pub(super) random: Random,
    history: History,
    pub(super) known: Vec<SnapshotId>,
    /// Each device's `local`.
    tips: Vec<SnapshotId>,
    pub(super) met: Met,
}

impl World {
    /// Devices that start from one state, or each with its own.
    pub(super) fn new(seed: u64) -> Self {
        let mut world = Self {
            odb: MemoryOdb::new(),
            random: Random::new(seed),
            history: History::default(),
            known: Vec::new(),
            tips: Vec::new(),
            met: Met::default(),
        };
        let devices = 2 + world.random.below(4);
        let apart = world.random.below(8) == 0;
        // Now and then folders are so full that their trees branch.
        let mail = match world.random.below(60) {
            0 => 200 + world.random.below(200),
            _ => world.random.below(9),
        };
        for device in 0..devices {
            if apart || device == 0 {
                let mut state = State::default();
                for _ in 0..mail {
                    deliver(&mut world.random, &mut state);
                }
                world.tips.push(SnapshotId::new([0; 32]));
                world.commit(device as usize, &[], state);
            } else {
                world.tips.push(world.tips[0]);
            }
        }
        world
    }

    /// Somebody does something, somewhere.
    pub(super) fn step(&mut self) {
        let device = self.random.below(self.tips.len() as u64) as usize;
        match self.random.below(8) {
            0..=3 => self.work(device, 1),
            // One that was made of several lines, by a device: it is no merge by the rules.
            4 => {
                let parents = 2 + self.random.below(3);
                self.work(device, parents);
            }
            _ => {
                // With a device as it is, or as it was when it was last heard of.
                let other = if self.random.below(2) == 0 {
                    one_of(&mut self.random, &self.tips)
                } else {
                    one_of(&mut self.random, &self.known)
                };
                self.tips[device] = self.merge(self.tips[device], other);
            }
        }
    }

    /// A few changes to what a device has.
    pub(super) fn work(&mut self, device: usize, parents: u64) {
        let tip = self.tips[device];
        let mut state = self.history.all[&tip].state.clone();
        let older = one_of(&mut self.random, &self.known);
        let older = self.history.all[&older].state.clone();
        change(&mut self.random, &mut state, &older);
        let mut all = vec![tip];
        for _ in 1..parents {
            all.push(one_of(&mut self.random, &self.known));
        }
        self.commit(device, &all, state);
    }

    /// A device's own snapshot.
    pub(super) fn commit(&mut self, device: usize, parents: &[SnapshotId], state: State) {
        let map = store(&self.odb, &state);
        let parents: BTreeSet<SnapshotId> = parents.iter().copied().collect();
        let below = parents.iter().map(|id| self.history.all[id].generation);
        let snapshot = Snapshot {
            kind: SnapshotKind::Snapshot,
            generation: 1 + below.max().unwrap_or(0),
            parents: parents.into_iter().collect(),
            folders: id(&map),
            tags: None,
            device: Some(DeviceId::new([device as u8 + 1; 32])),
            device_name: format!("device{device}"),
            time: Timestamp(self.random.below(1000) as i64),
            sums: map.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: String::new(),
        };
        let written = self.odb.write(Kind::Snapshot, &snapshot.encode());
        written.expect("memory");
        self.tips[device] = self.remember(&snapshot, state);
    }

    fn remember(&mut self, snapshot: &Snapshot, state: State) -> SnapshotId {
        let id = snapshot.id();
        let map = graph::load_map(&self.odb, snapshot.folders).expect("stored");
        let above = snapshot.parents.iter();
        let mut ancestors: BTreeSet<SnapshotId> = above
            .flat_map(|parent| self.history.all[parent].ancestors.clone())
            .collect();
        ancestors.insert(id);
        let past = Past {
            ancestors,
            generation: snapshot.generation,
            time: snapshot.time.0,
            state,
            trees: roots(&map),
            stored: true,
        };
        if self.history.all.insert(id, past).is_none() {
            self.known.push(id);
        }
        id
    }

    /// A snapshot that has nothing in common with any other.
    pub(super) fn apart(&mut self) -> SnapshotId {
        let mut state = State::default();
        for _ in 0..3 {
            deliver(&mut self.random, &mut state);
        }
        self.commit(0, &[], state);
        self.tips[0]
    }

    /// A device's snapshot above all of `below`.
    pub(super) fn gather(&mut self, below: &[SnapshotId]) -> SnapshotId {
        for (number, part) in below.chunks(15).enumerate() {
            let above = if number == 0 {
                None
            } else {
                Some(self.tips[0])
            };
            let parents: Vec<SnapshotId> = part.iter().copied().chain(above).collect();
            let mut state = self.history.all[&parents[0]].state.clone();
            deliver(&mut self.random, &mut state);
            self.commit(0, &parents, state);
        }
        self.tips[0]
    }

    /// Merges two snapshots; now and then while a tree of an ancestor is gone.
    pub(super) fn merge(&mut self, a: SnapshotId, b: SnapshotId) -> SnapshotId {
        let gone = match self.random.below(5) {
            0 => self.expendable(a, b),
            _ => None,
        };
        let bytes = gone.map(|key| (key.kind, self.odb.read(key).expect("stored")));
        for past in self.history.all.values_mut() {
            past.stored = gone.is_none_or(|gone| !past.trees.contains(&gone));
        }
        let result = self.compare(a, b, gone);
        if let Some((kind, bytes)) = bytes {
            self.odb.write(kind, &bytes).expect("memory");
        }
        result
    }

    /// Merges two snapshots without an object that one merge before may have made again.
    fn merge_without(&self, gone: Option<ObjectKey>, a: SnapshotId, b: SnapshotId) -> Outcome {
        gone.map(|gone| self.odb.forget(gone));
        merge_snapshots(&self.odb, a, b).expect("a merge")
    }

    /// A folder map, or the root of a folder's tree, of some snapshot, that neither of two needs.
    fn expendable(&mut self, a: SnapshotId, b: SnapshotId) -> Option<ObjectKey> {
        let lost = one_of(&mut self.random, &self.known);
        let [lost, a, b] = [lost, a, b].map(|id| &self.history.all[&id].trees);
        let needed = a.union(b).copied().collect();
        let all: Vec<ObjectKey> = lost.difference(&needed).copied().collect();
        (!all.is_empty()).then(|| one_of(&mut self.random, &all))
    }

    /// One merge, and what the model makes of it.
    fn compare(&mut self, a: SnapshotId, b: SnapshotId, gone: Option<ObjectKey>) -> SnapshotId {
        self.met.merges += 1;
        let outcome = self.merge_without(gone, a, b);
        let turned = self.merge_without(gone, b, a);
        let snapshot = match outcome {
            Outcome::Same => {
                assert_eq!((a, turned), (b, Outcome::Same));
                return a;
            }
            Outcome::AFirst => {
                assert!(self.history.has(a, b) && turned == Outcome::BFirst);
                return a;
            }
            Outcome::BFirst => {
                assert!(self.history.has(b, a) && turned == Outcome::AFirst);
                return b;
            }
            Outcome::Merged(snapshot) => snapshot,
        };
        assert!(!self.history.has(a, b) && !self.history.has(b, a));
        assert_eq!(turned, Outcome::Merged(snapshot.clone()), "commutative");
        gone.map(|gone| self.odb.forget(gone));
        let again = recompute(&self.odb, &snapshot).expect("a merge");
        assert_eq!(again, snapshot.id(), "deterministic");
        let state = self.check(a, b, &snapshot);
        self.remember(&snapshot, state)
    }

    /// Compares a merge with the model's, and returns what it came to.
    fn check(&mut self, a: SnapshotId, b: SnapshotId, made: &Snapshot) -> State {
        let base = self.history.base(a, b);
        match base {
            Base::Lost => self.met.over_a_lost_base += 1,
            Base::Of(2.., _) => self.met.over_several_bases += 1,
            Base::Of(..) => {}
        }
        let base = base.state();
        let [a, b] = [a.min(b), a.max(b)].map(|id| (id, &self.history.all[&id]));
        let (state, decisions) = merge(&base, &a.1.state, &b.1.state);
        let map = store(&self.odb, &state);
        let of_devices = Snapshot {
            folders: id(&map),
            sums: map.sums(),
            generation: 1 + a.1.generation.max(b.1.generation),
            parents: vec![a.0, b.0],
            time: Timestamp(a.1.time.max(b.1.time)),
            ..merge_of_none(&decisions)
        };
        self.met.conflicts += decisions.len() as u64;
        assert!(
            *made == of_devices,
            "over {base:#?}\nof {:#?}\nand {:#?}\nthe store makes {made:#?}\n{}\nthe model {of_devices:#?}\n{}",
            a.1.state,
            b.1.state,
            describe(&self.odb, made.folders),
            describe(&self.odb, id(&map)),
        );
        assert!(nothing_is_lost([&base, &a.1.state, &b.1.state], &state));
        state
    }
}

/// A merge, but for what its parents say.
fn merge_of_none(decisions: &BTreeSet<Decision>) -> Snapshot {
    let mut conflicts: Vec<_> = decisions.iter().map(conflict).collect();
    conflicts.sort();
    conflicts.truncate(MAX_CONFLICTS);
    Snapshot {
        kind: SnapshotKind::Merge,
        generation: 1,
        parents: Vec::new(),
        folders: FolderMapId::new([0; 32]),
        tags: None,
        device: None,
        device_name: String::new(),
        time: Timestamp(0),
        sums: Sums::default(),
        merge_rules: RULES,
        conflicts,
        conflicts_total: decisions.len() as u64,
        message: String::new(),
    }
}

/// What a state's trees start from: its folder map, and the roots of those that hold anything.
fn roots(map: &FolderMap) -> BTreeSet<ObjectKey> {
    let trees = map.folders.values().map(|folder| folder.tree);
    let stored = trees.filter(|&tree| tree != tree::empty_id());
    let own = ObjectKey::from(id(map));
    stored.map(ObjectKey::from).chain([own]).collect()
}
