use std::collections::{BTreeMap, BTreeSet};

use super::{Sums, TreeId};
use crate::codec::{DecodeError, Reader, Writer};
use crate::maildir::FolderPath;

const MAGIC: &[u8; 4] = b"MVF1";
/// The most folders, and the most subscriptions, that a map may have.
const MAX_FOLDERS: u64 = 65_536;
const MAX_PATH: usize = 1024;

/// A folder as a snapshot knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    /// The root of its tree.
    pub tree: TreeId,
    /// What it holds.
    pub sums: Sums,
}

/// All folders of a Maildir, and the lines of its `subscriptions` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderMap {
    /// Folders by their portable path.
    pub folders: BTreeMap<FolderPath, Folder>,
    /// The lines of `subscriptions`, without line ends; empty where there is no such file.
    pub subscriptions: BTreeSet<Vec<u8>>,
}

impl FolderMap {
    /// What all folders hold. A message that lies in two of them counts as two entries.
    pub fn sums(&self) -> Sums {
        self.folders.values().map(|folder| folder.sums).sum()
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC).varint(self.folders.len() as u64);
        for (path, folder) in &self.folders {
            writer.bytes(path.as_bytes()).raw(folder.tree.as_bytes());
            folder.sums.encode(&mut writer);
        }
        writer.varint(self.subscriptions.len() as u64);
        for line in &self.subscriptions {
            writer.bytes(line);
        }
        writer.finish()
    }

    /// Decodes canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("folder map magic")? != *MAGIC {
            return Err(DecodeError {
                what: "folder map magic",
                offset: 0,
            });
        }
        let mut map = Self::default();
        for _ in 0..reader.bounded(MAX_FOLDERS, "folders")? {
            let path = FolderPath::new(reader.bytes(MAX_PATH, "folder path")?)
                .map_err(|_| reader.error("folder path"))?;
            if map
                .folders
                .last_key_value()
                .is_some_and(|(last, _)| *last >= path)
            {
                return Err(reader.error("folder order"));
            }
            let tree = TreeId::new(reader.array("folder tree")?);
            map.folders.insert(
                path,
                Folder {
                    tree,
                    sums: Sums::decode(&mut reader)?,
                },
            );
        }
        for _ in 0..reader.bounded(MAX_FOLDERS, "subscriptions")? {
            let line = reader.bytes(MAX_PATH, "subscription")?.to_vec();
            let ordered = map.subscriptions.last().is_none_or(|last| *last < line);
            if !ordered || line.is_empty() || line.contains(&b'\n') {
                return Err(reader.error("subscription"));
            }
            map.subscriptions.insert(line);
        }
        reader.finish("end of folder map")?;
        Ok(map)
    }
}
