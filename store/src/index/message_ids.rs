//! Which messages have which `Message-ID`, by the first 16 bytes of its hash. Whoever looks one
//! up reads the message to be sure.

use redb::TableDefinition;

use super::database::Index;
use super::error::{Fault, IndexError};
use super::row::checksum;
use crate::object::BlobId;

/// A Message-ID's hash, then a blob; the value is the row's checksum.
pub(super) const MESSAGE_IDS: TableDefinition<'static, &[u8; 48], &[u8; 4]> =
    TableDefinition::new("message ids");
/// The blobs that were looked at, those without a Message-ID among them.
pub(super) const INDEXED: TableDefinition<'static, &[u8; 32], &[u8; 4]> =
    TableDefinition::new("indexed");

impl Index {
    /// Records messages with the hash of their `Message-ID`; `None` for one that has none.
    pub fn put_message_ids(&self, rows: &[(Option<[u8; 16]>, BlobId)]) -> Result<(), IndexError> {
        if rows.is_empty() {
            return Ok(());
        }
        // In the tables' order: neighbours share a page.
        let with_id = rows
            .iter()
            .filter_map(|(id, blob)| Some((id.as_ref()?, blob)));
        let mut keys: Vec<_> = with_id
            .map(|(id, blob)| key(id, *blob.as_bytes()))
            .collect();
        let mut blobs: Vec<_> = rows.iter().map(|(_, blob)| *blob.as_bytes()).collect();
        keys.sort_unstable();
        blobs.sort_unstable();
        self.write(|transaction| {
            let mut table = transaction.open_table(MESSAGE_IDS)?;
            for key in &keys {
                table.insert(key, &checksum(key, b""))?;
            }
            let mut table = transaction.open_table(INDEXED)?;
            for blob in &blobs {
                table.insert(blob, &checksum(blob, b""))?;
            }
            Ok(())
        })
    }

    /// The messages whose `Message-ID` has this hash, sorted.
    pub fn by_message_id(&self, hash: &[u8; 16]) -> Result<Vec<BlobId>, IndexError> {
        self.read(|transaction| {
            let table = transaction.open_table(MESSAGE_IDS)?;
            let first = key(hash, [0; 32]);
            let last = key(hash, [0xff; 32]);
            let mut blobs = Vec::new();
            for item in table.range::<&[u8; 48]>(&first..=&last)? {
                let (key, sum) = item?;
                check(key.value(), *sum.value())?;
                blobs.extend(key.value().last_chunk().copied().map(BlobId::new));
            }
            Ok(blobs)
        })
    }

    /// Which of these messages have not been recorded yet.
    pub fn not_indexed(&self, blobs: &[BlobId]) -> Result<Vec<BlobId>, IndexError> {
        self.read(|transaction| {
            let table = transaction.open_table(INDEXED)?;
            let mut missing = Vec::new();
            for blob in blobs {
                match table.get(blob.as_bytes())? {
                    Some(sum) => check(blob.as_bytes(), *sum.value())?,
                    None => missing.push(*blob),
                }
            }
            Ok(missing)
        })
    }

    /// Whether this message has been recorded.
    pub fn indexed(&self, blob: BlobId) -> Result<bool, IndexError> {
        Ok(self.not_indexed(&[blob])?.is_empty())
    }
}

fn key(hash: &[u8; 16], blob: [u8; 32]) -> [u8; 48] {
    let mut key = [0; 48];
    key[..16].copy_from_slice(hash);
    key[16..].copy_from_slice(&blob);
    key
}

fn check(key: &[u8], sum: [u8; 4]) -> Result<(), Fault> {
    if sum == checksum(key, b"") {
        Ok(())
    } else {
        Err(Fault::damaged("a row's checksum is wrong"))
    }
}
