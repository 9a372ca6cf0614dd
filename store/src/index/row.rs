//! Rows and their bytes. Every value ends in a checksum over its key and itself: redb checks its
//! pages only when it repairs, and a flipped bit in an id is not to pass for a message.

use super::error::Fault;
use crate::codec::{DecodeError, Reader, Writer};
use crate::object::{BlobId, TreeId};

/// What a directory looked like when it was listed. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirStamp {
    /// Its inode number.
    pub inode: u64,
    /// When entries last came or went.
    pub mtime_ns: i64,
    /// When the inode last changed.
    pub ctime_ns: i64,
    /// Whether the times were at least 2 s old when it was listed: only then does an equal time
    /// mean that nothing came since.
    pub settled: bool,
}

/// What is known of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderRow {
    /// `cur`, if it was listed and need not be listed again.
    pub cur: Option<DirStamp>,
    /// `new`, likewise.
    pub new: Option<DirStamp>,
    /// The folder tree made from exactly that listing.
    pub tree: Option<TreeId>,
    /// How many scans have trusted the times since all was listed.
    pub scans: u64,
}

/// What is known of one file. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRow {
    /// The message in it.
    pub blob: BlobId,
    /// The day of the message's `Date:`, as in its key.
    pub day: u16,
    /// Its length in bytes.
    pub size: u64,
    /// Its inode number.
    pub inode: u64,
    /// When its content last changed.
    pub mtime_ns: i64,
    /// When its inode last changed.
    pub ctime_ns: i64,
}

impl FileRow {
    /// How many bytes one takes: id, day, size, inode, mtime, ctime, little-endian. Fixed, since
    /// a large folder has hundreds of thousands and a scan reads them all.
    pub(super) const BYTES: usize = 32 + 2 + 4 * 8;

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer
            .raw(self.blob.as_bytes())
            .raw(&self.day.to_le_bytes())
            .raw(&self.size.to_le_bytes())
            .raw(&self.inode.to_le_bytes())
            .raw(&self.mtime_ns.to_le_bytes())
            .raw(&self.ctime_ns.to_le_bytes());
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            blob: BlobId::new(reader.array("blob")?),
            day: u16::from_le_bytes(reader.array("day")?),
            size: u64::from_le_bytes(reader.array("size")?),
            inode: u64::from_le_bytes(reader.array("inode")?),
            mtime_ns: i64::from_le_bytes(reader.array("mtime")?),
            ctime_ns: i64::from_le_bytes(reader.array("ctime")?),
        })
    }
}

/// A folder's row with what only the index needs: the number under which its files stand, and
/// how many there are, so that a lost part of the table is noticed.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredFolder {
    pub(super) number: u32,
    pub(super) files: u64,
    pub(super) row: FolderRow,
}

impl StoredFolder {
    pub(super) fn to_value(self, key: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.varint(u64::from(self.number)).varint(self.files);
        write_stamp(&mut writer, self.row.cur);
        write_stamp(&mut writer, self.row.new);
        writer.u8(u8::from(self.row.tree.is_some()));
        if let Some(tree) = self.row.tree {
            writer.raw(tree.as_bytes());
        }
        writer.varint(self.row.scans);
        sealed(key, writer.finish())
    }

    pub(super) fn from_value(key: &[u8], value: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(checked(key, value)?);
        let stored = Self::decode(&mut reader);
        let stored = stored.and_then(|stored| reader.finish("folder").map(|()| stored));
        stored.map_err(|error| Fault::Damaged(error.to_string()))
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.bounded(u64::from(u32::MAX), "folder number")? as u32;
        let files = reader.varint("file count")?;
        let cur = read_stamp(reader)?;
        let new = read_stamp(reader)?;
        let tree = match reader.u8("tree")? {
            0 => None,
            _ => Some(TreeId::new(reader.array("tree")?)),
        };
        let scans = reader.varint("scans")?;
        let row = FolderRow {
            cur,
            new,
            tree,
            scans,
        };
        Ok(Self { number, files, row })
    }
}

fn write_stamp(writer: &mut Writer, stamp: Option<DirStamp>) {
    let Some(stamp) = stamp else {
        writer.u8(0);
        return;
    };
    writer
        .u8(1 + u8::from(stamp.settled))
        .varint(stamp.inode)
        .signed(stamp.mtime_ns)
        .signed(stamp.ctime_ns);
}

fn read_stamp(reader: &mut Reader<'_>) -> Result<Option<DirStamp>, DecodeError> {
    let tag = reader.bounded(2, "stamp")?;
    if tag == 0 {
        return Ok(None);
    }
    Ok(Some(DirStamp {
        inode: reader.varint("stamp")?,
        mtime_ns: reader.signed("stamp")?,
        ctime_ns: reader.signed("stamp")?,
        settled: tag == 2,
    }))
}

/// `value` with its checksum behind it.
pub(super) fn sealed(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, &value);
    value.extend_from_slice(&sum);
    value
}

/// `value` without its checksum, if that is right.
pub(super) fn checked<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Fault> {
    match value.split_last_chunk::<4>() {
        Some((plain, sum)) if *sum == checksum(key, plain) => Ok(plain),
        _ => Err(Fault::damaged("a row's checksum is wrong")),
    }
}

/// Against flipped bits, not against people: who can write the index owns the Maildir. A
/// cryptographic hash would cost more than all the rest of loading a row.
pub(super) fn checksum(key: &[u8], value: &[u8]) -> [u8; 4] {
    let sum = mix(mix(key.len() as u64, key), value);
    ((sum >> 32) as u32 ^ sum as u32).to_le_bytes()
}

fn mix(start: u64, bytes: &[u8]) -> u64 {
    let step = |sum: u64, word: [u8; 8]| {
        let product = (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 29)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(start, |sum, word| step(sum, *word));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length ends it, so that trailing zeros count.
    step(step(sum, last), (bytes.len() as u64).to_le_bytes())
}
