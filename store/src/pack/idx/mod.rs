//! The sorted index of one pack.

mod build;
mod layout;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use self::layout::{HEADER, Layout, Section};
use super::PackVersion;
use crate::object::{Kind, ObjectKey, PackId};

/// An index up to this length is kept in memory.
const SMALL: u64 = 64 << 10;
/// A fan-out up to this length is kept in memory once it was asked for.
const FAN_OUT: u64 = 256 << 10;

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

/// The sorted index of one pack: one small read finds an object, or tells that it is not there.
#[derive(Debug)]
pub struct Idx {
    source: Source,
    layout: Layout,
    /// The fan-out of each kind that was asked for, if it is not long; they are in every search.
    fan_outs: [OnceLock<Vec<u8>>; Kind::ALL.len()],
}

impl Idx {
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
        let layout = Layout::parse(&source.read(0, HEADER)?)?;
        if layout.length() != len {
            return Err(IdxError::Damaged("length"));
        }
        let named = source.read(layout.end, layout.id_len())?;
        if !pack.as_bytes().starts_with(&named) {
            return Err(IdxError::Damaged("pack"));
        }
        Ok(Self {
            source,
            layout,
            fan_outs: Default::default(),
        })
    }

    /// Whether all bytes are as they were written.
    pub fn check(&self) -> Result<bool, IdxError> {
        let mut hasher = blake3::Hasher::new();
        let sum = self.layout.id_len();
        let end = self.length() - sum as u64;
        let mut at = 0;
        while at < end {
            let len = (end - at).min(1 << 20);
            hasher.update(&self.source.read(at, len as usize)?);
            at += len;
        }
        let written = self.source.read(end, sum)?;
        Ok(hasher.finalize().as_bytes().starts_with(&written))
    }

    /// The version that it is written in.
    pub fn version(&self) -> PackVersion {
        self.layout.version
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.layout.length()
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: Kind) -> u64 {
        self.layout.section(kind).count
    }

    /// Where an object lies.
    pub fn find(&self, key: ObjectKey) -> Result<Option<Row>, IdxError> {
        let found = self.starting(key.kind, &key.hash)?;
        Ok(found.map(|(_, row)| row))
    }

    /// The object of a kind whose id starts with these bytes, and where it lies; should there be
    /// several, the first of them.
    pub fn find_by_start(
        &self,
        kind: Kind,
        start: &[u8; 16],
    ) -> Result<Option<([u8; 32], Row)>, IdxError> {
        self.starting(kind, start)
    }

    /// The first object whose id starts with these bytes, which are more than a fan-out goes by.
    fn starting(&self, kind: Kind, start: &[u8]) -> Result<Option<([u8; 32], Row)>, IdxError> {
        let section = self.layout.section(kind);
        if section.count == 0 {
            return Ok(None);
        }
        let [first, end] = self.bounds(kind, start)?;
        if first > end || end > section.count {
            return Err(IdxError::Damaged("fan-out"));
        }
        let rows = self.rows_at(section, first, end - first)?;
        let found = first_from(&rows, self.layout.widths.row_len(), start);
        let found = found.filter(|row| row.starts_with(start));
        Ok(found.and_then(|row| self.layout.widths.row(row)))
    }

    /// The rows between which those of the ids must be that start with these bytes.
    fn bounds(&self, kind: Kind, start: &[u8]) -> Result<[u64; 2], IdxError> {
        let section = self.layout.section(kind);
        if !section.has_fan_out() {
            return Ok([0, section.count]);
        }
        let at = 4 * section.bucket(start);
        let len = section.rows - section.start;
        let known = self.fan_outs.get(usize::from(kind as u8) - 1);
        let (Source::File(_), Some(known), ..=FAN_OUT) = (&self.source, known, len) else {
            return two_numbers(&self.source.read(section.start + at, 8)?);
        };
        let fan_out = match known.get() {
            Some(fan_out) => fan_out,
            None => {
                let read = self.source.read(section.start, len as usize)?;
                known.get_or_init(|| read.into_owned())
            }
        };
        two_numbers(fan_out.get(at as usize..).unwrap_or_default())
    }

    /// Calls `each` for the objects of a kind in ascending order, from the hash `from` on, until
    /// it returns false.
    pub fn each(
        &self,
        kind: Kind,
        from: &[u8; 32],
        each: &mut dyn FnMut([u8; 32], Row) -> bool,
    ) -> Result<(), IdxError> {
        let section = self.layout.section(kind);
        if section.count == 0 {
            return Ok(());
        }
        let widths = self.layout.widths;
        let [mut at, _] = self.bounds(kind, from)?;
        while at < section.count {
            let some = (section.count - at).min(1024);
            let bytes = self.rows_at(section, at, some)?;
            let rows = bytes.chunks_exact(widths.row_len());
            for (hash, row) in rows.filter_map(|row| widths.row(row)) {
                if hash >= *from && !each(hash, row) {
                    return Ok(());
                }
            }
            at += some;
        }
        Ok(())
    }

    fn rows_at(&self, section: Section, first: u64, count: u64) -> Result<Cow<'_, [u8]>, IdxError> {
        let len = self.layout.widths.row_len();
        let start = section.rows + first * len as u64;
        self.source.read(start, count as usize * len)
    }
}

/// The first of some rows, each `len` long, that does not come before `start`.
fn first_from<'a>(rows: &'a [u8], len: usize, start: &[u8]) -> Option<&'a [u8]> {
    let row = |at: usize| rows.get(at * len..(at + 1) * len);
    let (mut low, mut high) = (0, rows.len() / len);
    while low < high {
        let middle = low.midpoint(high);
        if row(middle).is_some_and(|row| row < start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    row(low)
}

/// A number of a fan-out and the next one.
fn two_numbers(bytes: &[u8]) -> Result<[u64; 2], IdxError> {
    let pairs = bytes.first_chunk::<8>().map(|pair| pair.as_chunks::<4>().0);
    match pairs {
        Some([first, next]) => Ok([first, next].map(|it| u64::from(u32::from_le_bytes(*it)))),
        _ => Err(IdxError::Damaged("fan-out")),
    }
}
