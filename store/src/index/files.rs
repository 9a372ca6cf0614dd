//! Folders and the files in them. A block of files has its folder's number and a name as its key,
//! so that a folder's files lie together and a folder's path is stored once.

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::block;
use super::database::{Index, NUMBERS};
use super::error::{Fault, IndexError};
use super::row::{FileRow, FolderRow, StoredFolder};
use crate::maildir::FolderPath;

type Bytes = &'static [u8];

pub(super) const FOLDERS: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("folders");
pub(super) const FILES: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("files");
/// How many bytes of a file's key are its folder's number.
const NUMBER: usize = 4;

/// What is to change of one folder.
#[derive(Debug, Clone, Default)]
pub struct FolderChange {
    /// The folder.
    pub path: FolderPath,
    /// Its new row; `None` forgets the folder with all its files.
    pub row: Option<FolderRow>,
    /// Files to set, by `cur/NAME` or `new/NAME`.
    pub put: Vec<(Vec<u8>, FileRow)>,
    /// Files to forget; one that is also in `put` stays.
    pub remove: Vec<Vec<u8>>,
}

impl Index {
    /// All folders, sorted by path.
    pub fn folders(&self) -> Result<Vec<(FolderPath, FolderRow)>, IndexError> {
        self.read(|transaction| {
            let mut folders = Vec::new();
            for item in transaction.open_table(FOLDERS)?.iter()? {
                let (key, value) = item?;
                let path = FolderPath::new(key.value());
                let path = path.map_err(|error| Fault::Damaged(error.to_string()))?;
                let stored = StoredFolder::from_value(key.value(), value.value())?;
                folders.push((path, stored.row));
            }
            Ok(folders)
        })
    }

    /// A folder's files, by `cur/NAME` or `new/NAME`, sorted; none if the folder is not known.
    pub fn files(&self, folder: &FolderPath) -> Result<Vec<(Vec<u8>, FileRow)>, IndexError> {
        let mut files = Vec::new();
        self.each_file(folder, b"", &mut |name, row| {
            files.push((name.to_vec(), row));
        })?;
        Ok(files)
    }

    /// Shows a folder's files to `each`, in the order of their names and beginning with `from`,
    /// without holding them all; returns how many the folder has. `each` must not think long: a
    /// transaction is open.
    pub fn each_file(
        &self,
        folder: &FolderPath,
        from: &[u8],
        each: &mut dyn FnMut(&[u8], FileRow),
    ) -> Result<u64, IndexError> {
        self.read(|transaction| {
            let folders = transaction.open_table(FOLDERS)?;
            let Some(value) = folders.get(folder.as_bytes())? else {
                return Ok(0);
            };
            let stored = StoredFolder::from_value(folder.as_bytes(), value.value())?;
            each_file(&transaction.open_table(FILES)?, stored, (from, each))?;
            Ok(stored.files)
        })
    }

    /// Makes all of these changes, durably, or none.
    pub fn update(&self, changes: &[FolderChange]) -> Result<(), IndexError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut folders = transaction.open_table(FOLDERS)?;
            let mut files = transaction.open_table(FILES)?;
            for change in changes {
                let key = change.path.as_bytes();
                let known = match folders.get(key)? {
                    Some(value) => Some(StoredFolder::from_value(key, value.value())?),
                    None => None,
                };
                match change.row {
                    Some(row) => {
                        let mut stored = match known {
                            Some(known) => StoredFolder { row, ..known },
                            None => new_folder(transaction, row)?,
                        };
                        change_files(&mut files, &mut stored, change)?;
                        folders.insert(key, stored.to_value(key).as_slice())?;
                    }
                    None => forget(&mut folders, &mut files, (key, known))?,
                }
            }
            Ok(())
        })
    }
}

type Rows<'a> = Table<'a, Bytes, Bytes>;

fn each_file(
    table: &impl ReadableTable<Bytes, Bytes>,
    stored: StoredFolder,
    (from, each): (&[u8], block::Each<'_>),
) -> Result<(), Fault> {
    let (start, end) = bounds(stored.number)?;
    let first = block_of(table, stored.number, from)?;
    let (mut count, mut ordered, mut last) = (0, true, Vec::new());
    for item in table.range::<&[u8]>(first.as_slice()..end.as_slice())? {
        let (key, value) = item?;
        // Within a block they are in order: it sees to that.
        let mut seam = count > 0;
        let (more, latest) = block::each(key.value(), value.value(), &mut |name, row| {
            ordered &= !std::mem::take(&mut seam) || last.as_slice() < name;
            if from.is_empty() || name >= from {
                each(name, row);
            }
        })?;
        if more > 0 {
            count += more;
            last = latest.to_vec();
        }
    }
    if !ordered {
        return Err(Fault::damaged("rows out of order"));
    }
    if count == stored.files || first != start {
        Ok(())
    } else {
        Err(Fault::damaged("rows are missing"))
    }
}

/// The key of the block that `name` belongs in: what comes before it is before that block.
fn block_of(
    table: &impl ReadableTable<Bytes, Bytes>,
    number: u32,
    name: &[u8],
) -> Result<Vec<u8>, Fault> {
    let (start, _) = bounds(number)?;
    let wanted = [start.as_slice(), name].concat();
    let mut before = table.range::<&[u8]>(start.as_slice()..=wanted.as_slice())?;
    Ok(match before.next_back() {
        Some(item) => item?.0.value().to_vec(),
        None => start.to_vec(),
    })
}

fn change_files(
    table: &mut Rows<'_>,
    stored: &mut StoredFolder,
    change: &FolderChange,
) -> Result<(), Fault> {
    let removed = change.remove.iter().map(|name| (name.as_slice(), None));
    let put = change
        .put
        .iter()
        .map(|(name, row)| (name.as_slice(), Some(*row)));
    let mut edits: BTreeMap<_, _> = removed.chain(put).collect();
    while let Some((name, _)) = edits.first_key_value() {
        let place = find_block(table, stored.number, name)?;
        let later = match &place.next {
            Some(next) => edits.split_off(next.as_slice()),
            None => BTreeMap::new(),
        };
        change_block(table, stored, (place, edits))?;
        edits = later;
    }
    Ok(())
}

/// Where a name belongs: the key of its block, and the first name of the one after it.
struct Place {
    key: Vec<u8>,
    next: Option<Vec<u8>>,
}

fn find_block(table: &Rows<'_>, number: u32, name: &[u8]) -> Result<Place, Fault> {
    let (start, end) = bounds(number)?;
    let wanted = [start.as_slice(), name].concat();
    let key = block_of(table, number, name)?;
    let after = (
        Bound::Excluded(wanted.as_slice()),
        Bound::Excluded(end.as_slice()),
    );
    let next = match table.range::<&[u8]>(after)?.next() {
        Some(item) => item?.0.value().strip_prefix(&start).map(<[u8]>::to_vec),
        None => None,
    };
    Ok(Place { key, next })
}

fn change_block(
    table: &mut Rows<'_>,
    stored: &mut StoredFolder,
    (place, edits): (Place, BTreeMap<&[u8], Option<FileRow>>),
) -> Result<(), Fault> {
    let mut files = take_block(table, &place.key)?;
    let before = files.len() as u64;
    for (name, row) in edits {
        match row {
            Some(row) => files.insert(name.to_vec(), row),
            None => files.remove(name),
        };
    }
    stored.files = (stored.files + files.len() as u64).saturating_sub(before);
    if let Some(next) = place.next.filter(|_| block::size(&files) < block::SPARSE) {
        let key = [&stored.number.to_be_bytes(), next.as_slice()].concat();
        files.extend(take_block(table, &key)?);
    }
    write_blocks(table, place.key, &files)
}

fn take_block(table: &mut Rows<'_>, key: &[u8]) -> Result<block::Files, Fault> {
    let mut files = Vec::new();
    if let Some(value) = table.remove(key)? {
        block::decode(key, value.value(), &mut files)?;
    }
    Ok(files.into_iter().collect())
}

/// Writes `files` as blocks, the first one under `key`, the others each under its first name.
fn write_blocks(table: &mut Rows<'_>, mut key: Vec<u8>, files: &block::Files) -> Result<(), Fault> {
    let mut rest = files.iter().peekable();
    for count in block::split(files) {
        if count == 0 {
            break;
        }
        let value = block::encode(&key, rest.by_ref().take(count));
        table.insert(key.as_slice(), value.as_slice())?;
        if let Some((next, _)) = rest.peek() {
            key.truncate(NUMBER);
            key.extend_from_slice(next);
        }
    }
    Ok(())
}

fn forget(
    folders: &mut Rows<'_>,
    files: &mut Rows<'_>,
    (key, known): (&[u8], Option<StoredFolder>),
) -> Result<(), Fault> {
    if let Some(known) = known {
        let (start, end) = bounds(known.number)?;
        files.retain_in::<&[u8], _>(start.as_slice()..end.as_slice(), |_, _| false)?;
        folders.remove(key)?;
    }
    Ok(())
}

/// A number that no folder had before.
fn new_folder(transaction: &WriteTransaction, row: FolderRow) -> Result<StoredFolder, Fault> {
    let mut numbers = transaction.open_table(NUMBERS)?;
    let next = numbers.get("folders")?.map_or(0, |number| number.value());
    numbers.insert("folders", next + 1)?;
    // Four thousand million new folders later the index is begun anew.
    let number = u32::try_from(next).map_err(|_| Fault::damaged("folder numbers used up"))?;
    Ok(StoredFolder {
        number,
        files: 0,
        row,
    })
}

/// The range of a folder's keys: its number with the high byte first, and the next one.
fn bounds(number: u32) -> Result<([u8; NUMBER], [u8; NUMBER]), Fault> {
    let next = number.checked_add(1);
    let next = next.ok_or_else(|| Fault::damaged("folder number"))?;
    Ok((number.to_be_bytes(), next.to_be_bytes()))
}
