//! The graph of snapshots: who descends from whom.
//!
//! A snapshot's generation is one more than the highest of its parents', so that every snapshot
//! stands above all of its ancestors. All walks go down by generation, read each snapshot once, and
//! stop as soon as what is left cannot matter; cost follows the lines that differ, not the history.
//!
//! Snapshots may be a peer's and not yet trusted. No walk may go from a snapshot to its parents
//! before their generations were found to fit; else one that lies could hide its ancestors.

mod error;
mod link;
mod relate;
#[cfg(test)]
mod tests;
mod walk;

pub use error::GraphError;
pub use relate::{is_ancestor, merge_bases, missing};
pub use walk::{Ancestors, ancestors};

use link::Link;

use crate::object::{FolderMap, FolderMapId, Snapshot, SnapshotId};
use crate::odb::ObjectRead;

/// Reads a snapshot.
pub fn load(odb: &dyn ObjectRead, id: SnapshotId) -> Result<Snapshot, GraphError> {
    let bytes = odb.read(id.into())?;
    Snapshot::decode(&bytes).map_err(|source| GraphError::Snapshot { id, source })
}

/// Reads a folder map.
pub fn load_map(odb: &dyn ObjectRead, id: FolderMapId) -> Result<FolderMap, GraphError> {
    let bytes = odb.read(id.into())?;
    FolderMap::decode(&bytes).map_err(|source| GraphError::FolderMap { id, source })
}

/// Checks that all parents are stored, and that the generation follows from theirs.
pub fn check_parents(odb: &dyn ObjectRead, snapshot: &Snapshot) -> Result<(), GraphError> {
    Link::of(snapshot.id(), snapshot).parents(odb).map(drop)
}
