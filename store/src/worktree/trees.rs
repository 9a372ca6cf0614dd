//! Folder trees from rows: the files of a folder, as a snapshot knows them.

use std::collections::{BTreeMap, HashMap};

use super::WorktreeError;
use super::files::{self, Rows};
use crate::index::FileRow;
use crate::maildir::FolderPath;
use crate::object::{BlobId, Copies, Day, Entry, EntryKey, Folder, MessageCopy, TreeId};
use crate::odb::{ObjectRead, ObjectWrite};
use crate::tree;

/// What a file says of its message beside the content.
pub(super) fn copy_of(name: &[u8], row: &FileRow) -> MessageCopy {
    MessageCopy {
        recent: files::is_recent(name),
        flags: files::flags_of(name),
        keywords: Vec::new(),
        mtime: row.mtime_ns.div_euclid(1_000_000_000),
    }
}

/// The key of a row's message.
pub(super) fn key_of(row: &FileRow) -> EntryKey {
    EntryKey {
        day: Day(row.day),
        blob: row.blob,
    }
}

/// The tree of the rows `new`, given that `base` is the tree of the rows `old`.
pub(super) fn update(
    odb: &dyn ObjectWrite,
    folder: &FolderPath,
    base: Option<TreeId>,
    rows: (&Rows, &Rows),
) -> Result<Folder, WorktreeError> {
    let (old, new) = rows;
    let mut touched: HashMap<BlobId, Vec<MessageCopy>> = HashMap::new();
    let mut edits: BTreeMap<EntryKey, Option<Entry>> = BTreeMap::new();
    if base.is_some() {
        let (put, remove) = files::difference(old, new);
        let row_of = |name: &Vec<u8>| {
            old.binary_search_by(|(known, _)| known.cmp(name))
                .ok()
                .map(|at| &old[at].1)
        };
        let before = put
            .iter()
            .map(|(name, _)| name)
            .chain(&remove)
            .filter_map(row_of);
        for row in before.chain(put.iter().map(|(_, row)| row)) {
            touched.insert(row.blob, Vec::new());
            edits.insert(key_of(row), None);
        }
    } else {
        touched.extend(new.iter().map(|(_, row)| (row.blob, Vec::new())));
    }
    let mut sizes: HashMap<BlobId, (EntryKey, u64)> = HashMap::new();
    for (name, row) in new {
        if let Some(copies) = touched.get_mut(&row.blob) {
            copies.push(copy_of(name, row));
            sizes.insert(row.blob, (key_of(row), row.size));
        }
    }
    for (blob, (key, size)) in sizes {
        let copies = touched.remove(&blob).unwrap_or_default();
        let copies =
            Copies::collect(copies).ok_or_else(|| WorktreeError::TooManyCopies(folder.clone()))?;
        edits.insert(
            key,
            Some(Entry {
                size,
                copies,
                kept: 0,
            }),
        );
    }
    let base = match base {
        Some(base) => base,
        None => tree::empty(odb)?,
    };
    let (tree, sums) = tree::edit(odb, base, edits)?;
    Ok(Folder { tree, sums })
}

/// `folder`, with the `kept` counts that `local` has: a Maildir does not show them.
pub(super) fn adopt_kept(
    odb: &dyn ObjectWrite,
    local: TreeId,
    folder: Folder,
) -> Result<Folder, WorktreeError> {
    let mut edits = Vec::new();
    for change in tree::diff(odb, local, folder.tree) {
        let change = change?;
        if let (Some(before), Some(after)) = (change.before, change.after)
            && before.kept != after.kept
        {
            edits.push((
                change.key,
                Some(Entry {
                    kept: before.kept,
                    ..after
                }),
            ));
        }
    }
    if edits.is_empty() {
        return Ok(folder);
    }
    let (tree, sums) = tree::edit(odb, folder.tree, edits)?;
    Ok(Folder { tree, sums })
}

/// A stored tree with what it holds.
pub(super) fn folder(odb: &dyn ObjectRead, tree: TreeId) -> Result<Folder, WorktreeError> {
    Ok(Folder {
        tree,
        sums: tree::sums(odb, tree)?,
    })
}
