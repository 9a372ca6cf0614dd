//! Finding messages by their `Message-ID`, and who removed one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rayon::prelude::*;

use crate::object::{BlobId, EntryKey, FolderMap, Kind, SnapshotId};
use crate::odb::ObjectRead;
use crate::progress::Phase;
use crate::{graph, mime, tree};

use super::{Locked, RepoError, Repository};

/// So many messages are looked at between two words to the index.
const BATCH: usize = 4096;

/// Takes the beginning of a message; then it refuses, so that the rest is not read.
#[derive(Default)]
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = mime::HEAD - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The beginning of a message, as much as header fields are looked for in. Only the bytes of a
/// message that is no longer than that were checked against its id.
pub fn head(odb: &dyn ObjectRead, blob: BlobId) -> Result<Vec<u8>, RepoError> {
    let mut head = Head::default();
    match odb.read_blob(blob, &mut head) {
        Err(error) if head.0.len() < mime::HEAD => Err(error.into()),
        _ => Ok(head.0),
    }
}

impl Repository {
    /// The newest snapshot of the line `tip`, among those that `local` lacks, that removed the
    /// message: a parent has it, itself does not.
    pub fn removed_by(
        &self,
        local: SnapshotId,
        tip: SnapshotId,
        key: EntryKey,
    ) -> Result<Option<SnapshotId>, RepoError> {
        let odb = self.odb();
        for id in graph::missing(odb, tip, &[local])?.into_iter().rev() {
            let snapshot = graph::load(odb, id)?;
            if snapshot.device.is_none() || has(odb, &self.folders(id)?, key)? {
                continue;
            }
            for parent in snapshot.parents {
                if has(odb, &self.folders(parent)?, key)? {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }
}

impl Locked<'_> {
    /// The stored messages that have one of these `Message-ID`s (without angle brackets), by id.
    /// What the index does not know yet is read once.
    pub fn by_message_id(
        &self,
        ids: &[Vec<u8>],
    ) -> Result<BTreeMap<Vec<u8>, Vec<BlobId>>, RepoError> {
        self.index_message_ids()?;
        let mut found = BTreeMap::new();
        for id in ids {
            let mut blobs = self.index.by_message_id(&hash(id))?;
            blobs.retain(|blob| {
                let head = head(self.repo.odb(), *blob).unwrap_or_default();
                mime::message_id(&head).as_ref() == Some(id)
            });
            found.insert(id.clone(), blobs);
        }
        Ok(found)
    }

    fn index_message_ids(&self) -> Result<(), RepoError> {
        let all = self.repo.odb().ids(Kind::Blob)?;
        let all: Vec<BlobId> = all.into_iter().map(BlobId::new).collect();
        let new = self.index.not_indexed(&all)?;
        if new.is_empty() {
            return Ok(());
        }
        self.progress.begin(Phase::Read, Some(new.len() as u64));
        for batch in new.chunks(BATCH) {
            // A message that cannot be read has no Message-ID that anybody could restore it by.
            let rows: Vec<_> = batch
                .par_iter()
                .filter_map(|blob| {
                    let head = head(self.repo.odb(), *blob).ok()?;
                    self.progress.advance(1, head.len() as u64);
                    Some((mime::message_id(&head).map(|id| hash(&id)), *blob))
                })
                .collect();
            self.index.put_message_ids(&rows)?;
        }
        Ok(())
    }
}

fn hash(message_id: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(message_id).as_bytes()[..16]);
    short
}

fn has(odb: &dyn ObjectRead, map: &FolderMap, key: EntryKey) -> Result<bool, RepoError> {
    for folder in map.folders.values() {
        if tree::get(odb, folder.tree, key)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
