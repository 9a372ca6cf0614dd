//! Folders and the files in them. A file's key is its folder's number and its name, so that a
//! folder's files lie together and a folder's path is stored once.

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::database::{Index, NUMBERS};
use super::error::{Fault, IndexError};
use super::row::{FILE_ROW, FileRow, FolderRow, StoredFolder};
use crate::maildir::FolderPath;

type Bytes = &'static [u8];

pub(super) const FOLDERS: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("folders");
pub(super) const FILES: TableDefinition<'static, Bytes, &'static [u8; FILE_ROW]> =
    TableDefinition::new("files");

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
        self.read(|transaction| {
            let folders = transaction.open_table(FOLDERS)?;
            let Some(value) = folders.get(folder.as_bytes())? else {
                return Ok(Vec::new());
            };
            let stored = StoredFolder::from_value(folder.as_bytes(), value.value())?;
            load_files(&transaction.open_table(FILES)?, stored)
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

type Folders<'a> = Table<'a, Bytes, Bytes>;
type Files<'a> = Table<'a, Bytes, &'static [u8; FILE_ROW]>;

fn load_files(
    table: &impl ReadableTable<Bytes, &'static [u8; FILE_ROW]>,
    stored: StoredFolder,
) -> Result<Vec<(Vec<u8>, FileRow)>, Fault> {
    let (start, end) = bounds(stored.number)?;
    let mut files = Vec::<(Vec<u8>, FileRow)>::new();
    for item in table.range::<&[u8]>(start.as_slice()..end.as_slice())? {
        let (key, value) = item?;
        let key = key.value();
        let row = FileRow::from_value(key, value.value())?;
        let name = key.strip_prefix(&start).unwrap_or(key);
        if files
            .last()
            .is_some_and(|(last, _)| last.as_slice() >= name)
        {
            return Err(Fault::damaged("rows out of order"));
        }
        files.push((name.to_vec(), row));
    }
    if files.len() as u64 == stored.files {
        Ok(files)
    } else {
        Err(Fault::damaged("rows are missing"))
    }
}

fn change_files(
    files: &mut Files<'_>,
    stored: &mut StoredFolder,
    change: &FolderChange,
) -> Result<(), Fault> {
    for name in &change.remove {
        if files
            .remove(file_key(stored.number, name).as_slice())?
            .is_some()
        {
            stored.files = stored.files.saturating_sub(1);
        }
    }
    for (name, row) in &change.put {
        let key = file_key(stored.number, name);
        if files.insert(key.as_slice(), &row.to_value(&key))?.is_none() {
            stored.files += 1;
        }
    }
    Ok(())
}

fn forget(
    folders: &mut Folders<'_>,
    files: &mut Files<'_>,
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
fn bounds(number: u32) -> Result<([u8; 4], [u8; 4]), Fault> {
    let next = number.checked_add(1);
    let next = next.ok_or_else(|| Fault::damaged("folder number"))?;
    Ok((number.to_be_bytes(), next.to_be_bytes()))
}

fn file_key(number: u32, name: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), name].concat()
}
