//! Files in blocks: neighbours by name share one row of the table, since a scan loads a folder as
//! a whole, and a row of redb's costs more than the decoding of what is in it.
//!
//! A block's key is a lower bound of its names, the next block's key an upper one.

use std::collections::BTreeMap;

use super::error::Fault;
use super::row::{FileRow, checked, sealed};
use crate::codec::{DecodeError, Reader, Writer};

/// The most bytes of a block with more than one file: with its key it fits two of redb's pages.
const BLOCK: usize = 7_600;
/// Below this a block takes in the one that follows.
pub(super) const SPARSE: usize = BLOCK / 4;

/// Files by name.
pub(super) type Files = BTreeMap<Vec<u8>, FileRow>;

/// Who is shown files, one by one.
pub(super) type Each<'a> = &'a mut dyn FnMut(&[u8], FileRow);

/// Shows the files of a block to `each`, in the order of their names; returns how many there are,
/// and the last name.
pub(super) fn each<'v>(
    key: &[u8],
    value: &'v [u8],
    each: Each<'_>,
) -> Result<(u64, &'v [u8]), Fault> {
    let mut reader = Reader::new(checked(key, value)?);
    let (mut last, mut count): (Option<&[u8]>, u64) = (None, 0);
    while reader.remaining() > 0 {
        let (name, row) =
            decode_file(&mut reader).map_err(|error| Fault::Damaged(error.to_string()))?;
        if last.is_some_and(|last| last >= name) {
            return Err(Fault::damaged("rows out of order"));
        }
        each(name, row);
        last = Some(name);
        count += 1;
    }
    Ok((count, last.unwrap_or_default()))
}

/// Appends the files of a block to `files`.
pub(super) fn decode(
    key: &[u8],
    value: &[u8],
    files: &mut Vec<(Vec<u8>, FileRow)>,
) -> Result<(), Fault> {
    each(key, value, &mut |name, row| {
        files.push((name.to_vec(), row));
    })
    .map(drop)
}

fn decode_file<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], FileRow), DecodeError> {
    let name = reader.bytes(usize::MAX, "file name")?;
    Ok((name, FileRow::decode(reader)?))
}

/// The block with these files under `key`.
pub(super) fn encode<'a>(
    key: &[u8],
    files: impl Iterator<Item = (&'a Vec<u8>, &'a FileRow)>,
) -> Vec<u8> {
    let mut writer = Writer::new();
    for (name, row) in files {
        row.encode(writer.bytes(name));
    }
    sealed(key, writer.finish())
}

/// About how many bytes these files take in a block.
pub(super) fn size(files: &Files) -> usize {
    files.keys().map(|name| file_size(name)).sum()
}

/// How many files each of the blocks is to have: as few blocks as hold them, evenly filled.
pub(super) fn split(files: &Files) -> Vec<usize> {
    let total = size(files);
    let share = total.div_ceil(total.div_ceil(BLOCK).max(1));
    let (mut counts, mut filled) = (vec![0], 0);
    for name in files.keys() {
        if filled >= share {
            counts.push(0);
            filled = 0;
        }
        filled += file_size(name);
        if let Some(count) = counts.last_mut() {
            *count += 1;
        }
    }
    counts
}

fn file_size(name: &[u8]) -> usize {
    2 + name.len() + FileRow::BYTES
}
