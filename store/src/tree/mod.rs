//! The folder tree: a Merkle map from [`EntryKey`] to [`Entry`], read, compared and changed by its
//! nodes.
//!
//! A radix trie over the key's nibbles: a subtree of at most [`LEAF_MAX`](crate::object::LEAF_MAX)
//! entries is one leaf, a larger one a branch. So a tree's shape, and with it its id, is a function
//! of what it holds, and two trees differ just where their ids do.
//!
//! A tree is often a peer's and read before it is trusted. No node may be used here before it was
//! found to fit its place: every key lies under the path that led to it, every sum is true, and the
//! depth is bounded. What was not read was not checked; [`check`] reads everything.

mod diff;
mod edit;
mod error;
#[cfg(test)]
mod hostile;
mod load;
mod lookup;
mod place;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use diff::{Change, Diff, Entries, diff, entries};
pub use edit::edit;
pub use error::TreeError;
pub use load::{empty_id, sums};
pub use lookup::{get, get_all};

use crate::object::{Entry, EntryKey, Kind, Node, Sums, TreeId};
use crate::odb::{ObjectRead, ObjectWrite};

/// Stores the tree that holds nothing, and returns its id.
pub fn empty(odb: &dyn ObjectWrite) -> Result<TreeId, TreeError> {
    odb.write(Kind::Tree, &Node::empty().encode())?;
    Ok(empty_id())
}

/// Reads a whole tree and passes on its entries, in the order of their keys. When it returns `Ok`,
/// the tree is the one that [`edit`] would have made of these entries, and holds what `expected`
/// says. Whether a key's day is the message's own is for the caller to see.
pub fn check(
    odb: &dyn ObjectRead,
    root: TreeId,
    expected: Sums,
    on_key: &mut dyn FnMut(EntryKey, &Entry),
) -> Result<(), TreeError> {
    for entry in Entries::expecting(odb, root, expected) {
        let (key, entry) = entry?;
        on_key(key, &entry);
    }
    Ok(())
}
