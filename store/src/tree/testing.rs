//! What the tests of trees share: random trees that are the same on every run, and a database that
//! counts.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use crate::maildir::Flags;
use crate::object::{BlobId, Copies, Day, Entry, EntryKey, Kind, MessageCopy, ObjectKey, TreeId};
use crate::odb::{MemoryOdb, ObjectRead, ObjectWrite, OdbError};

pub(super) type Map = BTreeMap<EntryKey, Entry>;

/// Numbers that look random (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// A key among `space`. One in four shares all but its end with the others of its kind, as
    /// only chosen ids do: they make branches down to the last nibbles.
    pub(super) fn key(&mut self, space: u64) -> EntryKey {
        let number = self.below(space);
        if number.is_multiple_of(4) {
            let mut bytes = [7; 32];
            bytes[30..].copy_from_slice(&(number as u16).to_be_bytes());
            let (day, blob) = (Day(1), BlobId::new(bytes));
            return EntryKey { day, blob };
        }
        EntryKey {
            day: Day((number % 5) as u16),
            blob: BlobId::of(&number.to_le_bytes()),
        }
    }

    pub(super) fn entry(&mut self) -> Entry {
        let copy = |info: u64, mtime| MessageCopy {
            flags: Flags::from_info([b"".as_slice(), b"S", b"FS"][info as usize]),
            mtime,
            ..MessageCopy::default()
        };
        let copies = (0..=self.below(2)).map(|_| copy(self.below(3), self.below(4) as i64));
        let copies = Copies::collect(copies.collect::<Vec<_>>()).expect("at least one");
        Entry {
            size: self.below(3),
            copies,
            kept: 0,
        }
    }
}

/// The tree of a map, made at once.
pub(super) fn build(odb: &dyn ObjectWrite, map: &Map) -> TreeId {
    let all = map.iter().map(|(key, entry)| (*key, Some(entry.clone())));
    super::edit(odb, super::empty_id(), all).expect("builds").0
}

/// A database in memory that remembers what was read, and what was written and by which base.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(super) inner: MemoryOdb,
    pub(super) reads: Mutex<Vec<ObjectKey>>,
    pub(super) writes: Mutex<Vec<(ObjectKey, usize, Option<ObjectKey>)>>,
}

impl Recorder {
    /// How many nodes were written since this was last asked, and their length in bytes.
    pub(super) fn written(&self) -> (usize, usize) {
        let writes = std::mem::take(&mut *self.writes.lock().expect("one thread"));
        (writes.len(), writes.iter().map(|(_, len, _)| len).sum())
    }

    /// Whether an object was read since it was last asked how many were.
    pub(crate) fn has_read(&self, key: ObjectKey) -> bool {
        self.reads.lock().expect("one thread").contains(&key)
    }

    /// How many objects were read since this was last asked.
    pub(crate) fn read_count(&self) -> usize {
        std::mem::take(&mut *self.reads.lock().expect("one thread")).len()
    }
}

impl ObjectRead for Recorder {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        self.inner.contains(key)
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        self.reads.lock().expect("one thread").push(key);
        self.inner.read(key)
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        self.inner.read_blob(id, out)
    }
}

impl ObjectWrite for Recorder {
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        self.write_delta(kind, bytes, None)
    }

    fn write_delta(
        &self,
        kind: Kind,
        bytes: &[u8],
        base: Option<ObjectKey>,
    ) -> Result<ObjectKey, OdbError> {
        let key = self.inner.write(kind, bytes)?;
        let mut writes = self.writes.lock().expect("one thread");
        writes.push((key, bytes.len(), base));
        Ok(key)
    }
}
