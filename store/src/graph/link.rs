use super::{GraphError, load};
use crate::object::{Snapshot, SnapshotId};
use crate::odb::ObjectRead;

/// All of a snapshot that a walk needs, so that a walk's memory is one of ids alone: a snapshot
/// itself may be long.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: SnapshotId,
    pub(super) generation: u64,
    parents: Vec<SnapshotId>,
}

impl Link {
    /// The link of a snapshot whose id is known.
    pub(super) fn of(id: SnapshotId, snapshot: &Snapshot) -> Self {
        Self {
            id,
            generation: snapshot.generation,
            parents: snapshot.parents.clone(),
        }
    }

    /// The link of a stored snapshot.
    pub(super) fn load(odb: &dyn ObjectRead, id: SnapshotId) -> Result<Self, GraphError> {
        Ok(Self::of(id, &load(odb, id)?))
    }

    /// Reads the parents, and checks the generation by theirs.
    pub(super) fn parents(&self, odb: &dyn ObjectRead) -> Result<Vec<Self>, GraphError> {
        let parents = self.parents.iter().map(|&id| Self::load(odb, id));
        let parents = parents.collect::<Result<Vec<_>, _>>()?;
        let highest = parents.iter().map(|parent| parent.generation).max();
        let highest = highest.unwrap_or(0);
        if highest.checked_add(1) == Some(self.generation) {
            Ok(parents)
        } else {
            Err(GraphError::Generation {
                id: self.id,
                generation: self.generation,
                highest,
            })
        }
    }
}
