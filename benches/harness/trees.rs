//! Folder trees of any size without mail: entries as a mailbox of that size has them.

use mailvc_store::maildir::{Flags, FolderPath};
use mailvc_store::object::{
    BlobId, Copies, Day, Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind, MessageCopy, Sums,
    TreeId,
};
use mailvc_store::odb::{MemoryOdb, ObjectWrite};
use mailvc_store::tree;

/// How many messages come in a day.
const DAILY: u64 = 72;

/// What an [`edits`] makes of a message.
pub type Edit = (EntryKey, Option<Entry>);

/// Entries of these messages, seen or not.
pub fn edits(numbers: impl IntoIterator<Item = u64>, seen: bool) -> Vec<Edit> {
    let letters: &[u8] = if seen { b":2,S" } else { b":2," };
    let edit = |number| {
        let copy = MessageCopy {
            flags: Flags::from_info(letters),
            mtime: 1_293_840_000 + number as i64 * 1_200,
            ..MessageCopy::default()
        };
        let entry = Entry {
            size: 6_000,
            copies: Copies::one(copy),
            kept: 0,
        };
        (key(number), Some(entry))
    };
    numbers.into_iter().map(edit).collect()
}

/// The key of message `number`.
pub fn key(number: u64) -> EntryKey {
    EntryKey {
        day: Day((15_000 + number / DAILY) as u16),
        blob: BlobId::of(&number.to_le_bytes()),
    }
}

/// The tree of the messages up to `count`.
///
/// # Panics
/// If it can't be made.
pub fn tree_of(odb: &MemoryOdb, count: u64) -> (TreeId, Sums) {
    let empty = tree::empty(odb).expect("an empty tree");
    tree::edit(odb, empty, edits(0..count, true)).expect("a tree")
}

/// The folder map of one folder, stored.
///
/// # Panics
/// If it can't be stored.
pub fn map_of(odb: &MemoryOdb, (tree, sums): (TreeId, Sums)) -> FolderMapId {
    let mut map = FolderMap::default();
    let path = FolderPath::new(b"Archive").expect("a path");
    map.folders.insert(path, Folder { tree, sums });
    let key = odb.write(Kind::FolderMap, &map.encode());
    FolderMapId::new(key.expect("stored").hash)
}
