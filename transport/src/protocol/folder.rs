use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{Entry, EntryKey, Folder, Sums, TreeId};
use mailvc_store::odb::ObjectWrite;
use mailvc_store::tree::{self, Change};

use super::ledger::Ledger;
use super::{Flaw, Limits, SessionError};

/// So many edits of a folder are gathered before its tree is written: what a session needs of
/// memory, at the price of a few nodes that the next edits replace.
const EDITS: usize = 16_384;

/// And so many bytes of them: an entry may name 65,535 copies.
const EDIT_BYTES: usize = 4 << 20;

/// A folder of which a part of the changes has come.
pub(super) struct OpenFolder {
    path: FolderPath,
    before: TreeId,
    now: TreeId,
    sums: Sums,
    last: Option<EntryKey>,
    edits: Vec<(EntryKey, Option<Entry>)>,
    /// How many bytes the edits came as.
    edit_bytes: usize,
}

impl OpenFolder {
    /// The folder at `path`, whose changes start from `before`.
    pub(super) fn new(path: FolderPath, before: Folder) -> Self {
        Self {
            path,
            before: before.tree,
            now: before.tree,
            sums: before.sums,
            last: None,
            edits: Vec::new(),
            edit_bytes: 0,
        }
    }

    pub(super) fn path(&self) -> &FolderPath {
        &self.path
    }

    /// Whether `key` may come next.
    pub(super) fn ascends_to(&self, key: EntryKey) -> bool {
        self.last.is_none_or(|last| last < key)
    }

    /// Sets or removes an entry, as `len` bytes asked for.
    pub(super) fn edit(
        &mut self,
        odb: &impl ObjectWrite,
        edit: (EntryKey, Option<Entry>),
        len: usize,
    ) -> Result<(), SessionError> {
        self.last = Some(edit.0);
        self.edits.push(edit);
        self.edit_bytes += len;
        if self.edits.len() >= EDITS || self.edit_bytes >= EDIT_BYTES {
            self.write(odb)?;
        }
        Ok(())
    }

    /// Writes what is left of the tree, and takes down the messages that are new in it. What is
    /// new is found by comparing the trees, not by what was said.
    pub(super) fn close(
        mut self,
        odb: &impl ObjectWrite,
        ledger: &mut Ledger,
        limits: &Limits,
    ) -> Result<(FolderPath, Folder), SessionError> {
        self.write(odb)?;
        for change in tree::diff(odb, self.before, self.now) {
            let Change { key, before, after } = change?;
            match (before, after) {
                (_, None) => {}
                (None, Some(after)) => ledger.claim(odb, (key, after.size), limits)?,
                (Some(before), Some(after)) if before.size == after.size => {}
                (Some(before), Some(after)) => {
                    let (claimed, found) = (after.size, before.size);
                    let flaw = Flaw::Size { claimed, found };
                    let blob = key.blob;
                    return Err(SessionError::Message { blob, flaw });
                }
            }
        }
        let (tree, sums) = (self.now, self.sums);
        Ok((self.path, Folder { tree, sums }))
    }

    fn write(&mut self, odb: &impl ObjectWrite) -> Result<(), SessionError> {
        if !self.edits.is_empty() {
            (self.now, self.sums) = tree::edit(odb, self.now, self.edits.drain(..))?;
            self.edit_bytes = 0;
        }
        Ok(())
    }
}
