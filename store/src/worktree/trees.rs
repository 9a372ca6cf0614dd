//! Folder trees from rows: the files of a folder, as a snapshot knows them.

use std::collections::BTreeMap;

use super::WorktreeError;
use super::files::{self, Name};
use crate::index::{FileRow, Index};
use crate::maildir::FolderPath;
use crate::object::{Copies, Day, Entry, EntryKey, Folder, MessageCopy, TreeId};
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

/// How the files of a folder differ from those that its tree was made of.
#[derive(Clone, Copy)]
pub(super) struct Difference<'a> {
    /// Rows that are no more.
    pub(super) gone: &'a BTreeMap<Name, FileRow>,
    /// Rows that were not there.
    pub(super) found: &'a BTreeMap<Name, FileRow>,
}

/// So many messages of which a tree knows nothing else are looked up in it; if more changed than
/// one in so many of the tree's, it is made anew.
const LOOKED_UP: usize = 200;
const ONE_IN: u64 = 8;

/// The tree of a folder's files, made from the tree `base` of the files before. `None` if `base`
/// is not their tree, or another way is shorter.
pub(super) fn update(
    odb: &dyn ObjectWrite,
    folder: &FolderPath,
    (base, difference): (Folder, Difference<'_>),
) -> Result<Option<Folder>, WorktreeError> {
    let mut touched: BTreeMap<EntryKey, (u64, Vec<MessageCopy>, Vec<MessageCopy>)> =
        BTreeMap::new();
    for (name, row) in difference.gone {
        let (_, less, _) = touched.entry(key_of(row)).or_default();
        less.push(copy_of(name, row));
    }
    for (name, row) in difference.found {
        let (size, _, more) = touched.entry(key_of(row)).or_default();
        *size = row.size;
        more.push(copy_of(name, row));
    }
    let many = touched.len() > LOOKED_UP;
    if many && touched.len() as u64 * ONE_IN > base.sums.entries {
        return Ok(None);
    }
    let known = tree::get_all(odb, base.tree, touched.keys().copied())?;
    let mut known: BTreeMap<EntryKey, Entry> = known.into_iter().collect();
    let mut edits = Vec::with_capacity(touched.len());
    for (key, (size, less, more)) in touched {
        let entry = known.remove(&key);
        let size = entry.as_ref().map_or(size, |entry| entry.size);
        let copies = entry.as_ref().map(|entry| entry.copies.iter().cloned());
        let mut copies: Vec<MessageCopy> = copies.into_iter().flatten().collect();
        for copy in less {
            let Some(at) = copies.iter().position(|known| *known == copy) else {
                return Ok(None);
            };
            copies.swap_remove(at);
        }
        copies.extend(more);
        edits.push((key, entry_of(folder, size, copies)?));
    }
    let (tree, sums) = tree::edit(odb, base.tree, edits)?;
    Ok(Some(Folder { tree, sums }))
}

/// The tree of a folder's files, made from all rows: those of the index, as `difference` has them.
pub(super) fn build(
    odb: &dyn ObjectWrite,
    folder: &FolderPath,
    (index, difference): (&Index, Difference<'_>),
) -> Result<Folder, WorktreeError> {
    let mut all: Vec<(EntryKey, u64, MessageCopy)> = Vec::new();
    let mut take = |name: &[u8], row: &FileRow| {
        all.push((key_of(row), row.size, copy_of(name, row)));
    };
    index.each_file(folder, b"", &mut |name, row| {
        if !difference.gone.contains_key(name) {
            take(name, &row);
        }
    })?;
    for (name, row) in difference.found {
        take(name, row);
    }
    all.sort_unstable_by_key(|(key, ..)| *key);
    let mut edits = Vec::new();
    let mut all = all.into_iter().peekable();
    while let Some((key, size, copy)) = all.next() {
        let mut copies = vec![copy];
        while let Some((.., copy)) = all.next_if(|(next, ..)| *next == key) {
            copies.push(copy);
        }
        edits.push((key, entry_of(folder, size, copies)?));
    }
    let (tree, sums) = tree::edit(odb, tree::empty(odb)?, edits)?;
    Ok(Folder { tree, sums })
}

fn entry_of(
    folder: &FolderPath,
    size: u64,
    copies: Vec<MessageCopy>,
) -> Result<Option<Entry>, WorktreeError> {
    if copies.is_empty() {
        return Ok(None);
    }
    let copies =
        Copies::collect(copies).ok_or_else(|| WorktreeError::TooManyCopies(folder.clone()))?;
    Ok(Some(Entry {
        size,
        copies,
        kept: 0,
    }))
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
