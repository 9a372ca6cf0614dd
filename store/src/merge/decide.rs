//! Has the rules decide every message that changed, and notes what that asks of each folder.

use std::collections::{BTreeMap, BTreeSet};

use super::MergeError;
use super::places::{Three, merge_places};
use super::touched::{AllTouched, Moves, Touched, locate};
use crate::maildir::FolderPath;
use crate::object::{Conflict, Entry, EntryKey, FolderMap};
use crate::odb::ObjectRead;

/// A merge in the making: the three states.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) base: &'a FolderMap,
    pub(super) a: &'a FolderMap,
    pub(super) b: &'a FolderMap,
}

/// What is to change in each folder of the side that its tree is built from.
#[derive(Default)]
pub(super) struct Plan<'a> {
    pub(super) edits: BTreeMap<&'a FolderPath, Vec<(EntryKey, Option<Entry>)>>,
    pub(super) conflicts: BTreeSet<Conflict>,
}

impl<'a> Sides<'a> {
    /// Decides every message that a side changed.
    pub(super) fn decide_all(self, read: &'a dyn ObjectRead) -> Result<Plan<'a>, MergeError> {
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
    pub(super) fn starts_from_a(self, folder: &FolderPath) -> bool {
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
