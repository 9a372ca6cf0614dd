use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec;

use super::TreeError;
use super::load::{Side, skim, split, taken};
use super::place::Place;
use crate::object::{Entry, EntryKey, Leaf, Node, Skimmed, Sums, TreeId};
use crate::odb::ObjectRead;

/// One key under which two trees differ: at least one of the entries is there, and they are not
/// equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: EntryKey,
    /// What the first tree has under it.
    pub before: Option<Entry>,
    /// What the second tree has under it.
    pub after: Option<Entry>,
}

/// The differences of two trees, see [`diff`].
pub struct Diff<'a> {
    odb: &'a dyn ObjectRead,
    /// What is yet to be compared, the smallest keys last.
    stack: Vec<Pair>,
    /// What the leaves compared last differ in.
    ready: vec::IntoIter<Change>,
}

struct Pair {
    before: Side,
    after: Side,
    place: Place,
}

/// Where two trees differ, in the order of the keys. Subtrees that are the same on both sides are
/// not read; memory is bounded by the depth of the trees. The first error is the last item.
pub fn diff(odb: &dyn ObjectRead, before: TreeId, after: TreeId) -> Diff<'_> {
    Diff::new(odb, Side::root(before), Side::root(after))
}

impl<'a> Diff<'a> {
    fn new(odb: &'a dyn ObjectRead, before: Side, after: Side) -> Self {
        let place = Place::ROOT;
        Self {
            odb,
            stack: vec![Pair {
                before,
                after,
                place,
            }],
            ready: Vec::new().into_iter(),
        }
    }

    fn compare(&mut self, pair: Pair) -> Result<(), TreeError> {
        if are_same(&pair.before, &pair.after)? {
            return Ok(());
        }
        let Pair {
            before,
            after,
            place,
        } = pair;
        let (before, after) = match (before, after) {
            (Side::Stored { id: a, sums: said }, Side::Stored { id: b, sums: too }) => {
                let before = skim(self.odb, a, place, said)?;
                let after = skim(self.odb, b, place, too)?;
                if let (Skimmed::Leaf(before), Skimmed::Leaf(after)) = (&before, &after) {
                    self.ready = changes_of_leaves((before, a), (after, b))?.into_iter();
                    return Ok(());
                }
                let decoded = |node: Skimmed, id| {
                    let node = node.decode();
                    node.map_err(|source| TreeError::Malformed { id, source })
                };
                (decoded(before, a)?, decoded(after, b)?)
            }
            (before, after) => (before.open(self.odb, place)?, after.open(self.odb, place)?),
        };
        match (before, after) {
            (Node::Leaf(before), Node::Leaf(after)) => {
                self.ready = changes(before, after).into_iter();
            }
            (before, after) => self.descend(before, after, place),
        }
        Ok(())
    }

    /// Puts the sixteen pairs under two nodes onto the stack; at least one of them is a branch.
    fn descend(&mut self, before: Node, after: Node, place: Place) {
        let before = sides(before, place.depth());
        let after = sides(after, place.depth());
        let pairs = before.into_iter().zip(after).enumerate();
        let first = self.stack.len();
        for (nibble, (before, after)) in pairs {
            if !matches!((&before, &after), (Side::Empty, Side::Empty)) {
                self.stack.push(Pair {
                    before,
                    after,
                    place: place.child(nibble),
                });
            }
        }
        self.stack[first..].reverse();
    }
}

impl Iterator for Diff<'_> {
    type Item = Result<Change, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(change) = self.ready.next() {
                return Some(Ok(change));
            }
            let pair = self.stack.pop()?;
            if let Err(error) = self.compare(pair) {
                self.stack.clear();
                return Some(Err(error));
            }
        }
    }
}

/// Whether two sides are one and the same node. Two words of what it holds must then be one, too.
fn are_same(before: &Side, after: &Side) -> Result<bool, TreeError> {
    let (Side::Stored { id: a, sums: said }, Side::Stored { id: b, sums: too }) = (before, after)
    else {
        return Ok(false);
    };
    if a == b && said != too {
        let what = "its parents' sums differ";
        return Err(TreeError::Misplaced { id: *a, what });
    }
    Ok(a == b)
}

/// What stands under each nibble of a node.
fn sides(node: Node, depth: usize) -> [Side; 16] {
    match node {
        Node::Branch(children) => children.map(Side::from),
        Node::Leaf(entries) => split(entries, depth).map(|part| {
            if part.is_empty() {
                Side::Empty
            } else {
                Side::Held(part)
            }
        }),
    }
}

/// What two leaves differ in. Entries have one encoding: only those whose bytes differ are taken
/// apart.
fn changes_of_leaves(
    (before, a): (&Leaf, TreeId),
    (after, b): (&Leaf, TreeId),
) -> Result<Vec<Change>, TreeError> {
    let mut changes = Vec::new();
    let (mut at, mut too) = (0, 0);
    loop {
        let (one, other) = (before.get(at), after.get(too));
        let order = match (one, other) {
            (None, None) => return Ok(changes),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(&other),
        };
        if one != other {
            let gone = if order.is_le() {
                taken(before, at, a)?
            } else {
                None
            };
            let came = if order.is_ge() {
                taken(after, too, b)?
            } else {
                None
            };
            if let Some((key, _)) = gone.as_ref().or(came.as_ref()) {
                changes.push(Change {
                    key: *key,
                    before: gone.map(|(_, entry)| entry),
                    after: came.map(|(_, entry)| entry),
                });
            }
        }
        at += usize::from(order.is_le());
        too += usize::from(order.is_ge());
    }
}

/// What two sorted lists differ in.
fn changes(before: Vec<(EntryKey, Entry)>, after: Vec<(EntryKey, Entry)>) -> Vec<Change> {
    let mut before = before.into_iter().peekable();
    let mut after = after.into_iter().peekable();
    let mut changes = Vec::new();
    while let Some(change) = next_pair(&mut before, &mut after) {
        if change.before != change.after {
            changes.push(change);
        }
    }
    changes
}

type List = Peekable<vec::IntoIter<(EntryKey, Entry)>>;

/// Takes what stands under the smallest key of two lists, equal or not.
fn next_pair(before: &mut List, after: &mut List) -> Option<Change> {
    let order = match (before.peek(), after.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some((a, _)), Some((b, _))) => a.cmp(b),
    };
    let before = before.next_if(|_| order.is_le());
    let after = after.next_if(|_| order.is_ge());
    let key = before.as_ref().or(after.as_ref())?.0;
    Some(Change {
        key,
        before: before.map(|(_, entry)| entry),
        after: after.map(|(_, entry)| entry),
    })
}

/// The entries of a tree, see [`entries`].
pub struct Entries<'a>(Diff<'a>);

/// The entries of a tree, in the order of their keys; memory is bounded by the tree's depth. The
/// first error is the last item.
pub fn entries(odb: &dyn ObjectRead, root: TreeId) -> Entries<'_> {
    Entries(Diff::new(odb, Side::Empty, Side::root(root)))
}

impl<'a> Entries<'a> {
    /// The entries of a tree that must hold `sums`.
    pub(super) fn expecting(odb: &'a dyn ObjectRead, id: TreeId, sums: Sums) -> Self {
        let sums = Some(sums);
        Self(Diff::new(odb, Side::Empty, Side::Stored { id, sums }))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(EntryKey, Entry), TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next()? {
            Ok(change) => change.after.map(|entry| Ok((change.key, entry))),
            Err(error) => Some(Err(error)),
        }
    }
}
