//! The object database: objects by id, whatever holds them. Everything above this layer reads and
//! writes through the two traits here, and never learns of packs.
//!
//! No reader here may ever return bytes whose id it has not checked.

mod add;
mod batch;
mod cache;
mod error;
mod memory;
mod out;
mod packed;
mod pending;
mod read;
mod receive;
mod repack;
mod rows;
mod scratch;
mod send;
mod set;
mod sink;
mod sweep;
mod verify;

use std::io::Write;

pub use add::{AddedBlob, BlobSource};
pub use batch::Batch;
pub use error::OdbError;
pub use memory::{MemoryOdb, Overlay};
pub use packed::PackedOdb;
pub use receive::{ReceivedObject, Receiving};
pub use repack::{MESSAGES_TOGETHER, OTHERS_TOGETHER, Output, PackShape, Placed, Repack};
pub use sweep::Swept;
pub use verify::Damage;

use crate::object::{BlobId, Kind, ObjectKey};

/// Reads objects.
pub trait ObjectRead: Sync {
    /// Whether the object is stored. It says nothing of whether its bytes are whole.
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError>;

    /// The object's bytes, which have the id asked for: [`OdbError::Missing`] if it is not stored,
    /// [`OdbError::Damaged`] if what is stored is something else.
    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError>;

    /// Writes a message to `out` in bounded memory and returns its length. The id can only be
    /// checked when all was written: on an error, throw away what `out` was given.
    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError>;

    /// Where a message lies, as far as that is known without reading it: messages that are read in
    /// this order are decoded together with their neighbours, each group of them once.
    fn near(&self, id: BlobId) -> (u64, u64) {
        let _ = id;
        (0, 0)
    }
}

/// Writes objects.
pub trait ObjectWrite: ObjectRead {
    /// Stores an object and returns what it is found by. One that is stored already stays as it is.
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError>;

    /// Like [`write`](Self::write), with an object to which this one is similar: it may then be
    /// stored as the difference.
    fn write_delta(
        &self,
        kind: Kind,
        bytes: &[u8],
        base: Option<ObjectKey>,
    ) -> Result<ObjectKey, OdbError> {
        let _ = base;
        self.write(kind, bytes)
    }
}

#[cfg(test)]
mod tests;
