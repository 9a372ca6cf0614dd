use mailvc_store::codec::{DecodeError, Reader, Writer};
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{BlobId, Day, Entry, EntryKey, MAX_PARENTS};

const MAX_SNAPSHOT: usize = 2 << 20;
/// The most signatures that travel with a snapshot.
pub const MAX_SIGNATURES: usize = 16;
/// The longest signature object that travels, in bytes.
pub const MAX_SIGNATURE: usize = 8192;
const MAX_PATH: usize = 1024;

/// What a folder's changes start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderBase {
    /// An empty folder.
    Empty,
    /// The folder of the same path in the base.
    Same,
    /// The folder of this path in the base: it was renamed.
    Renamed(FolderPath),
}

/// One step in the description of snapshots. A snapshot is told as the changes that lead to it
/// from the folders of one of its parents, its *base*: [`Item::Snapshot`], then its folders and
/// subscriptions, then [`Item::End`]. What isn't mentioned is as in the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A snapshot begins.
    Snapshot {
        /// Its canonical bytes.
        bytes: Vec<u8>,
        /// The bytes of its signature objects.
        signatures: Vec<Vec<u8>>,
        /// Which of its parents is the base, counted from 0; with none, the empty map is.
        base: Option<u8>,
    },
    /// A folder that isn't as in the base; the entries that follow are its own.
    Folder {
        /// Its path.
        path: FolderPath,
        /// What its entries change.
        base: FolderBase,
    },
    /// An entry that is new or changed. Keys ascend within a folder.
    Put(EntryKey, Entry),
    /// An entry that is gone.
    Remove(EntryKey),
    /// A folder that is gone.
    Gone(FolderPath),
    /// A line that `subscriptions` has and the base's has not.
    Subscribe(Vec<u8>),
    /// A line that it has no more.
    Unsubscribe(Vec<u8>),
    /// The snapshot is complete.
    End,
}

const SNAPSHOT: u8 = 1;
const FOLDER: u8 = 2;
const PUT: u8 = 3;
const REMOVE: u8 = 4;
const GONE: u8 = 5;
const SUBSCRIBE: u8 = 6;
const UNSUBSCRIBE: u8 = 7;
const END: u8 = 8;

impl Item {
    /// Appends the item's bytes.
    pub fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Snapshot {
                bytes,
                signatures,
                base,
            } => {
                writer.u8(SNAPSHOT).bytes(bytes);
                writer.varint(signatures.len() as u64);
                for signature in signatures {
                    writer.bytes(signature);
                }
                writer.u8(base.map_or(0, |at| at + 1));
            }
            Self::Folder { path, base } => {
                writer.u8(FOLDER).bytes(path.as_bytes());
                match base {
                    FolderBase::Empty => writer.u8(0),
                    FolderBase::Same => writer.u8(1),
                    FolderBase::Renamed(from) => writer.u8(2).bytes(from.as_bytes()),
                };
            }
            Self::Put(key, entry) => {
                writer.u8(PUT).raw(&key.to_bytes());
                entry.encode(writer);
            }
            Self::Remove(key) => {
                writer.u8(REMOVE).raw(&key.to_bytes());
            }
            Self::Gone(path) => {
                writer.u8(GONE).bytes(path.as_bytes());
            }
            Self::Subscribe(line) => {
                writer.u8(SUBSCRIBE).bytes(line);
            }
            Self::Unsubscribe(line) => {
                writer.u8(UNSUBSCRIBE).bytes(line);
            }
            Self::End => {
                writer.u8(END);
            }
        }
    }

    /// Takes one item.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8("item")? {
            SNAPSHOT => Self::decode_snapshot(reader)?,
            FOLDER => Self::Folder {
                path: take_path(reader)?,
                base: take_base(reader)?,
            },
            PUT => Self::Put(take_key(reader)?, Entry::decode(reader)?),
            REMOVE => Self::Remove(take_key(reader)?),
            GONE => Self::Gone(take_path(reader)?),
            SUBSCRIBE => Self::Subscribe(reader.bytes(MAX_PATH, "subscription")?.to_vec()),
            UNSUBSCRIBE => Self::Unsubscribe(reader.bytes(MAX_PATH, "subscription")?.to_vec()),
            END => Self::End,
            _ => return Err(reader.error("item")),
        })
    }

    fn decode_snapshot(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = reader.bytes(MAX_SNAPSHOT, "snapshot")?.to_vec();
        let count = reader.bounded(MAX_SIGNATURES as u64, "signatures")?;
        let signatures = (0..count)
            .map(|_| Ok(reader.bytes(MAX_SIGNATURE, "signature")?.to_vec()))
            .collect::<Result<_, _>>()?;
        let base = reader.u8("base")?;
        if usize::from(base) > MAX_PARENTS {
            return Err(reader.error("base"));
        }
        Ok(Self::Snapshot {
            bytes,
            signatures,
            base: base.checked_sub(1),
        })
    }
}

fn take_path(reader: &mut Reader<'_>) -> Result<FolderPath, DecodeError> {
    let path = reader.bytes(MAX_PATH, "folder path")?;
    FolderPath::new(path).map_err(|_| reader.error("folder path"))
}

fn take_base(reader: &mut Reader<'_>) -> Result<FolderBase, DecodeError> {
    match reader.u8("folder base")? {
        0 => Ok(FolderBase::Empty),
        1 => Ok(FolderBase::Same),
        2 => Ok(FolderBase::Renamed(take_path(reader)?)),
        _ => Err(reader.error("folder base")),
    }
}

fn take_key(reader: &mut Reader<'_>) -> Result<EntryKey, DecodeError> {
    let day = Day(u16::from_be_bytes(reader.array("day")?));
    let blob = BlobId::new(reader.array("message id")?);
    Ok(EntryKey { day, blob })
}

#[cfg(test)]
mod tests {
    use mailvc_store::object::{Copies, MessageCopy};

    use super::*;

    fn examples() -> Vec<Item> {
        let path = FolderPath::new(b"lists/debian").expect("path");
        let key = EntryKey {
            day: Day(20_000),
            blob: BlobId::new([5; 32]),
        };
        let entry = Entry {
            size: 1234,
            copies: Copies::one(MessageCopy::default()),
            kept: 0,
        };
        vec![
            Item::Snapshot {
                bytes: b"MVS1".to_vec(),
                signatures: vec![vec![1; 200]],
                base: Some(0),
            },
            Item::Folder {
                path: path.clone(),
                base: FolderBase::Renamed(FolderPath::root()),
            },
            Item::Put(key, entry),
            Item::Remove(key),
            Item::Gone(path),
            Item::Subscribe(b"lists".to_vec()),
            Item::Unsubscribe(b"old".to_vec()),
            Item::End,
        ]
    }

    #[test]
    fn items_back_to_back_come_apart_again() {
        let mut writer = Writer::new();
        for item in examples() {
            item.encode(&mut writer);
        }
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        for item in examples() {
            assert_eq!(Item::decode(&mut reader), Ok(item));
        }
        assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn a_folder_outside_the_maildir_is_refused() {
        let mut writer = Writer::new();
        writer.u8(GONE).bytes(b"../etc");
        assert!(Item::decode(&mut Reader::new(&writer.finish())).is_err());
        let mut writer = Writer::new();
        writer.u8(SNAPSHOT).bytes(b"").varint(0).u8(18);
        assert!(Item::decode(&mut Reader::new(&writer.finish())).is_err());
    }
}
