use std::sync::LazyLock;

use super::TreeError;
use super::place::Place;
use crate::codec::Reader;
use crate::object::{Child, Entry, EntryKey, Leaf, Node, Skimmed, Sums, TreeId};
use crate::odb::ObjectRead;

static EMPTY: LazyLock<TreeId> = LazyLock::new(|| TreeId::of(&Node::empty().encode()));

/// The id of the tree that holds nothing. That tree can be read whether it is stored or not.
pub fn empty_id() -> TreeId {
    *EMPTY
}

/// What a tree holds, by the word of its root.
pub fn sums(odb: &dyn ObjectRead, root: TreeId) -> Result<Sums, TreeError> {
    Ok(load(odb, root, Place::ROOT, None)?.sums())
}

/// Reads the node that is said to stand at `place` and to hold `expected`, and refuses one that
/// cannot.
///
/// A branch is only decoded if it claims more than a leaf may hold. As each claim is compared with
/// what the child is found to be, a tree whose nodes all pass has the one canonical shape.
pub(super) fn load(
    odb: &dyn ObjectRead,
    id: TreeId,
    place: Place,
    expected: Option<Sums>,
) -> Result<Node, TreeError> {
    let node = Node::decode(&read(odb, id)?);
    let node = node.map_err(|source| TreeError::Malformed { id, source })?;
    let ends = match &node {
        Node::Leaf(entries) => Some([entries.first(), entries.last()].map(|it| it.map(|it| it.0))),
        Node::Branch(_) => None,
    };
    match misfit(ends, node.sums(), place, expected) {
        None => Ok(node),
        Some(what) => Err(TreeError::Misplaced { id, what }),
    }
}

/// Like [`load`], where few of a leaf's entries are wanted.
pub(super) fn skim(
    odb: &dyn ObjectRead,
    id: TreeId,
    place: Place,
    expected: Option<Sums>,
) -> Result<Skimmed, TreeError> {
    let node = Skimmed::new(read(odb, id)?);
    let node = node.map_err(|source| TreeError::Malformed { id, source })?;
    let (ends, sums) = match &node {
        Skimmed::Leaf(leaf) => {
            let mut keys = leaf.keys();
            (Some([keys.next(), keys.next_back()]), leaf.sums())
        }
        Skimmed::Branch(children) => {
            let sums = children.iter().flatten().map(|child| child.sums);
            (None, sums.sum())
        }
    };
    match misfit(ends, sums, place, expected) {
        None => Ok(node),
        Some(what) => Err(TreeError::Misplaced { id, what }),
    }
}

fn read(odb: &dyn ObjectRead, id: TreeId) -> Result<Vec<u8>, TreeError> {
    if id == empty_id() {
        return Ok(Node::empty().encode());
    }
    Ok(odb.read(id.into())?)
}

/// Why a node cannot stand at `place` and hold `expected`: a leaf with these outermost keys, or a
/// branch, that holds `sums`.
fn misfit(
    ends: Option<[Option<EntryKey>; 2]>,
    sums: Sums,
    place: Place,
    expected: Option<Sums>,
) -> Option<&'static str> {
    // The keys are sorted: if the outermost lie under the place, all do.
    match ends {
        Some(ends) if ends.iter().flatten().all(|key| place.holds(*key)) => {}
        Some(_) => return Some("a key of it belongs elsewhere"),
        None if place.can_branch() => {}
        None => return Some("it branches where keys end"),
    }
    if !place.is_root() && sums.entries == 0 {
        return Some("it is empty");
    }
    match expected {
        Some(expected) if expected != sums => Some("its parent's sums are not its own"),
        _ => None,
    }
}

/// The entry at a place of a leaf, taken apart, with its key; none beyond the leaf's end.
pub(super) fn taken(
    leaf: &Leaf,
    at: usize,
    id: TreeId,
) -> Result<Option<(EntryKey, Entry)>, TreeError> {
    let Some((key, bytes)) = leaf.get(at) else {
        return Ok(None);
    };
    let entry = Entry::decode(&mut Reader::new(bytes));
    let entry = entry.map_err(|source| TreeError::Malformed { id, source })?;
    Ok(Some((key, entry)))
}

/// A subtree that is yet to be looked at.
#[derive(Debug)]
pub(super) enum Side {
    /// Nothing.
    Empty,
    /// A node, and what it is said to hold; nobody says that of a root.
    Stored { id: TreeId, sums: Option<Sums> },
    /// A part of a leaf that stands further up.
    Held(Vec<(EntryKey, Entry)>),
}

impl Side {
    /// A whole tree.
    pub(super) fn root(id: TreeId) -> Self {
        Self::Stored { id, sums: None }
    }

    /// The node at `place`; where there is none of its own, a leaf with what it would hold.
    pub(super) fn open(self, odb: &dyn ObjectRead, place: Place) -> Result<Node, TreeError> {
        match self {
            Self::Empty => Ok(Node::empty()),
            Self::Stored { id, sums } => load(odb, id, place, sums),
            Self::Held(entries) => Ok(Node::Leaf(entries)),
        }
    }
}

impl From<Option<Child>> for Side {
    fn from(child: Option<Child>) -> Self {
        match child {
            None => Self::Empty,
            Some(Child { id, sums }) => Self::Stored {
                id,
                sums: Some(sums),
            },
        }
    }
}

/// Cuts sorted entries with equal nibbles before `depth` into those under each nibble there.
pub(super) fn split(
    mut entries: Vec<(EntryKey, Entry)>,
    depth: usize,
) -> [Vec<(EntryKey, Entry)>; 16] {
    let mut parts: [Vec<_>; 16] = std::array::from_fn(|_| Vec::new());
    for (nibble, part) in parts.iter_mut().enumerate().rev() {
        let at = entries.partition_point(|(key, _)| key.nibble(depth) < nibble);
        *part = entries.split_off(at);
    }
    parts
}
