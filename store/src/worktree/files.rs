//! A folder's files as the index knows them: sorted rows, and what a new listing makes of them.

use std::cmp::Ordering;
use std::iter::Peekable;

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
    /// Names that are known and whose directory entry has the inode that they had; kept only if
    /// asked for, since they are nearly all.
    pub(super) same: Rows,
    /// Names that are known, but name another inode now: that one.
    pub(super) replaced: Vec<(Name, u64, FileRow)>,
    /// Names that were not there.
    pub(super) fresh: Vec<(Name, u64)>,
    /// Rows whose names are gone.
    pub(super) gone: Rows,
}

/// Compares a listing of names and inodes with rows that come one by one; both are sorted by name.
pub(super) struct Comparison<'a, L: Iterator<Item = (&'a [u8], u64)>> {
    listing: Peekable<L>,
    keep_same: bool,
    compared: Compared,
}

impl<'a, L: Iterator<Item = (&'a [u8], u64)>> Comparison<'a, L> {
    pub(super) fn new(listing: L, keep_same: bool) -> Self {
        Self {
            listing: listing.peekable(),
            keep_same,
            compared: Compared::default(),
        }
    }

    /// The next row.
    pub(super) fn row(&mut self, name: &[u8], row: FileRow) {
        while let Some(&(listed, inode)) = self.listing.peek() {
            match listed.cmp(name) {
                Ordering::Less => self.compared.fresh.push((listed.to_vec(), inode)),
                Ordering::Equal => {
                    self.listing.next();
                    return self.known(name, inode, row);
                }
                Ordering::Greater => break,
            }
            self.listing.next();
        }
        self.compared.gone.push((name.to_vec(), row));
    }

    fn known(&mut self, name: &[u8], inode: u64, row: FileRow) {
        if inode != row.inode {
            self.compared.replaced.push((name.to_vec(), inode, row));
        } else if self.keep_same {
            self.compared.same.push((name.to_vec(), row));
        }
    }

    /// What came out, when all rows were shown.
    pub(super) fn finish(mut self) -> Compared {
        let rest = self.listing.map(|(name, inode)| (name.to_vec(), inode));
        self.compared.fresh.extend(rest);
        self.compared
    }
}

/// The flags in a file's name; none where it has no info.
pub(super) fn flags_of(name: &[u8]) -> Flags {
    file_name(name).flags().cloned().unwrap_or_default()
}
