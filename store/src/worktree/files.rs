//! A folder's files as the index knows them: sorted rows, and what a new listing makes of them.

use crate::index::FileRow;
use crate::maildir::{FileName, Flags};

/// A file's name under its folder: `cur/NAME` or `new/NAME`.
pub(super) type Name = Vec<u8>;
/// Rows sorted by name.
pub(super) type Rows = Vec<(Name, FileRow)>;

/// The part of a name that a mail client leaves alone when it changes flags.
pub(super) fn unique(name: &[u8]) -> &[u8] {
    let file = &name[name.len().min(4)..];
    let end = file.iter().position(|&byte| byte == b':' || byte == b',');
    &file[..end.unwrap_or(file.len())]
}

/// Whether the file lies in `new`.
pub(super) fn is_recent(name: &[u8]) -> bool {
    name.starts_with(b"new/")
}

/// The file's name, parsed.
pub(super) fn file_name(name: &[u8]) -> FileName {
    FileName::parse(&name[name.len().min(4)..])
}

/// What a listing says against the rows of the one before.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Names that are known and whose directory entry has the inode that they had.
    pub(super) same: Rows,
    /// Names that are known, but name another inode now.
    pub(super) replaced: Vec<(Name, FileRow)>,
    /// Names that were not there.
    pub(super) fresh: Vec<(Name, u64)>,
    /// Rows whose names are gone.
    pub(super) gone: Rows,
}

/// Compares rows with a listing of names and inodes; both are sorted by name.
pub(super) fn compare(rows: Rows, listing: Vec<(Name, u64)>) -> Compared {
    let mut compared = Compared::default();
    let mut rows = rows.into_iter().peekable();
    for (name, inode) in listing {
        while let Some(row) = rows.next_if(|(known, _)| *known < name) {
            compared.gone.push(row);
        }
        match rows.next_if(|(known, _)| *known == name) {
            Some((_, row)) if row.inode == inode => compared.same.push((name, row)),
            Some((_, row)) => compared.replaced.push((name, row)),
            None => compared.fresh.push((name, inode)),
        }
    }
    compared.gone.extend(rows);
    compared
}

/// What must be written to the index to get from `old` to `new`: rows to put, names to remove.
pub(super) fn difference(old: &Rows, new: &Rows) -> (Rows, Vec<Name>) {
    let (mut put, mut remove) = (Vec::new(), Vec::new());
    let mut old = old.iter().peekable();
    for row in new {
        while let Some((name, _)) = old.next_if(|(name, _)| *name < row.0) {
            remove.push(name.clone());
        }
        match old.next_if(|(name, _)| *name == row.0) {
            Some(known) if known == row => {}
            _ => put.push(row.clone()),
        }
    }
    remove.extend(old.map(|(name, _)| name.clone()));
    (put, remove)
}

/// The flags in a file's name; none where it has no info.
pub(super) fn flags_of(name: &[u8]) -> Flags {
    file_name(name).flags().cloned().unwrap_or_default()
}
