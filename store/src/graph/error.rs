use crate::codec::DecodeError;
use crate::object::{FolderMapId, ObjectKey, SnapshotId};
use crate::odb::OdbError;

/// Why the graph could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// An object could not be read.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A snapshot's bytes are not those of a snapshot.
    #[error("snapshot {id} cannot be understood")]
    Snapshot {
        /// The snapshot.
        id: SnapshotId,
        /// What is wrong with its bytes.
        source: DecodeError,
    },
    /// A folder map's bytes are not those of a folder map.
    #[error("folder map {id} cannot be understood")]
    FolderMap {
        /// The folder map.
        id: FolderMapId,
        /// What is wrong with its bytes.
        source: DecodeError,
    },
    /// A snapshot's generation is not one more than the highest of its parents.
    #[error("snapshot {id} claims generation {generation}, but its parents' highest is {highest}")]
    Generation {
        /// The snapshot.
        id: SnapshotId,
        /// What it claims.
        generation: u64,
        /// The highest generation among its parents; 0 if it has none.
        highest: u64,
    },
}

impl GraphError {
    /// The object whose absence is the error, if that is it.
    pub fn missing(&self) -> Option<ObjectKey> {
        match self {
            Self::Odb(OdbError::Missing(key)) => Some(*key),
            _ => None,
        }
    }
}
