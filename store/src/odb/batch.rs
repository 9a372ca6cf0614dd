use std::io::Write;
use std::sync::{Arc, Mutex};

use super::sink::{Sink, check_size};
use super::{ObjectRead, ObjectWrite, OdbError, PackedOdb};
use crate::blob::Dictionary;
use crate::object::{BlobId, Kind, ObjectKey, PackId};

/// A new pack. Until [`finish`](Self::finish) or [`checkpoint`](Self::checkpoint) nobody else sees
/// what is in it; dropped before that, it leaves nothing.
pub struct Batch<'a> {
    pub(super) sink: Sink<'a>,
    pub(super) dictionary: Mutex<Option<Arc<Dictionary>>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(odb: &'a PackedOdb) -> Self {
        Self {
            sink: Sink::new(odb, "pack"),
            dictionary: Mutex::default(),
        }
    }

    /// Stores an object even if a pack claims to have it: so one that was damaged is mended.
    pub fn write_again(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        check_size(kind, bytes.len())?;
        let key = ObjectKey::of(kind, bytes);
        if self.sink.claim_again(key) {
            self.sink.put(key, bytes, None)?;
        }
        Ok(key)
    }

    /// Makes everything durable and the pack known. `None` if nothing new was added.
    pub fn finish(self) -> Result<Option<PackId>, OdbError> {
        self.sink.publish()
    }

    /// Makes everything so far durable and the pack known; what follows goes into another one. So
    /// a batch of very many objects does not keep account of all of them, and what is interrupted
    /// has not been for nothing. Others may go on adding meanwhile; what of theirs is not written
    /// yet comes with the next.
    pub fn checkpoint(&self) -> Result<(), OdbError> {
        self.sink.publish_written()
    }
}

impl ObjectRead for Batch<'_> {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        Ok(self.sink.holds(key) || self.sink.odb.contains(key)?)
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        self.sink.read(key)
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        self.sink.read_blob(id, out)
    }

    fn near(&self, id: BlobId) -> (u64, u64) {
        self.sink.odb.near(id)
    }
}

impl ObjectWrite for Batch<'_> {
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        self.write_delta(kind, bytes, None)
    }

    fn write_delta(
        &self,
        kind: Kind,
        bytes: &[u8],
        base: Option<ObjectKey>,
    ) -> Result<ObjectKey, OdbError> {
        check_size(kind, bytes.len())?;
        let key = ObjectKey::of(kind, bytes);
        if self.sink.claim(key)? {
            self.sink.put(key, bytes, base)?;
        }
        Ok(key)
    }
}
