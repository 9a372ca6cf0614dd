use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use crate::object::{Kind, ObjectKey, PackId};

const START: [u8; 8] = *b"MVIDX\x00\x00\x01";
const HEADER_LEN: u64 = 8 + 4 * Kind::ALL.len() as u64;
const TRAILER_LEN: u64 = 64;
const ROW_LEN: usize = 52;
/// An index up to this length is kept in memory.
const SMALL: u64 = 64 << 10;
/// A fan-out up to this length is kept in memory once it was asked for.
const FAN_OUT: u64 = 256 << 10;
/// How many rows a bucket of the fan-out holds on average, at most.
const BUCKET: u64 = 16;
const MAX_BITS: u32 = 24;
const IN_PARTS: u32 = u32::MAX;

/// Where an object lies in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The offset of the frame; of the first one if the object lies in parts.
    pub frame: u64,
    /// Where it lies within.
    pub place: Place,
    /// The object's length in bytes.
    pub size: u64,
}

/// Where an object lies within its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this offset of the group's plain bytes.
    At(u32),
    /// In so many consecutive frames, as [`Row::size`] asks for.
    Parts,
}

/// Why an index cannot be used. It can be made again from its pack.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// It cannot be read.
    #[error("cannot read the index")]
    Io(#[from] io::Error),
    /// It is none, or not that of the pack.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
}

#[derive(Debug)]
enum Source {
    Memory(Vec<u8>),
    File(File),
}

impl Source {
    fn read(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>, IdxError> {
        match self {
            // Whoever looks for an object asks hundreds of small packs: nothing is copied.
            Self::Memory(bytes) => {
                let rest = bytes.get(offset as usize..).unwrap_or_default();
                let part = rest.get(..len).ok_or(IdxError::Damaged("length"))?;
                Ok(part.into())
            }
            Self::File(file) => {
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, offset)?;
                Ok(bytes.into())
            }
        }
    }
}

/// The objects of one kind: a fan-out over the first bits of the hash, then the rows.
#[derive(Debug, Clone, Copy, Default)]
struct Section {
    start: u64,
    count: u64,
}

impl Section {
    fn bits(self) -> u32 {
        (0..MAX_BITS)
            .find(|bits| self.count >> bits <= BUCKET)
            .unwrap_or(MAX_BITS)
    }

    fn rows_start(self) -> u64 {
        let fan_out = 4 * ((1 << self.bits()) + 1);
        self.start + if self.count == 0 { 0 } else { fan_out }
    }

    fn end(self) -> u64 {
        self.rows_start() + self.count * ROW_LEN as u64
    }

    fn bucket(self, hash: &[u8; 32]) -> u64 {
        let first = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        u64::from(first) >> (32 - self.bits())
    }
}

/// The sorted index of one pack: one small read finds an object, or tells that it is not there.
#[derive(Debug)]
pub struct Idx {
    source: Source,
    len: u64,
    sections: [Section; Kind::ALL.len()],
    /// The fan-out of each kind that was asked for, if it is not long; they are in every search.
    fan_outs: [OnceLock<Vec<u8>>; Kind::ALL.len()],
}

impl Idx {
    /// The bytes of the index of `pack`; of an object that the pack holds twice, one is named.
    pub fn build(pack: PackId, mut rows: Vec<(ObjectKey, Row)>) -> Vec<u8> {
        rows.sort_unstable_by_key(|(key, row)| (key.kind, key.hash, row.frame));
        rows.dedup_by_key(|(key, _)| *key);
        // Sized at once, as it may be as long as all rows: growing would hold it twice.
        let mut bytes = Vec::with_capacity(rows.len() * (ROW_LEN + 1) + (64 << 10));
        bytes.extend_from_slice(&START);
        for kind in Kind::ALL {
            let count = rows.iter().filter(|(key, _)| key.kind == kind).count();
            bytes.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for section in rows.chunk_by(|(a, _), (b, _)| a.kind == b.kind) {
            build_section(&mut bytes, section);
        }
        bytes.extend_from_slice(pack.as_bytes());
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    /// An index that is in memory, its checksum checked.
    pub fn from_bytes(bytes: Vec<u8>, pack: PackId) -> Result<Self, IdxError> {
        let len = bytes.len() as u64;
        let idx = Self::new(Source::Memory(bytes), len, pack)?;
        if idx.check()? {
            Ok(idx)
        } else {
            Err(IdxError::Damaged("checksum"))
        }
    }

    /// An index in a file. The checksum of a large one is left to [`check`](Self::check).
    pub fn open(file: File, pack: PackId) -> Result<Self, IdxError> {
        let len = file.metadata()?.len();
        if len > SMALL {
            return Self::new(Source::File(file), len, pack);
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Self::from_bytes(bytes, pack)
    }

    fn new(source: Source, len: u64, pack: PackId) -> Result<Self, IdxError> {
        let header = source.read(0, HEADER_LEN as usize)?;
        let (start, counts) = header.split_at(START.len());
        if start != START {
            return Err(IdxError::Damaged("magic"));
        }
        let mut sections = [Section::default(); Kind::ALL.len()];
        let mut at = HEADER_LEN;
        for (section, count) in sections.iter_mut().zip(counts.as_chunks::<4>().0) {
            *section = Section {
                start: at,
                count: u64::from(u32::from_le_bytes(*count)),
            };
            at = section.end();
        }
        if at + TRAILER_LEN != len {
            return Err(IdxError::Damaged("length"));
        }
        if *source.read(at, 32)? != *pack.as_bytes() {
            return Err(IdxError::Damaged("pack"));
        }
        Ok(Self {
            source,
            len,
            sections,
            fan_outs: Default::default(),
        })
    }

    /// Whether all bytes are as they were written.
    pub fn check(&self) -> Result<bool, IdxError> {
        let mut hasher = blake3::Hasher::new();
        let end = self.len - 32;
        let mut at = 0;
        while at < end {
            let len = (end - at).min(1 << 20);
            hasher.update(&self.source.read(at, len as usize)?);
            at += len;
        }
        Ok(*self.source.read(end, 32)? == *hasher.finalize().as_bytes())
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.len
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: Kind) -> u64 {
        self.section(kind).count
    }

    /// Where an object lies.
    pub fn find(&self, key: ObjectKey) -> Result<Option<Row>, IdxError> {
        let section = self.section(key.kind);
        if section.count == 0 {
            return Ok(None);
        }
        let bounds = self.bounds(key)?;
        let [first, end] = [0, 4].map(|at| u64::from(u32_at(&bounds, at)));
        if first > end || end > section.count {
            return Err(IdxError::Damaged("fan-out"));
        }
        let bytes = self.rows_at(section, first, end - first)?;
        let rows = bytes.as_chunks::<ROW_LEN>().0;
        let found = rows.binary_search_by(|row| row[..32].cmp(&key.hash));
        Ok(found.ok().and_then(|at| rows.get(at)).map(parse_row))
    }

    /// The two numbers of the fan-out between which an object's row must be.
    fn bounds(&self, key: ObjectKey) -> Result<Cow<'_, [u8]>, IdxError> {
        let section = self.section(key.kind);
        let at = 4 * section.bucket(&key.hash);
        let len = section.rows_start() - section.start;
        let known = self.fan_outs.get(usize::from(key.kind as u8) - 1);
        let (Source::File(_), Some(known), ..=FAN_OUT) = (&self.source, known, len) else {
            return self.source.read(section.start + at, 8);
        };
        let fan_out = match known.get() {
            Some(fan_out) => fan_out,
            None => {
                let read = self.source.read(section.start, len as usize)?;
                known.get_or_init(|| read.into_owned())
            }
        };
        let found = fan_out.get(at as usize..at as usize + 8);
        found.map(Cow::Borrowed).ok_or(IdxError::Damaged("fan-out"))
    }

    /// Calls `each` for the objects of a kind in ascending order, from the hash `from` on, until
    /// it returns false.
    pub fn each(
        &self,
        kind: Kind,
        from: &[u8; 32],
        each: &mut dyn FnMut([u8; 32], Row) -> bool,
    ) -> Result<(), IdxError> {
        let section = self.section(kind);
        if section.count == 0 {
            return Ok(());
        }
        let fan_out = section.start + 4 * section.bucket(from);
        let mut at = u64::from(u32_at(&self.source.read(fan_out, 4)?, 0));
        while at < section.count {
            let some = (section.count - at).min(1024);
            let bytes = self.rows_at(section, at, some)?;
            for row in bytes.as_chunks::<ROW_LEN>().0 {
                let mut hash = [0; 32];
                hash.copy_from_slice(&row[..32]);
                if hash >= *from && !each(hash, parse_row(row)) {
                    return Ok(());
                }
            }
            at += some;
        }
        Ok(())
    }

    fn section(&self, kind: Kind) -> Section {
        // Kinds are numbered from 1, as they stand in `Kind::ALL`.
        let at = usize::from(kind as u8) - 1;
        self.sections.get(at).copied().unwrap_or_default()
    }

    fn rows_at(&self, section: Section, first: u64, count: u64) -> Result<Cow<'_, [u8]>, IdxError> {
        let start = section.rows_start() + first * ROW_LEN as u64;
        self.source.read(start, count as usize * ROW_LEN)
    }
}

fn build_section(bytes: &mut Vec<u8>, rows: &[(ObjectKey, Row)]) {
    let section = Section {
        start: 0,
        count: rows.len() as u64,
    };
    let mut at = 0;
    for bucket in 0..=1u64 << section.bits() {
        let below = |(key, _): &&(ObjectKey, Row)| section.bucket(&key.hash) < bucket;
        at += rows[at..].iter().take_while(below).count();
        bytes.extend_from_slice(&(at as u32).to_le_bytes());
    }
    for (key, row) in rows {
        let start = match row.place {
            Place::At(start) => start,
            Place::Parts => IN_PARTS,
        };
        bytes.extend_from_slice(&key.hash);
        bytes.extend_from_slice(&row.frame.to_le_bytes());
        bytes.extend_from_slice(&start.to_le_bytes());
        bytes.extend_from_slice(&row.size.to_le_bytes());
    }
}

fn parse_row(row: &[u8; ROW_LEN]) -> Row {
    Row {
        frame: u64_at(row, 32),
        place: match u32_at(row, 40) {
            IN_PARTS => Place::Parts,
            start => Place::At(start),
        },
        size: u64_at(row, 44),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const PACK: PackId = PackId::new([7; 32]);

    fn rows(count: u64) -> Vec<(ObjectKey, Row)> {
        let row = |n: u64| {
            let kind = if n.is_multiple_of(5) {
                Kind::Tree
            } else {
                Kind::Blob
            };
            let place = if n.is_multiple_of(3) {
                Place::Parts
            } else {
                Place::At(n as u32)
            };
            let row = Row {
                frame: n * 100,
                place,
                size: n + 1,
            };
            (ObjectKey::of(kind, &n.to_le_bytes()), row)
        };
        (0..count).map(row).collect()
    }

    fn in_file(bytes: &[u8]) -> Idx {
        let mut file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut file, bytes).expect("disk");
        Idx::open(file, PACK).expect("our own")
    }

    #[test]
    fn every_object_is_found_and_no_other() {
        for count in [0, 1, 2, 17, 300, 5000] {
            let idx = in_file(&Idx::build(PACK, rows(count)));
            assert!(idx.check().expect("readable"));
            for (key, row) in rows(count) {
                assert_eq!(idx.find(key).expect("readable"), Some(row));
                let other = ObjectKey::new(Kind::Snapshot, key.hash);
                assert_eq!(idx.find(other).expect("readable"), None);
            }
            for n in count..count + 100 {
                let key = ObjectKey::of(Kind::Blob, &n.to_le_bytes());
                assert_eq!(idx.find(key).expect("readable"), None);
            }
        }
    }

    #[test]
    fn objects_of_a_kind_come_in_order_from_any_hash_on() {
        let idx = in_file(&Idx::build(PACK, rows(3000)));
        let all = rows(3000).into_iter().map(|(key, _)| key);
        let mut trees: Vec<_> = all
            .filter(|key| key.kind == Kind::Tree)
            .map(|key| key.hash)
            .collect();
        trees.sort_unstable();
        for at in [0, 1, trees.len() / 2, trees.len() - 1] {
            let mut seen = Vec::new();
            idx.each(Kind::Tree, &trees[at], &mut |hash, _| {
                seen.push(hash);
                true
            })
            .expect("readable");
            assert_eq!(seen, trees[at..]);
        }
        assert_eq!(idx.count(Kind::Tree), trees.len() as u64);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let bytes = Idx::build(PACK, rows(40));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(Idx::from_bytes(changed, PACK).is_err(), "byte {at}");
            assert!(
                Idx::from_bytes(bytes[..at].to_vec(), PACK).is_err(),
                "cut at {at}"
            );
        }
        assert!(Idx::from_bytes(bytes, PackId::new([8; 32])).is_err());
    }
}
