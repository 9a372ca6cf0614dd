//! Merges two states of a Maildir: finds the messages that changed, has the rules decide each, and
//! builds the trees. The cost follows the changes of both sides, not what the folders hold.

use std::collections::{BTreeMap, BTreeSet};

use super::check;
use super::error::MergeError;
use super::places::{Three, merge_places};
use super::touched::{AllTouched, Moves, Touched, folders, locate};
use crate::maildir::FolderPath;
use crate::object::{
    BlobId, Conflict, ConflictKind, Day, Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind,
};
use crate::odb::{ObjectRead, ObjectWrite};
use crate::{graph, tree};

/// Two states made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The id of the folder map, which is stored, as are its trees.
    pub folders: FolderMapId,
    /// The folder map.
    pub map: FolderMap,
    /// All that had to be decided, sorted.
    pub conflicts: Vec<Conflict>,
}

/// Merges the states `a` and `b`, which both came of `base`; without one, all that either has is
/// new. The same whichever side is called `a`, and stored in `odb`.
///
/// [`MergeError::WouldLose`] says that the result was refused because a message would be gone that
/// no rule allows to go: a bug, never the user's doing.
pub fn merge_maps(
    odb: &dyn ObjectWrite,
    base: Option<FolderMapId>,
    a: FolderMapId,
    b: FolderMapId,
) -> Result<Merged, MergeError> {
    merge_over(odb, odb, base, [a, b])
}

/// Merges states; what is read, the base above all, may lie in another database than the one
/// written to, which has both sides.
pub(super) fn merge_over(
    read: &dyn ObjectRead,
    write: &dyn ObjectWrite,
    base: Option<FolderMapId>,
    [a, b]: [FolderMapId; 2],
) -> Result<Merged, MergeError> {
    let only = match base {
        _ if a == b => Some(a),
        Some(base) if base == a => Some(b),
        Some(base) if base == b => Some(a),
        _ => None,
    };
    if let Some(folders) = only {
        return Ok(Merged {
            folders,
            map: graph::load_map(read, folders)?,
            conflicts: Vec::new(),
        });
    }
    let base = match base {
        Some(base) => graph::load_map(read, base)?,
        None => FolderMap::default(),
    };
    let (a, b) = (graph::load_map(read, a)?, graph::load_map(read, b)?);
    let sides = Sides {
        base: &base,
        a: &a,
        b: &b,
    };
    let (map, conflicts) = sides.merge(read, write)?;
    check::nothing_lost(read, [&base, &a, &b], &map)?;
    Ok(Merged {
        folders: store(write, &map)?,
        map,
        conflicts: conflicts.into_iter().collect(),
    })
}

#[derive(Clone, Copy)]
struct Sides<'a> {
    base: &'a FolderMap,
    a: &'a FolderMap,
    b: &'a FolderMap,
}

/// What is to change in each folder of the side that its tree is built from.
#[derive(Default)]
struct Plan<'a> {
    edits: BTreeMap<&'a FolderPath, Vec<(EntryKey, Option<Entry>)>>,
    conflicts: BTreeSet<Conflict>,
}

impl<'a> Sides<'a> {
    fn merge(
        self,
        read: &'a dyn ObjectRead,
        write: &dyn ObjectWrite,
    ) -> Result<(FolderMap, BTreeSet<Conflict>), MergeError> {
        let mut plan = self.decide_all(read)?;
        let mut map = FolderMap {
            subscriptions: self.subscriptions(),
            ..FolderMap::default()
        };
        for path in folders([self.base, self.a, self.b]) {
            let Some(folder) = self.build(write, path, plan.edits.remove(path))? else {
                continue;
            };
            let [in_base, in_a, in_b] =
                [self.base, self.a, self.b].map(|map| map.folders.contains_key(path));
            if vote(in_base, in_a, in_b) || folder.sums.entries > 0 {
                map.folders.insert(path.clone(), folder);
                if in_base && in_a != in_b {
                    plan.conflicts.insert(folder_kept(path));
                }
            }
        }
        Ok((map, plan.conflicts))
    }

    fn decide_all(self, read: &'a dyn ObjectRead) -> Result<Plan<'a>, MergeError> {
        let mut plan = Plan::default();
        let mut unsure = BTreeMap::new();
        for touched in AllTouched::new(read, [(self.base, self.a), (self.base, self.b)])? {
            let (key, three) = in_touched_folders(touched?);
            if three.trivial().is_none() && three.removes() {
                unsure.insert(key, three);
            } else {
                self.decide(&mut plan, key, &three);
            }
        }
        self.add_untouched_places(read, &mut unsure)?;
        for (key, three) in unsure {
            self.decide(&mut plan, key, &three);
        }
        Ok(plan)
    }

    /// Adds the folders in which nobody changed the message: only with them can be told whether a
    /// copy that went was the only one.
    fn add_untouched_places(
        self,
        read: &dyn ObjectRead,
        unsure: &mut BTreeMap<EntryKey, Three<'a>>,
    ) -> Result<(), MergeError> {
        let keys: Vec<EntryKey> = unsure.keys().copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        locate(read, self.base, &keys, |folder, key, entry| {
            if let Some(three) = unsure.get_mut(&key)
                && !three.base.contains_key(folder)
            {
                three.base.insert(folder, entry.clone());
                three.a.insert(folder, entry.clone());
                three.b.insert(folder, entry);
            }
        })?;
        Ok(())
    }

    fn decide(self, plan: &mut Plan<'a>, key: EntryKey, three: &Three<'a>) {
        let decided = merge_places(three);
        for folder in three.folders() {
            let start = if self.starts_from_a(folder) {
                &three.a
            } else {
                &three.b
            };
            let entry = decided.places.get(folder);
            if start.get(folder) != entry {
                let edits = plan.edits.entry(folder).or_default();
                edits.push((key, entry.cloned()));
            }
        }
        for (folder, kind) in decided.conflicts {
            plan.conflicts.insert(Conflict {
                folder: folder.clone(),
                key,
                kind,
            });
        }
    }

    /// Whose tree a folder's is built from: the one nearer to the result. The result is the same
    /// from either.
    fn starts_from_a(self, folder: &FolderPath) -> bool {
        let tree = |map: &FolderMap| map.folders.get(folder).copied();
        match (tree(self.base), tree(self.a), tree(self.b)) {
            (_, _, None) => true,
            (_, None, Some(_)) => false,
            (Some(base), Some(a), Some(b)) if base.tree == a.tree || base.tree == b.tree => {
                base.tree == b.tree
            }
            (_, Some(a), Some(b)) => a.sums.entries >= b.sums.entries,
        }
    }

    /// The folder after the merge, empty or not; `None` if no side has it.
    fn build(
        self,
        write: &dyn ObjectWrite,
        path: &FolderPath,
        edits: Option<Vec<(EntryKey, Option<Entry>)>>,
    ) -> Result<Option<Folder>, MergeError> {
        let side = if self.starts_from_a(path) {
            self.a
        } else {
            self.b
        };
        let (Some(&start), Some(edits)) = (side.folders.get(path), &edits) else {
            return Ok(side.folders.get(path).copied());
        };
        let (tree, sums) = tree::edit(write, start.tree, edits.iter().cloned())?;
        Ok(Some(Folder { tree, sums }))
    }

    fn subscriptions(self) -> BTreeSet<Vec<u8>> {
        let [base, a, b] = [self.base, self.a, self.b].map(|map| &map.subscriptions);
        let stays =
            |line: &&Vec<u8>| vote(base.contains(*line), a.contains(*line), b.contains(*line));
        a.union(b).filter(stays).cloned().collect()
    }
}

/// Of two sides of a yes or no, the one that changed it.
fn vote(base: bool, a: bool, b: bool) -> bool {
    if a == b { a } else { !base }
}

/// What the differences tell of a message: all folders in which either side changed it.
fn in_touched_folders(touched: Touched<'_, 2>) -> (EntryKey, Three<'_>) {
    let [of_a, of_b] = touched.steps;
    let mut three = Three::default();
    for (&folder, (before, _)) in of_a.iter().chain(&of_b) {
        // Where only one side changed it, the other has what the base has.
        let after = |side: &Moves<'_>| {
            let change = side.get(folder);
            change.map_or_else(|| before.clone(), |(_, after)| after.clone())
        };
        let sides = [before.clone(), after(&of_a), after(&of_b)];
        for (places, entry) in [&mut three.base, &mut three.a, &mut three.b]
            .into_iter()
            .zip(sides)
        {
            places.extend(entry.map(|entry| (folder, entry)));
        }
    }
    (touched.key, three)
}

fn folder_kept(path: &FolderPath) -> Conflict {
    Conflict {
        folder: path.clone(),
        key: EntryKey {
            day: Day(0),
            blob: BlobId::new([0; 32]),
        },
        kind: ConflictKind::FolderDeletedAndChanged,
    }
}

/// Stores a folder map; one that could not be read again, for it has too many folders, is refused.
pub(super) fn store(odb: &dyn ObjectWrite, map: &FolderMap) -> Result<FolderMapId, MergeError> {
    let bytes = map.encode();
    FolderMap::decode(&bytes).map_err(|_| MergeError::TooLarge)?;
    odb.write(Kind::FolderMap, &bytes)?;
    Ok(FolderMapId::of(&bytes))
}
