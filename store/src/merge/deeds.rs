//! What a snapshot did by itself, whoever merges it: what its maker removed, and what came.

use std::collections::BTreeSet;

use super::MergeError;
use super::touched::{AllTouched, locate};
use crate::graph;
use crate::object::{EntryKey, FolderMap, Snapshot};
use crate::odb::ObjectRead;

/// What a snapshot changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deeds {
    /// The messages that it has nowhere, and its parent had; sorted.
    pub removed: Vec<EntryKey>,
    /// How many it has that its parent had nowhere.
    pub arrived: u64,
}

/// What a snapshot changed that is no merge: against its first parent. One without any brought all
/// that it has.
pub fn deeds(odb: &dyn ObjectRead, snapshot: &Snapshot) -> Result<Deeds, MergeError> {
    let before = match snapshot.parents.first() {
        Some(parent) => graph::load_map(odb, graph::load(odb, *parent)?.folders)?,
        None => FolderMap::default(),
    };
    let after = graph::load_map(odb, snapshot.folders)?;
    let (mut removed, mut arrived) = (BTreeSet::new(), BTreeSet::new());
    for touched in AllTouched::new(odb, [(&before, &after)])? {
        let touched = touched?;
        let [moves] = &touched.steps;
        if moves.values().all(|(_, after)| after.is_none()) {
            removed.insert(touched.key);
        } else if moves.values().all(|(before, _)| before.is_none()) {
            arrived.insert(touched.key);
        }
    }
    for (set, map) in [(&mut removed, &after), (&mut arrived, &before)] {
        let keys: Vec<EntryKey> = set.iter().copied().collect();
        locate(odb, map, &keys, |_, key, _| {
            set.remove(&key);
        })?;
    }
    Ok(Deeds {
        removed: removed.into_iter().collect(),
        arrived: arrived.len() as u64,
    })
}
