//! Which of the other objects go side by side: snapshots with what belongs to each, in the order
//! in which they came about, and of each place in each folder's tree all nodes that ever stood
//! there.

use std::collections::{HashMap, HashSet};

use super::cut;
use crate::graph;
use crate::object::{FolderMapId, Kind, Node, ObjectKey, SnapshotId, TreeId};
use crate::odb::{OTHERS_TOGETHER, Repack};

/// Where an object stands: history before trees; a folder; a place in its tree; an age.
type Stand = (u8, u32, u64, u32);

const HISTORY: u8 = 0;
const TREES: u8 = 1;
/// In no history that can be read.
const ALONE: u8 = 2;

/// Puts all objects but messages and dictionaries in order, those of `lost` packs that cannot be
/// read left out.
pub(super) fn order(repack: &Repack<'_>, lost: &HashSet<u32>) -> Vec<Vec<u32>> {
    let mut walk = Walk {
        repack,
        stands: HashMap::new(),
        folders: HashMap::new(),
    };
    walk.all();
    let mut all = Vec::new();
    for (object, at) in repack.objects().iter().zip(0..) {
        let other = !matches!(object.key.kind, Kind::Blob | Kind::Dictionary);
        if other && (!lost.contains(&object.pack) || repack.object(at).is_ok()) {
            let stand = walk.stands.get(&at).copied();
            all.push((stand.unwrap_or((ALONE, 0, 0, 0)), object.key.kind, at));
        }
    }
    all.sort_unstable();
    // Trees and history apart, so that neither is decoded for the other.
    let mut groups = Vec::new();
    for part in all.chunk_by(|(a, ..), (b, ..)| a.0 == b.0) {
        let order = part.iter().map(|(_, _, at)| *at);
        groups.extend(cut(order, repack, OTHERS_TOGETHER));
    }
    groups
}

struct Walk<'a> {
    repack: &'a Repack<'a>,
    /// By the place among the repack's objects.
    stands: HashMap<u32, Stand>,
    folders: HashMap<Vec<u8>, u32>,
}

impl Walk<'_> {
    /// What cannot be read is left out: it costs bytes, and is for others to report.
    fn all(&mut self) {
        let mut snapshots = Vec::new();
        for object in self.repack.objects() {
            if object.key.kind == Kind::Snapshot {
                let id = SnapshotId::new(object.key.hash);
                if let Ok(snapshot) = graph::load(self.repack, id) {
                    snapshots.push((snapshot.generation, id, snapshot.folders));
                }
            }
        }
        snapshots.sort_unstable();
        let mut ages = HashMap::new();
        for (&(_, id, folders), age) in snapshots.iter().zip(0..) {
            ages.insert(*id.as_bytes(), age);
            self.put(id.into(), (HISTORY, 0, u64::from(age), 0));
            if self.put(folders.into(), (HISTORY, 0, u64::from(age), 1)) {
                self.folders(folders, age);
            }
        }
        self.signatures(&ages);
    }

    /// Whether the object is one to be repacked that had no stand yet.
    fn put(&mut self, key: ObjectKey, stand: Stand) -> bool {
        let Some(at) = self.repack.position(key) else {
            return false;
        };
        let new = !self.stands.contains_key(&at);
        self.stands.entry(at).or_insert(stand);
        new
    }

    fn folders(&mut self, id: FolderMapId, age: u32) {
        let Ok(map) = graph::load_map(self.repack, id) else {
            return;
        };
        for (path, folder) in map.folders {
            let next = self.folders.len() as u32;
            let number = self.folders.entry(path.as_bytes().to_vec()).or_insert(next);
            let number = *number;
            self.tree(folder.tree, (number, age));
        }
    }

    /// Notes the nodes of a tree that are new with it. Below one that is not repacked nothing is.
    fn tree(&mut self, root: TreeId, (folder, age): (u32, u32)) {
        let mut open = vec![(root, 0_u64, 0_u32)];
        while let Some((id, path, depth)) = open.pop() {
            if !self.put(id.into(), (TREES, folder, path, age)) {
                continue;
            }
            let Some(at) = self.repack.position(id.into()) else {
                continue;
            };
            let node = self.repack.object(at).ok();
            let Some(Ok(Node::Branch(children))) = node.map(|bytes| Node::decode(&bytes)) else {
                continue;
            };
            // The path's nibbles from the top, then the depth: a node stands before those below
            // it, and deeper than this no two stand at one place.
            let shift = 56_u32.saturating_sub(4 * depth);
            let path = path & !0xf;
            for (child, nibble) in children.iter().zip(0_u64..) {
                if let Some(child) = child {
                    let depth = depth + 1;
                    let below = path | nibble << shift | u64::from(depth.min(15));
                    open.push((child.id, below, depth));
                }
            }
        }
    }

    fn signatures(&mut self, ages: &HashMap<[u8; 32], u32>) {
        for (object, at) in self.repack.objects().iter().zip(0..) {
            if object.key.kind != Kind::Signature {
                continue;
            }
            let bytes = self.repack.object(at).unwrap_or_default();
            let snapshot = bytes.first_chunk::<32>();
            if let Some(&age) = snapshot.and_then(|snapshot| ages.get(snapshot)) {
                self.stands.insert(at, (HISTORY, 0, u64::from(age), 2));
            }
        }
    }
}
