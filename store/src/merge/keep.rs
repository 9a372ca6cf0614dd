use std::collections::BTreeMap;

use super::MergeError;
use super::map::store;
use super::touched::locate;
use crate::maildir::FolderPath;
use crate::object::{Entry, EntryKey, Folder, FolderMapId};
use crate::odb::ObjectWrite;
use crate::{graph, tree};

/// Marks messages that were brought back, so that a deletion which another device made before
/// does not take them away again. Returns the changed map; keys that it does not have are passed
/// over.
///
/// The mark of a message is raised above every one that it has in `map` or in `seen`: states that
/// deletions may have come from, such as the tip before, and those of the peers.
pub fn keep(
    odb: &dyn ObjectWrite,
    map: FolderMapId,
    keys: &[EntryKey],
    seen: &[FolderMapId],
) -> Result<FolderMapId, MergeError> {
    let other = map;
    let mut map = graph::load_map(odb, map)?;
    let mut marks: BTreeMap<EntryKey, u64> = BTreeMap::new();
    let mut raise = |key, entry: &Entry| {
        let mark = marks.entry(key).or_default();
        *mark = entry.kept.max(*mark);
    };
    for &state in seen {
        let state = graph::load_map(odb, state)?;
        locate(odb, &state, keys, |_, key, entry| raise(key, &entry))?;
    }
    let mut places: Vec<(&FolderPath, EntryKey, Entry)> = Vec::new();
    locate(odb, &map, keys, |folder, key, entry| {
        raise(key, &entry);
        places.push((folder, key, entry));
    })?;
    let mut edits: BTreeMap<FolderPath, Vec<(EntryKey, Option<Entry>)>> = BTreeMap::new();
    for (folder, key, mut entry) in places {
        entry.kept = marks.get(&key).copied().unwrap_or(0).saturating_add(1);
        let edits = edits.entry(folder.clone()).or_default();
        edits.push((key, Some(entry)));
    }
    for (path, edits) in edits {
        if let Some(folder) = map.folders.get_mut(&path) {
            let (tree, sums) = tree::edit(odb, folder.tree, edits)?;
            *folder = Folder { tree, sums };
        }
    }
    store(odb, &map, Some(other))
}
