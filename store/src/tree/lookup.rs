use super::TreeError;
use super::load::load;
use super::place::Place;
use crate::object::{Entry, EntryKey, Node, TreeId};
use crate::odb::ObjectRead;

/// The entry under `key`.
pub fn get(odb: &dyn ObjectRead, root: TreeId, key: EntryKey) -> Result<Option<Entry>, TreeError> {
    let mut place = Place::ROOT;
    let mut node = load(odb, root, place, None)?;
    loop {
        let children = match node {
            Node::Leaf(mut entries) => {
                let found = entries.binary_search_by_key(&key, |(key, _)| *key);
                return Ok(found.ok().map(|at| entries.swap_remove(at).1));
            }
            Node::Branch(children) => children,
        };
        let nibble = key.nibble(place.depth());
        let Some(child) = children[nibble] else {
            return Ok(None);
        };
        place = place.child(nibble);
        node = load(odb, child.id, place, Some(child.sums))?;
    }
}

/// The entries under those of `keys` that the tree has, in the order of their keys. Each node is
/// read once, however many keys are under it; `keys` may have any order and repeats.
pub fn get_all(
    odb: &dyn ObjectRead,
    root: TreeId,
    keys: impl IntoIterator<Item = EntryKey>,
) -> Result<Vec<(EntryKey, Entry)>, TreeError> {
    let mut keys: Vec<EntryKey> = keys.into_iter().collect();
    keys.sort_unstable();
    keys.dedup();
    let mut found = Vec::new();
    if !keys.is_empty() {
        let node = load(odb, root, Place::ROOT, None)?;
        collect(odb, (node, Place::ROOT), &keys, &mut found)?;
    }
    Ok(found)
}

fn collect(
    odb: &dyn ObjectRead,
    (node, place): (Node, Place),
    mut keys: &[EntryKey],
    found: &mut Vec<(EntryKey, Entry)>,
) -> Result<(), TreeError> {
    let children = match node {
        Node::Leaf(entries) => {
            let wanted = |(key, _): &(EntryKey, Entry)| keys.binary_search(key).is_ok();
            found.extend(entries.into_iter().filter(wanted));
            return Ok(());
        }
        Node::Branch(children) => children,
    };
    for (nibble, child) in children.into_iter().enumerate() {
        let under = keys.partition_point(|key| key.nibble(place.depth()) == nibble);
        let (here, later) = keys.split_at(under);
        keys = later;
        if let (Some(child), false) = (child, here.is_empty()) {
            let place = place.child(nibble);
            let node = load(odb, child.id, place, Some(child.sums))?;
            collect(odb, (node, place), here, found)?;
        }
    }
    Ok(())
}
