//! Merges two states of a Maildir: has the messages decided that changed, builds the trees, and
//! proves the result. The cost follows the changes of both sides, not what the folders hold.

use std::collections::BTreeSet;

use super::check;
use super::decide::Sides;
use super::error::MergeError;
use super::touched::folders;
use crate::maildir::FolderPath;
use crate::object::{
    BlobId, Conflict, ConflictKind, Day, Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind,
};
use crate::odb::{ObjectRead, ObjectWrite};
use crate::{graph, tree};

/// Two states made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The id of the folder map, which is stored, as are its trees.
    pub folders: FolderMapId,
    /// The folder map.
    pub map: FolderMap,
    /// All that had to be decided, sorted.
    pub conflicts: Vec<Conflict>,
}

/// Merges the states `a` and `b`, which both came of `base`; without one, all that either has is
/// new. The same whichever side is called `a`, and stored in `odb`.
///
/// [`MergeError::WouldLose`] says that the result was refused because a message would be gone that
/// no rule allows to go: a bug, never the user's doing.
pub fn merge_maps(
    odb: &dyn ObjectWrite,
    base: Option<FolderMapId>,
    a: FolderMapId,
    b: FolderMapId,
) -> Result<Merged, MergeError> {
    merge_over(odb, odb, base, [a, b])
}

/// Merges states; what is read, the base above all, may lie in another database than the one
/// written to, which has both sides.
pub(super) fn merge_over(
    read: &dyn ObjectRead,
    write: &dyn ObjectWrite,
    base: Option<FolderMapId>,
    [a, b]: [FolderMapId; 2],
) -> Result<Merged, MergeError> {
    let only = match base {
        _ if a == b => Some(a),
        Some(base) if base == a => Some(b),
        Some(base) if base == b => Some(a),
        _ => None,
    };
    if let Some(folders) = only {
        return Ok(Merged {
            folders,
            map: graph::load_map(read, folders)?,
            conflicts: Vec::new(),
        });
    }
    let base = match base {
        Some(base) => graph::load_map(read, base)?,
        None => FolderMap::default(),
    };
    let other = a;
    let (a, b) = (graph::load_map(read, a)?, graph::load_map(read, b)?);
    let sides = Sides {
        base: &base,
        a: &a,
        b: &b,
    };
    let (map, conflicts) = sides.merge(read, write)?;
    check::nothing_lost(read, [&base, &a, &b], &map)?;
    Ok(Merged {
        folders: store(write, &map, Some(other))?,
        map,
        conflicts: conflicts.into_iter().collect(),
    })
}

impl<'a> Sides<'a> {
    fn merge(
        self,
        read: &'a dyn ObjectRead,
        write: &dyn ObjectWrite,
    ) -> Result<(FolderMap, BTreeSet<Conflict>), MergeError> {
        let mut plan = self.decide_all(read)?;
        let mut map = FolderMap {
            subscriptions: self.subscriptions(),
            ..FolderMap::default()
        };
        for path in folders([self.base, self.a, self.b]) {
            let Some(folder) =
                self.build(write, path, plan.edits.remove(path).unwrap_or_default())?
            else {
                continue;
            };
            let [in_base, in_a, in_b] =
                [self.base, self.a, self.b].map(|map| map.folders.contains_key(path));
            if vote(in_base, in_a, in_b) || folder.sums.entries > 0 {
                map.folders.insert(path.clone(), folder);
                if in_base && in_a != in_b {
                    plan.conflicts.insert(folder_kept(path));
                }
            }
        }
        Ok((map, plan.conflicts))
    }

    /// The folder after the merge, empty or not; `None` if no side has it.
    fn build(
        self,
        write: &dyn ObjectWrite,
        path: &FolderPath,
        edits: Vec<(EntryKey, Option<Entry>)>,
    ) -> Result<Option<Folder>, MergeError> {
        let side = if self.starts_from_a(path) {
            self.a
        } else {
            self.b
        };
        match side.folders.get(path) {
            Some(start) if !edits.is_empty() => {
                let (tree, sums) = tree::edit(write, start.tree, edits)?;
                Ok(Some(Folder { tree, sums }))
            }
            as_it_is => Ok(as_it_is.copied()),
        }
    }

    fn subscriptions(self) -> BTreeSet<Vec<u8>> {
        let [base, a, b] = [self.base, self.a, self.b].map(|map| &map.subscriptions);
        let stays =
            |line: &&Vec<u8>| vote(base.contains(*line), a.contains(*line), b.contains(*line));
        a.union(b).filter(stays).cloned().collect()
    }
}

/// Of two sides of a yes or no, the one that changed it.
fn vote(base: bool, a: bool, b: bool) -> bool {
    if a == b { a } else { !base }
}

fn folder_kept(path: &FolderPath) -> Conflict {
    Conflict {
        folder: path.clone(),
        key: EntryKey {
            day: Day(0),
            blob: BlobId::new([0; 32]),
        },
        kind: ConflictKind::FolderDeletedAndChanged,
    }
}

/// Stores a folder map as its difference from another one, if there is one alike; one that could not be read again, for it
/// has too many folders, is refused.
pub(super) fn store(
    odb: &dyn ObjectWrite,
    map: &FolderMap,
    other: Option<FolderMapId>,
) -> Result<FolderMapId, MergeError> {
    let bytes = map.encode();
    FolderMap::decode(&bytes).map_err(|_| MergeError::TooLarge)?;
    odb.write_delta(Kind::FolderMap, &bytes, other.map(Into::into))?;
    Ok(FolderMapId::of(&bytes))
}
