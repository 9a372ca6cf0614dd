//! Where things stand in an index, in either version.

use super::{IdxError, Place, Row};
use crate::codec::{DecodeError, Reader, Writer};
use crate::object::{Kind, ObjectKey};
use crate::pack::PackVersion;

const NAME: [u8; 7] = *b"MVIDX\0\0";
const KINDS: usize = Kind::ALL.len();
/// No header is longer, and no index is shorter.
pub(super) const HEADER: usize = 8 + 3 + 5 * KINDS;
/// How many rows a bucket of the fan-out holds on average, at most.
const BUCKET: u64 = 16;
const MAX_BITS: u32 = 24;

/// In how many bytes the numbers of each row are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    frame: usize,
    place: usize,
    size: usize,
}

impl Widths {
    /// Those of version 1, and the widest that there are.
    const MAX: Self = Self {
        frame: 8,
        place: 4,
        size: 8,
    };

    /// The least in which all these rows can be written.
    fn least(rows: &[(ObjectKey, Row)]) -> Self {
        let (mut frame, mut place, mut size) = (0, 0, 0);
        for (_, row) in rows {
            frame = frame.max(row.frame);
            size = size.max(row.size);
            if let Place::At(at) = row.place {
                // The highest number of a width means parts.
                place = place.max(u64::from(at) + 1);
            }
        }
        Self {
            frame: width(frame),
            place: width(place).min(Self::MAX.place),
            size: width(size),
        }
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut width = |max| match usize::from(reader.u8("width")?) {
            width if (1..=max).contains(&width) => Ok(width),
            _ => Err(reader.error("width")),
        };
        Ok(Self {
            frame: width(Self::MAX.frame)?,
            place: width(Self::MAX.place)?,
            size: width(Self::MAX.size)?,
        })
    }

    fn put(self, header: &mut Writer) {
        for width in [self.frame, self.place, self.size] {
            header.u8(width as u8);
        }
    }

    /// The length of a row.
    pub(super) fn row_len(self) -> usize {
        32 + self.frame + self.place + self.size
    }

    /// Appends a row.
    pub(super) fn put_row(self, bytes: &mut Vec<u8>, id: &[u8; 32], row: &Row) {
        let place = match row.place {
            Place::At(start) => u64::from(start),
            Place::Parts => u64::MAX,
        };
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(&row.frame.to_le_bytes()[..self.frame]);
        bytes.extend_from_slice(&place.to_le_bytes()[..self.place]);
        bytes.extend_from_slice(&row.size.to_le_bytes()[..self.size]);
    }

    /// Takes a row apart, none if it is too short.
    pub(super) fn row(self, bytes: &[u8]) -> Option<([u8; 32], Row)> {
        let (id, rest) = bytes.split_first_chunk::<32>()?;
        let (frame, rest) = rest.split_at_checked(self.frame)?;
        let (place, size) = rest.split_at_checked(self.place)?;
        let row = Row {
            frame: number(frame),
            place: if place.iter().all(|byte| *byte == u8::MAX) {
                Place::Parts
            } else {
                Place::At(number(place) as u32)
            },
            size: number(size),
        };
        Some((*id, row))
    }
}

/// The bytes that a number takes.
fn width(number: u64) -> usize {
    let bits = u64::BITS - number.leading_zeros();
    bits.div_ceil(8).max(1) as usize
}

fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().rev();
    digits.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The objects of one kind: a fan-out over the first bits of the id, then the rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Section {
    /// Where the fan-out starts; where the rows do if there is none.
    pub(super) start: u64,
    /// Where the rows start.
    pub(super) rows: u64,
    /// How many rows there are.
    pub(super) count: u64,
}

impl Section {
    fn new(version: PackVersion, start: u64, count: u64) -> Self {
        let bits = bits(count);
        // Few rows are looked through as they are, which the first version did not know of.
        let none = count == 0 || (bits == 0 && version > PackVersion::V1);
        let fan_out = if none { 0 } else { 4 * ((1 << bits) + 1) };
        Self {
            start,
            rows: start + fan_out,
            count,
        }
    }

    pub(super) fn has_fan_out(self) -> bool {
        self.rows > self.start
    }

    /// How many buckets the rows are in.
    pub(super) fn buckets(self) -> u64 {
        1 << bits(self.count)
    }

    /// The bucket of the ids that start with these bytes, of which four count.
    pub(super) fn bucket(self, id: &[u8]) -> u64 {
        let first = id.first_chunk().map_or(0, |it| u32::from_be_bytes(*it));
        u64::from(first) >> (32 - bits(self.count))
    }
}

fn bits(count: u64) -> u32 {
    (0..MAX_BITS)
        .find(|bits| count >> bits <= BUCKET)
        .unwrap_or(MAX_BITS)
}

/// What stands where in an index.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) version: PackVersion,
    pub(super) widths: Widths,
    sections: [Section; KINDS],
    /// Where the rows end: the first bytes of the pack's id follow, then those of the checksum.
    pub(super) end: u64,
}

impl Layout {
    fn new(version: PackVersion, widths: Widths, counts: [u32; KINDS], header: usize) -> Self {
        let mut end = header as u64;
        let sections = counts.map(|count| {
            let section = Section::new(version, end, u64::from(count));
            end = section.rows + section.count * widths.row_len() as u64;
            section
        });
        Self {
            version,
            widths,
            sections,
            end,
        }
    }

    /// The layout of an index of these rows, and its header.
    pub(super) fn of(version: PackVersion, rows: &[(ObjectKey, Row)]) -> (Self, Vec<u8>) {
        let count = |kind| rows.iter().filter(|(key, _)| key.kind == kind).count();
        let counts = Kind::ALL.map(|kind| count(kind) as u32);
        let widths = match version {
            PackVersion::V1 => Widths::MAX,
            PackVersion::V2 => Widths::least(rows),
        };
        let mut header = Writer::new();
        header.raw(&version.behind(NAME));
        if version > PackVersion::V1 {
            widths.put(&mut header);
        }
        for count in counts {
            match version {
                PackVersion::V1 => header.raw(&count.to_le_bytes()),
                PackVersion::V2 => header.varint(u64::from(count)),
            };
        }
        let header = header.finish();
        (Self::new(version, widths, counts, header.len()), header)
    }

    /// The layout that the first bytes of an index tell: [`HEADER`] of them, or more.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IdxError> {
        let magic = bytes.first_chunk::<8>();
        let version = magic.and_then(|magic| PackVersion::of(*magic, NAME));
        let version = version.ok_or(IdxError::Damaged("magic"))?;
        let mut reader = Reader::new(bytes.get(8..).unwrap_or_default());
        let (widths, counts) =
            numbers(version, &mut reader).map_err(|error| IdxError::Damaged(error.what))?;
        Ok(Self::new(version, widths, counts, 8 + reader.offset()))
    }

    /// The objects of a kind.
    pub(super) fn section(&self, kind: Kind) -> Section {
        // Kinds are numbered from 1, as they stand in `Kind::ALL`.
        let at = usize::from(kind as u8) - 1;
        self.sections.get(at).copied().unwrap_or_default()
    }

    /// How many bytes of the pack's id, and how many of the checksum, stand at the end.
    pub(super) fn id_len(&self) -> usize {
        match self.version {
            PackVersion::V1 => 32,
            PackVersion::V2 => 16,
        }
    }

    /// The length of the index.
    pub(super) fn length(&self) -> u64 {
        self.end + 2 * self.id_len() as u64
    }
}

/// The numbers of a header: widths of rows, and how many objects of each kind there are.
fn numbers(
    version: PackVersion,
    reader: &mut Reader<'_>,
) -> Result<(Widths, [u32; KINDS]), DecodeError> {
    let widths = match version {
        PackVersion::V1 => Widths::MAX,
        PackVersion::V2 => Widths::parse(reader)?,
    };
    let mut counts = [0; KINDS];
    for count in &mut counts {
        *count = match version {
            PackVersion::V1 => u32::from_le_bytes(reader.array("count")?),
            PackVersion::V2 => reader.bounded(u64::from(u32::MAX), "count")? as u32,
        };
    }
    Ok((widths, counts))
}
