//! Folder maps in and out of the database.

use super::MergeError;
use crate::object::{FolderMap, FolderMapId, Kind};
use crate::odb::{ObjectRead, ObjectWrite};

pub(super) fn load(odb: &dyn ObjectRead, id: FolderMapId) -> Result<FolderMap, MergeError> {
    let bytes = odb.read(id.into())?;
    FolderMap::decode(&bytes).map_err(|source| MergeError::Malformed {
        key: id.into(),
        source,
    })
}

/// Stores a folder map; one that could not be read again, for it has too many folders, is refused.
pub(super) fn store(odb: &dyn ObjectWrite, map: &FolderMap) -> Result<FolderMapId, MergeError> {
    let bytes = map.encode();
    FolderMap::decode(&bytes).map_err(|_| MergeError::TooLarge)?;
    odb.write(Kind::FolderMap, &bytes)?;
    Ok(FolderMapId::of(&bytes))
}
