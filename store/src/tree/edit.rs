use std::collections::BTreeMap;

use super::TreeError;
use super::load::{empty_id, load, split};
use super::place::Place;
use crate::object::{Child, Entry, EntryKey, Kind, LEAF_MAX, Node, Sums, TreeId};
use crate::odb::ObjectWrite;

type Entries = Vec<(EntryKey, Entry)>;
type Edit = (EntryKey, Option<Entry>);
type Children = [Option<Child>; 16];

/// Makes of a tree the one with other entries under some keys: `Some` puts an entry, `None` removes
/// one that may be there. The edits have any order; of several under one key the last counts.
///
/// Only nodes that changed are written, each with the node that stood in its place as the base of a
/// delta; edits that change nothing write nothing. The result is the tree that the resulting
/// entries make from scratch, provided that `root` is such a tree: subtrees that no edit touches
/// are taken at their parent's word.
pub fn edit(
    odb: &dyn ObjectWrite,
    root: TreeId,
    edits: impl IntoIterator<Item = Edit>,
) -> Result<(TreeId, Sums), TreeError> {
    let mut edits: Vec<Edit> = edits.into_iter().collect();
    // The sort keeps the order of equal keys, so that the last of them comes first, and stays.
    edits.reverse();
    edits.sort_by_key(|(key, _)| *key);
    edits.dedup_by_key(|(key, _)| *key);
    let node = load(odb, root, Place::ROOT, None)?;
    let stood = Child {
        id: root,
        sums: node.sums(),
    };
    let editor = Editor { odb };
    let child = match editor.edit_node(stood, node, &mut edits, Place::ROOT)? {
        // The empty tree can be read without being stored; what is returned here is stored.
        Subtree::Stored(child) if child.id == empty_id() => editor.write(&Node::empty(), None)?,
        Subtree::Stored(child) => child,
        Subtree::Few { entries, base } => editor.write(&Node::Leaf(entries), base)?,
    };
    Ok((child.id, child.sums))
}

/// What became of a subtree.
enum Subtree {
    /// It is stored.
    Stored(Child),
    /// It fits into a leaf, unwritten: the parent may want the entries in a leaf of its own.
    Few {
        entries: Entries,
        base: Option<TreeId>,
    },
}

impl Subtree {
    fn entries(&self) -> u64 {
        match self {
            Self::Stored(child) => child.sums.entries,
            Self::Few { entries, .. } => entries.len() as u64,
        }
    }
}

struct Editor<'a> {
    odb: &'a dyn ObjectWrite,
}

impl Editor<'_> {
    /// Applies sorted edits, all of them under `place`, to the node that stood there.
    fn edit_node(
        &self,
        stood: Child,
        node: Node,
        edits: &mut [Edit],
        place: Place,
    ) -> Result<Subtree, TreeError> {
        match node {
            Node::Leaf(entries) => match apply(entries, edits) {
                None => Ok(Subtree::Stored(stood)),
                Some(entries) => self.grow(entries, Some(stood.id), place),
            },
            Node::Branch(children) => self.edit_branch(stood, &children, edits, place),
        }
    }

    fn edit_branch(
        &self,
        stood: Child,
        children: &Children,
        mut edits: &mut [Edit],
        place: Place,
    ) -> Result<Subtree, TreeError> {
        let mut parts = Vec::with_capacity(children.len());
        for (nibble, &child) in children.iter().enumerate() {
            let under = edits.partition_point(|(key, _)| key.nibble(place.depth()) == nibble);
            let (here, later) = std::mem::take(&mut edits).split_at_mut(under);
            edits = later;
            parts.push(self.edit_child(child, here, place.child(nibble))?);
        }
        if are_few(&parts) {
            return self.collapse(parts, place);
        }
        let new = self.seal(parts)?;
        if new == *children {
            return Ok(Subtree::Stored(stood));
        }
        let branch = Node::Branch(Box::new(new));
        Ok(Subtree::Stored(self.write(&branch, Some(stood.id))?))
    }

    fn edit_child(
        &self,
        child: Option<Child>,
        edits: &mut [Edit],
        place: Place,
    ) -> Result<Subtree, TreeError> {
        match child {
            Some(child) if edits.is_empty() => Ok(Subtree::Stored(child)),
            Some(child) => {
                let node = load(self.odb, child.id, place, Some(child.sums))?;
                self.edit_node(child, node, edits, place)
            }
            None => {
                let entries = apply(Vec::new(), edits).unwrap_or_default();
                self.grow(entries, None, place)
            }
        }
    }

    /// Makes a subtree of sorted entries that belong under `place`; `base` is the leaf that stood
    /// there. The keys differ, so that the nibbles cannot run out.
    fn grow(
        &self,
        entries: Entries,
        base: Option<TreeId>,
        place: Place,
    ) -> Result<Subtree, TreeError> {
        if entries.len() <= LEAF_MAX {
            return Ok(Subtree::Few { entries, base });
        }
        let mut parts = Vec::new();
        for (nibble, part) in split(entries, place.depth()).into_iter().enumerate() {
            parts.push(self.grow(part, base, place.child(nibble))?);
        }
        let branch = Node::Branch(Box::new(self.seal(parts)?));
        Ok(Subtree::Stored(self.write(&branch, None)?))
    }

    /// One leaf of what so few are left in; those that no edit touched are read for it.
    fn collapse(&self, parts: Vec<Subtree>, place: Place) -> Result<Subtree, TreeError> {
        let mut all = Vec::new();
        for (nibble, part) in parts.into_iter().enumerate() {
            match part {
                Subtree::Few { entries, .. } => all.extend(entries),
                Subtree::Stored(Child { id, sums }) => {
                    match load(self.odb, id, place.child(nibble), Some(sums))? {
                        Node::Leaf(entries) => all.extend(entries),
                        Node::Branch(_) => {
                            let what = "it branches, with so few entries";
                            return Err(TreeError::Misplaced { id, what });
                        }
                    }
                }
            }
        }
        let base = None;
        Ok(Subtree::Few { entries: all, base })
    }

    /// Writes the leaves among the parts of a branch.
    fn seal(&self, parts: Vec<Subtree>) -> Result<Children, TreeError> {
        let mut children = [None; 16];
        for (slot, part) in children.iter_mut().zip(parts) {
            *slot = match part {
                Subtree::Stored(child) => Some(child),
                Subtree::Few { entries, .. } if entries.is_empty() => None,
                Subtree::Few { entries, base } => Some(self.write(&Node::Leaf(entries), base)?),
            };
        }
        Ok(children)
    }

    fn write(&self, node: &Node, base: Option<TreeId>) -> Result<Child, TreeError> {
        let bytes = node.encode();
        let base = base.map(Into::into);
        let key = self.odb.write_delta(Kind::Tree, &bytes, base)?;
        Ok(Child {
            id: TreeId::new(key.hash),
            sums: node.sums(),
        })
    }
}

fn are_few(parts: &[Subtree]) -> bool {
    let entries = parts.iter().map(Subtree::entries);
    entries.fold(0, u64::saturating_add) <= LEAF_MAX as u64
}

/// Applies edits to the entries of a leaf; `None` if they change nothing.
fn apply(entries: Entries, edits: &mut [Edit]) -> Option<Entries> {
    let mut map: BTreeMap<EntryKey, Entry> = entries.into_iter().collect();
    let mut changed = false;
    for (key, edit) in edits {
        changed |= match edit.take() {
            None => map.remove(key).is_some(),
            Some(entry) if map.get(key) == Some(&entry) => false,
            Some(entry) => {
                map.insert(*key, entry);
                true
            }
        };
    }
    changed.then(|| map.into_iter().collect())
}
