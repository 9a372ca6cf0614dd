use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ObjectRead, ObjectWrite, OdbError};
use crate::object::{BlobId, Kind, ObjectKey};

/// Objects in memory, for tests and for what is never kept.
#[derive(Debug, Default)]
pub struct MemoryOdb {
    objects: Mutex<BTreeMap<ObjectKey, Vec<u8>>>,
}

impl MemoryOdb {
    /// One that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it holds, in order.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.objects().keys().copied().collect()
    }

    /// Drops an object and says whether it was there, so that a test can see who misses it.
    pub fn forget(&self, key: ObjectKey) -> bool {
        self.objects().remove(&key).is_some()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Vec<u8>>> {
        // A thread that panicked cannot have left a map half changed.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObjectRead for MemoryOdb {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        Ok(self.objects().contains_key(&key))
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        let found = self.objects().get(&key).cloned();
        found.ok_or(OdbError::Missing(key))
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        let bytes = self.read(id.into())?;
        out.write_all(&bytes).map_err(OdbError::Output)?;
        Ok(bytes.len() as u64)
    }
}

impl ObjectWrite for MemoryOdb {
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        let key = ObjectKey::of(kind, bytes);
        self.objects().entry(key).or_insert_with(|| bytes.to_vec());
        Ok(key)
    }
}

/// Objects of another database, and on top what is written here: it stays in memory, so that a
/// dry run can go all the way and leave nothing.
pub struct Overlay<'a> {
    base: &'a dyn ObjectRead,
    own: MemoryOdb,
}

impl<'a> Overlay<'a> {
    /// An overlay on `base` that holds nothing of its own yet.
    pub fn new(base: &'a dyn ObjectRead) -> Self {
        Self {
            base,
            own: MemoryOdb::new(),
        }
    }

    /// What was written here, in order.
    pub fn written(&self) -> Vec<ObjectKey> {
        self.own.keys()
    }
}

impl ObjectRead for Overlay<'_> {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        Ok(self.own.contains(key)? || self.base.contains(key)?)
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        match self.own.read(key) {
            Err(OdbError::Missing(_)) => self.base.read(key),
            other => other,
        }
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        if self.own.contains(id.into())? {
            self.own.read_blob(id, out)
        } else {
            self.base.read_blob(id, out)
        }
    }

    fn near(&self, id: BlobId) -> (u64, u64) {
        self.base.near(id)
    }
}

impl ObjectWrite for Overlay<'_> {
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        let key = ObjectKey::of(kind, bytes);
        if self.base.contains(key)? {
            return Ok(key);
        }
        self.own.write(kind, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{DeviceId, SignatureId, SnapshotId};

    #[test]
    fn what_was_written_is_found_by_kind_and_hash() {
        let odb = MemoryOdb::new();
        let key = odb.write(Kind::Blob, b"Subject: x\n\n").expect("memory");
        assert_eq!(key, BlobId::of(b"Subject: x\n\n").into());
        assert_eq!(odb.read(key).expect("stored"), b"Subject: x\n\n");
        let other = ObjectKey::new(Kind::Tree, key.hash);
        assert!(matches!(odb.read(other), Err(OdbError::Missing(missing)) if missing == other));
    }

    #[test]
    fn an_overlay_leaves_its_base_as_it_was() {
        let base = MemoryOdb::new();
        let below = base.write(Kind::Blob, b"below").expect("memory");
        let overlay = Overlay::new(&base);
        overlay.write(Kind::Blob, b"below").expect("memory");
        let above = overlay.write(Kind::Blob, b"above").expect("memory");
        assert_eq!(overlay.read(below).expect("in the base"), b"below");
        assert_eq!(overlay.read(above).expect("on top"), b"above");
        assert_eq!(overlay.written(), [above]);
        assert_eq!(base.keys(), [below]);
    }

    #[test]
    fn a_signature_is_found_by_what_it_signs_and_by_whom() {
        let (snapshot, device) = (SnapshotId::new([1; 32]), DeviceId::new([2; 32]));
        let object = [[1; 32], [2; 32], [3; 32]].concat();
        let expected = ObjectKey::from(SignatureId::of(snapshot, device));
        assert_eq!(ObjectKey::of(Kind::Signature, &object), expected);
        let _ = ObjectKey::of(Kind::Signature, b"short");
    }
}
