use super::TreeError;
use super::load::{skim, taken};
use super::place::Place;
use crate::object::{Entry, EntryKey, Skimmed, Sums, TreeId};
use crate::odb::ObjectRead;

/// The entry under `key`.
pub fn get(odb: &dyn ObjectRead, root: TreeId, key: EntryKey) -> Result<Option<Entry>, TreeError> {
    Ok(get_all(odb, root, [key])?.pop().map(|(_, entry)| entry))
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
        collect(odb, (root, None), Place::ROOT, &keys, &mut found)?;
    }
    Ok(found)
}

fn collect(
    odb: &dyn ObjectRead,
    (id, sums): (TreeId, Option<Sums>),
    place: Place,
    mut keys: &[EntryKey],
    found: &mut Vec<(EntryKey, Entry)>,
) -> Result<(), TreeError> {
    let children = match skim(odb, id, place, sums)? {
        Skimmed::Leaf(leaf) => {
            for at in keys.iter().filter_map(|key| leaf.position(*key)) {
                found.extend(taken(&leaf, at, id)?);
            }
            return Ok(());
        }
        Skimmed::Branch(children) => children,
    };
    for (nibble, child) in children.into_iter().enumerate() {
        let under = keys.partition_point(|key| key.nibble(place.depth()) == nibble);
        let (here, later) = keys.split_at(under);
        keys = later;
        if let (Some(child), false) = (child, here.is_empty()) {
            let child = (child.id, Some(child.sums));
            collect(odb, child, place.child(nibble), here, found)?;
        }
    }
    Ok(())
}
