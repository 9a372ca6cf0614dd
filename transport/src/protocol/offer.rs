use std::collections::BTreeMap;
use std::io::{Read, Write};

use mailvc_store::codec::Writer;
use mailvc_store::graph;
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{BlobId, Entry, EntryKey, FolderMap, Snapshot, SnapshotId, TreeId};
use mailvc_store::odb::ObjectRead;
use mailvc_store::progress::Progress;
use mailvc_store::tree::{self, TreeError};

use super::link::{Link, go_on};
use super::negotiate::Lacking;
use super::{Device, ProtocolError, SessionError};
use crate::wire::{FolderBase, Item, MAX_SIGNATURE, MAX_SIGNATURES, Message};

/// A frame of items is sent when it has grown to so many bytes.
const CHUNK: usize = 64 << 10;

/// What was offered to a peer by describing snapshots to it.
#[derive(Debug, Default)]
pub(super) struct Offered {
    /// How many snapshots were described.
    pub(super) snapshots: u64,
    /// The last of them, if there was no room for more.
    pub(super) part: Option<SnapshotId>,
    /// The messages that they brought up, sorted.
    pub(super) blobs: Vec<BlobId>,
}

/// Describes these snapshots, and ends the description.
pub(super) fn offer<D: Device, R: Read, W: Write>(
    device: &D,
    link: &mut Link<R, W>,
    lacking: &Lacking,
    progress: &dyn Progress,
) -> Result<Offered, ProtocolError<D::Error>> {
    let odb = device.odb();
    let mut offer = Offer {
        link,
        odb: &*odb,
        buffer: Writer::new(),
        blobs: Vec::new(),
    };
    for &id in &lacking.snapshots {
        go_on(progress)?;
        let mut signatures = device.signatures(id).map_err(ProtocolError::Device)?;
        signatures.retain(|signature| signature.len() <= MAX_SIGNATURE);
        signatures.truncate(MAX_SIGNATURES);
        offer.snapshot(id, signatures)?;
    }
    offer.flush()?;
    let mut blobs = offer.blobs;
    blobs.sort_unstable();
    blobs.dedup();
    link.send(if lacking.is_part {
        Message::GraphPart
    } else {
        Message::GraphEnd
    })?;
    Ok(Offered {
        snapshots: lacking.snapshots.len() as u64,
        part: lacking
            .snapshots
            .last()
            .copied()
            .filter(|_| lacking.is_part),
        blobs,
    })
}

struct Offer<'a, R, W: Write> {
    link: &'a mut Link<R, W>,
    odb: &'a dyn ObjectRead,
    buffer: Writer,
    blobs: Vec<BlobId>,
}

impl<R: Read, W: Write> Offer<'_, R, W> {
    fn snapshot(&mut self, id: SnapshotId, signatures: Vec<Vec<u8>>) -> Result<(), SessionError> {
        let snapshot = graph::load(self.odb, id)?;
        let map = graph::load_map(self.odb, snapshot.folders)?;
        let (base, base_map) = nearest_parent(self.odb, &snapshot, &map)?;
        self.put(&Item::Snapshot {
            bytes: snapshot.encode(),
            signatures,
            base,
        })?;
        self.folders(&base_map, &map)?;
        for line in map.subscriptions.difference(&base_map.subscriptions) {
            self.put(&Item::Subscribe(line.clone()))?;
        }
        for line in base_map.subscriptions.difference(&map.subscriptions) {
            self.put(&Item::Unsubscribe(line.clone()))?;
        }
        self.put(&Item::End)
    }

    fn folders(&mut self, base: &FolderMap, map: &FolderMap) -> Result<(), SessionError> {
        let gone = |path: &&FolderPath| !map.folders.contains_key(*path);
        let gone: Vec<&FolderPath> = base.folders.keys().filter(gone).collect();
        let by_tree: BTreeMap<TreeId, &FolderPath> = gone
            .iter()
            .filter_map(|path| Some((base.folders.get(*path)?.tree, *path)))
            .collect();
        for (path, folder) in &map.folders {
            let path = path.clone();
            match (base.folders.get(&path), by_tree.get(&folder.tree)) {
                (Some(before), _) if before.tree == folder.tree => {}
                (Some(before), _) => {
                    let base = FolderBase::Same;
                    self.put(&Item::Folder { path, base })?;
                    self.changes(before.tree, folder.tree)?;
                }
                (None, Some(from)) => {
                    let base = FolderBase::Renamed((*from).clone());
                    self.put(&Item::Folder { path, base })?;
                }
                (None, None) => {
                    let base = FolderBase::Empty;
                    self.put(&Item::Folder { path, base })?;
                    self.entries(folder.tree)?;
                }
            }
        }
        for path in gone {
            self.put(&Item::Gone(path.clone()))?;
        }
        Ok(())
    }

    fn changes(&mut self, before: TreeId, after: TreeId) -> Result<(), SessionError> {
        for change in tree::diff(self.odb, before, after) {
            let change = change?;
            match change.after {
                Some(entry) => self.entry(change.key, entry, change.before.is_none())?,
                None => self.put(&Item::Remove(change.key))?,
            }
        }
        Ok(())
    }

    fn entries(&mut self, tree: TreeId) -> Result<(), SessionError> {
        for entry in tree::entries(self.odb, tree) {
            let (key, entry) = entry?;
            self.entry(key, entry, true)?;
        }
        Ok(())
    }

    fn entry(&mut self, key: EntryKey, entry: Entry, is_new: bool) -> Result<(), SessionError> {
        if is_new {
            self.blobs.push(key.blob);
        }
        self.put(&Item::Put(key, entry))
    }

    fn put(&mut self, item: &Item) -> Result<(), SessionError> {
        item.encode(&mut self.buffer);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(&mut self.buffer).finish();
        self.link.send(Message::Graph(items))
    }
}

/// The parent from which a snapshot is told in the fewest words, and its folders. A merge differs
/// little from the side that had more to say.
fn nearest_parent(
    odb: &dyn ObjectRead,
    snapshot: &Snapshot,
    map: &FolderMap,
) -> Result<(Option<u8>, FolderMap), SessionError> {
    let mut nearest = (None, FolderMap::default());
    let mut fewest = usize::MAX;
    for (at, parent) in (0u8..).zip(&snapshot.parents) {
        let folders = graph::load(odb, *parent)?.folders;
        let base = graph::load_map(odb, folders)?;
        let count = if snapshot.parents.len() > 1 {
            count_changes(odb, &base, map, fewest)?
        } else {
            0
        };
        if count < fewest {
            fewest = count;
            nearest = (Some(at), base);
        }
    }
    Ok(nearest)
}

/// How many entries differ; counting stops at `enough`.
fn count_changes(
    odb: &dyn ObjectRead,
    base: &FolderMap,
    map: &FolderMap,
    enough: usize,
) -> Result<usize, TreeError> {
    let mut count = 0;
    for (path, folder) in &map.folders {
        let before = base.folders.get(path).map(|before| before.tree);
        count += match before {
            Some(before) if before == folder.tree => 0,
            Some(before) => {
                let changes = tree::diff(odb, before, folder.tree);
                changes
                    .take(enough - count)
                    .try_fold(0, |n, change| change.map(|_| n + 1))?
            }
            None => (folder.sums.entries as usize).min(enough - count),
        };
    }
    Ok(count)
}
