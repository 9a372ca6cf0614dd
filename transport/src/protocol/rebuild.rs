use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Write};

use mailvc_store::blob::MAX_OBJECT;
use mailvc_store::codec::Reader;
use mailvc_store::graph;
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{
    Entry, EntryKey, Folder, FolderMap, FolderMapId, Kind, ObjectKey, Snapshot, SnapshotId, Sums,
};
use mailvc_store::odb::{ObjectRead, ObjectWrite};
use mailvc_store::progress::Progress;
use mailvc_store::tree;

use super::folder::OpenFolder;
use super::ledger::Ledger;
use super::link::{Link, go_on, out_of_turn};
use super::{Flaw, Limits, SessionError};
use crate::wire::{FolderBase, Item, Message, WireError};

/// How many bytes of items that name folders and subscriptions one snapshot may have: twice what
/// the map itself can, since a folder's earlier path goes with it.
const MAX_DESCRIBED: usize = 2 * MAX_OBJECT;

/// Snapshots that were rebuilt and found whole, but for their messages.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    /// Their ids and bytes, parents first.
    pub(super) snapshots: Vec<(SnapshotId, Vec<u8>)>,
    /// Signature objects that came with them.
    pub(super) signatures: Vec<(SnapshotId, Vec<u8>)>,
    /// What stands under them and was stored before.
    pub(super) frontier: Vec<SnapshotId>,
    /// The one from which all others descend, if it is not the peer's tip: more are to come.
    pub(super) part: Option<SnapshotId>,
    /// The messages that they brought up.
    pub(super) ledger: Ledger,
}

/// Takes a description of snapshots, of which `first` is the first frame, and writes their trees
/// to `odb`. The snapshots themselves are not written: they would be believed to be whole.
pub(super) fn rebuild<O: ObjectWrite, R: Read, W: Write>(
    link: &mut Link<R, W>,
    (odb, first): (&O, Message),
    tip: Option<SnapshotId>,
    (limits, progress): (&Limits, &dyn Progress),
) -> Result<Rebuilt, SessionError> {
    let mut rebuild = Rebuild {
        odb,
        limits,
        items: 0,
        kept: 0,
        rebuilt: Rebuilt::default(),
        known: HashMap::new(),
        heads: BTreeSet::new(),
        open: None,
    };
    let mut message = first;
    loop {
        go_on(progress)?;
        match message {
            Message::Graph(items) => rebuild.frame(&items)?,
            Message::GraphEnd => return rebuild.finish(tip),
            Message::GraphPart => return rebuild.finish_part(tip),
            other => return Err(out_of_turn("snapshots", &other)),
        }
        message = link.receive()?;
    }
}

struct Rebuild<'a, O> {
    odb: &'a O,
    limits: &'a Limits,
    items: u64,
    /// The bytes of snapshots and signatures that are in memory until the messages are there.
    kept: u64,
    rebuilt: Rebuilt,
    /// Generation and folders of what was rebuilt.
    known: HashMap<SnapshotId, (u64, FolderMapId)>,
    /// What no other rebuilt snapshot descends from.
    heads: BTreeSet<SnapshotId>,
    open: Option<OpenSnapshot>,
}

/// A snapshot of which a part was described.
struct OpenSnapshot {
    id: SnapshotId,
    bytes: Vec<u8>,
    snapshot: Snapshot,
    base: FolderMap,
    base_id: Option<FolderMapId>,
    map: FolderMap,
    /// The bytes of the items that have grown the map.
    described: usize,
    folder: Option<OpenFolder>,
}

impl<O: ObjectWrite> Rebuild<'_, O> {
    fn frame(&mut self, items: &[u8]) -> Result<(), SessionError> {
        let mut reader = Reader::new(items);
        while reader.remaining() > 0 {
            self.items += 1;
            if self.items > self.limits.items {
                return Err(SessionError::Limit("changes"));
            }
            let start = reader.offset();
            let item = Item::decode(&mut reader).map_err(WireError::Malformed)?;
            self.item(item, reader.offset() - start)?;
        }
        Ok(())
    }

    /// Takes an item that came as `len` bytes.
    fn item(&mut self, item: Item, len: usize) -> Result<(), SessionError> {
        let open = match (self.open.take(), item) {
            (
                None,
                Item::Snapshot {
                    bytes,
                    signatures,
                    base,
                },
            ) => {
                self.keep(len)?;
                self.begin(bytes, signatures, base)?
            }
            (Some(open), Item::End) => return self.end(open),
            (Some(mut open), item) => {
                self.change(&mut open, item, len)?;
                open
            }
            (None, _) => {
                return Err(WireError::Malformed(Reader::new(&[]).error("snapshot")).into());
            }
        };
        self.open = Some(open);
        Ok(())
    }

    /// Makes room for a snapshot and its signatures.
    fn keep(&mut self, len: usize) -> Result<(), SessionError> {
        if self.rebuilt.snapshots.len() as u64 >= self.limits.snapshots {
            return Err(SessionError::Limit("snapshots"));
        }
        self.kept = self.kept.saturating_add(len as u64);
        if self.kept > self.limits.snapshot_bytes {
            return Err(SessionError::Limit("bytes of snapshots and signatures"));
        }
        Ok(())
    }

    fn begin(
        &mut self,
        bytes: Vec<u8>,
        signatures: Vec<Vec<u8>>,
        base: Option<u8>,
    ) -> Result<OpenSnapshot, SessionError> {
        let id = SnapshotId::of(&bytes);
        let refuse = |flaw| SessionError::Flawed { snapshot: id, flaw };
        if self.known.contains_key(&id) {
            return Err(refuse(Flaw::Twice));
        }
        let snapshot = Snapshot::decode(&bytes).map_err(|error| refuse(error.into()))?;
        if snapshot.tags.is_some() {
            return Err(refuse(Flaw::Tags));
        }
        let folders = self.check_parents(id, &snapshot)?;
        for signature in signatures {
            if !signature.starts_with(id.as_bytes()) || signature.len() < 64 {
                return Err(refuse(Flaw::ForeignSignature));
            }
            self.rebuilt.signatures.push((id, signature));
        }
        let base_id = match base {
            None => None,
            Some(at) => {
                let parent = folders.get(usize::from(at));
                Some(*parent.ok_or_else(|| refuse(Flaw::Base))?)
            }
        };
        let base = match base_id {
            None => FolderMap::default(),
            Some(folders) => graph::load_map(self.odb, folders)?,
        };
        let map = base.clone();
        Ok(OpenSnapshot {
            id,
            bytes,
            snapshot,
            base,
            base_id,
            map,
            described: 0,
            folder: None,
        })
    }

    /// Checks the generation, and returns the folder maps of the parents.
    fn check_parents(
        &mut self,
        id: SnapshotId,
        snapshot: &Snapshot,
    ) -> Result<Vec<FolderMapId>, SessionError> {
        let refuse = |flaw| SessionError::Flawed { snapshot: id, flaw };
        let mut highest = 0u64;
        let mut folders = Vec::new();
        for &parent in &snapshot.parents {
            let known = self.parent(parent)?;
            let (generation, map) = known.ok_or_else(|| refuse(Flaw::UnknownParent(parent)))?;
            highest = highest.max(generation);
            folders.push(map);
        }
        if highest.checked_add(1) == Some(snapshot.generation) {
            Ok(folders)
        } else {
            Err(refuse(Flaw::Generation))
        }
    }

    /// Generation and folders of a snapshot that was rebuilt, or is stored.
    fn parent(&mut self, id: SnapshotId) -> Result<Option<(u64, FolderMapId)>, SessionError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(Some(*known));
        }
        if !self.odb.contains(id.into())? {
            return Ok(None);
        }
        let stored = graph::load(self.odb, id)?;
        self.rebuilt.frontier.push(id);
        Ok(Some((stored.generation, stored.folders)))
    }

    fn change(
        &mut self,
        open: &mut OpenSnapshot,
        item: Item,
        len: usize,
    ) -> Result<(), SessionError> {
        match item {
            Item::Put(key, entry) => return self.edit(open, (key, Some(entry)), len),
            Item::Remove(key) => return self.edit(open, (key, None), len),
            _ => self.close_folder(open)?,
        }
        if matches!(item, Item::Folder { .. } | Item::Subscribe(_)) {
            open.grow(len)?;
        }
        match item {
            Item::Folder { path, base } => self.open_folder(open, path, &base)?,
            Item::Gone(path) => {
                open.map.folders.remove(&path);
            }
            Item::Subscribe(line) => {
                open.map.subscriptions.insert(line);
            }
            Item::Unsubscribe(line) => {
                open.map.subscriptions.remove(&line);
            }
            _ => return Err(open.refuse(Flaw::OutOfPlace("a snapshot"))),
        }
        Ok(())
    }

    fn open_folder(
        &self,
        open: &mut OpenSnapshot,
        path: FolderPath,
        base: &FolderBase,
    ) -> Result<(), SessionError> {
        let before = match base {
            FolderBase::Empty => Some(Folder {
                tree: tree::empty(self.odb)?,
                sums: Sums::default(),
            }),
            FolderBase::Same => open.base.folders.get(&path).copied(),
            FolderBase::Renamed(from) => open.base.folders.get(from).copied(),
        };
        let before = before.ok_or_else(|| open.refuse(Flaw::Base))?;
        open.folder = Some(OpenFolder::new(path, before));
        Ok(())
    }

    fn edit(
        &self,
        open: &mut OpenSnapshot,
        (key, entry): (EntryKey, Option<Entry>),
        len: usize,
    ) -> Result<(), SessionError> {
        let id = open.id;
        let refuse = |flaw| SessionError::Flawed { snapshot: id, flaw };
        let Some(folder) = &mut open.folder else {
            return Err(refuse(Flaw::OutOfPlace("an entry")));
        };
        if !folder.ascends_to(key) {
            return Err(refuse(Flaw::Order(folder.path().clone())));
        }
        folder.edit(self.odb, (key, entry), len)
    }

    /// Ends the folder that is open, and takes down the messages that are new in it.
    fn close_folder(&mut self, open: &mut OpenSnapshot) -> Result<(), SessionError> {
        if let Some(folder) = open.folder.take() {
            let ledger = &mut self.rebuilt.ledger;
            let (path, folder) = folder.close(self.odb, ledger, self.limits)?;
            open.map.folders.insert(path, folder);
        }
        Ok(())
    }

    fn end(&mut self, mut open: OpenSnapshot) -> Result<(), SessionError> {
        self.close_folder(&mut open)?;
        let bytes = open.map.encode();
        if FolderMapId::of(&bytes) != open.snapshot.folders {
            return Err(open.refuse(Flaw::Folders));
        }
        // Whoever made it may have made a map that nobody can read.
        FolderMap::decode(&bytes).map_err(|error| open.refuse(error.into()))?;
        let base = open.base_id.map(ObjectKey::from);
        self.odb.write_delta(Kind::FolderMap, &bytes, base)?;
        for parent in &open.snapshot.parents {
            self.heads.remove(parent);
        }
        let known = (open.snapshot.generation, open.snapshot.folders);
        self.known.insert(open.id, known);
        self.heads.insert(open.id);
        self.rebuilt.snapshots.push((open.id, open.bytes));
        Ok(())
    }

    /// Ends a part of the peer's line: the last snapshot stands for the tip.
    fn finish_part(mut self, tip: Option<SnapshotId>) -> Result<Rebuilt, SessionError> {
        let last = self.rebuilt.snapshots.last().map(|(id, _)| *id);
        if last.is_none() || tip.is_none_or(|tip| self.known.contains_key(&tip)) {
            return Err(out_of_turn("the end of the line", &Message::GraphPart));
        }
        self.rebuilt.part = last;
        self.finish(last)
    }

    fn finish(self, tip: Option<SnapshotId>) -> Result<Rebuilt, SessionError> {
        if let Some(open) = &self.open {
            return Err(open.refuse(Flaw::OutOfPlace("the end")));
        }
        check_tip(self.odb, tip, |id| self.known.contains_key(&id))?;
        match self.heads.iter().find(|&&id| Some(id) != tip) {
            Some(&stray) => Err(SessionError::Flawed {
                snapshot: stray,
                flaw: Flaw::Stray,
            }),
            None => Ok(self.rebuilt),
        }
    }
}

/// Whether the announced tip was sent, or is stored.
pub(super) fn check_tip(
    odb: &dyn ObjectRead,
    tip: Option<SnapshotId>,
    was_sent: impl Fn(SnapshotId) -> bool,
) -> Result<(), SessionError> {
    match tip {
        Some(tip) if !was_sent(tip) && !odb.contains(tip.into())? => Err(SessionError::Flawed {
            snapshot: tip,
            flaw: Flaw::NoTip,
        }),
        _ => Ok(()),
    }
}

impl OpenSnapshot {
    /// Makes room for a folder or a subscription, before the map is known to be one that can be.
    fn grow(&mut self, len: usize) -> Result<(), SessionError> {
        self.described += len;
        if self.described > MAX_DESCRIBED {
            return Err(SessionError::Limit("folders in a snapshot"));
        }
        Ok(())
    }

    fn refuse(&self, flaw: Flaw) -> SessionError {
        let snapshot = self.id;
        SessionError::Flawed { snapshot, flaw }
    }
}
