//! A pack that is being written: what batches and receptions have in common.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::Cache;
use super::out::Out;
use super::pending::{Encoded, Pending};
use super::read::{self, Location, OpenPack, View, Weighed, named};
use super::{ObjectRead, OdbError, PackedOdb};
use crate::blob::{BaseName, Codec, Content, Help, MAX_OBJECT, PART_LEN, Part, encode};
use crate::object::{BlobId, Kind, ObjectKey, PackId};
use crate::pack::{Place, Row};

/// To name the base of a shorter object takes more bytes than it saves.
const WORTH_A_BASE: usize = 96;

/// The new pack and what of it is not yet on disk.
pub(super) struct Sink<'a> {
    pub(super) odb: &'a PackedOdb,
    /// The name of the file in the scratch directory, by which a sweep knows what it is.
    name: &'static str,
    state: Mutex<State>,
}

struct State {
    out: Option<Out>,
    /// Everything that is or will be in the pack; what waits has no row yet.
    rows: BTreeMap<ObjectKey, Option<Row>>,
    meta: Pending,
    blobs: Pending,
    /// What is being made known at the moment.
    leaving: Option<Leaving>,
    failed: bool,
}

/// A pack that is whole, and that the store does not know yet.
struct Leaving {
    rows: BTreeMap<ObjectKey, Row>,
    pack: Arc<OpenPack>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(odb: &'a PackedOdb, name: &'static str) -> Self {
        let pending = || Pending::new(odb.version);
        let state = State {
            out: None,
            rows: BTreeMap::new(),
            meta: pending(),
            blobs: pending(),
            leaving: None,
            failed: false,
        };
        Self {
            odb,
            name,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the object is or will be in this pack.
    pub(super) fn holds(&self, key: ObjectKey) -> bool {
        self.state().holds(key)
    }

    /// Whether the caller is the one to add this object. If so, it must.
    pub(super) fn claim(&self, key: ObjectKey) -> Result<bool, OdbError> {
        if self.holds(key) || self.odb.knows(key)? {
            return Ok(false);
        }
        Ok(self.claim_again(key))
    }

    /// Like [`claim`](Self::claim), even if another pack has the object.
    pub(super) fn claim_again(&self, key: ObjectKey) -> bool {
        let mut state = self.state();
        let new = !state.holds(key);
        if new {
            state.rows.insert(key, None);
        }
        new
    }

    /// Takes a claim back.
    fn unclaim(&self, key: ObjectKey) {
        self.state().rows.remove(&key);
    }

    /// Adds a claimed object.
    pub(super) fn put(
        &self,
        key: ObjectKey,
        bytes: &[u8],
        base: Option<ObjectKey>,
    ) -> Result<(), OdbError> {
        if key.kind == Kind::Blob && bytes.len() > PART_LEN {
            let id = BlobId::new(key.hash);
            let added = self.put_parts(id, bytes.len() as u64, &mut &*bytes)?;
            return added.map_err(OdbError::Output);
        }
        let base = base.filter(|_| bytes.len() >= WORTH_A_BASE);
        let base = base.and_then(|base| Some((base, self.base(base)?)));
        let mut state = self.state();
        match state.pending(key.kind).push(key, bytes, base) {
            Some(closed) => self.append_group(&mut state, &closed),
            None => Ok(()),
        }
    }

    /// A base as it lies in a finished frame. Without one, whatever the reason, an object is
    /// stored whole.
    fn base(&self, key: ObjectKey) -> Option<Weighed> {
        matches!(key.kind, Kind::Tree | Kind::FolderMap)
            .then(|| read::read_weighed(self, key).ok())
            .flatten()
    }

    /// Adds a claimed message that is longer than [`PART_LEN`]. If `source` turns out to hold
    /// another one, the last part is not written, and so there is no message.
    pub(super) fn put_parts(
        &self,
        id: BlobId,
        total: u64,
        source: &mut dyn Read,
    ) -> Result<io::Result<()>, OdbError> {
        let mut state = self.state();
        let mut hasher = blake3::Hasher::new();
        let mut first = None;
        let mut plain = Vec::new();
        let mut offset = 0;
        while offset < total {
            let blob = id;
            let part = Part {
                blob,
                offset,
                total,
            };
            plain.resize(part.length() as usize, 0);
            let read = source.read_exact(&mut plain);
            hasher.update(&plain);
            let other = part.is_last() && hasher.finalize().as_bytes() != id.as_bytes();
            let changed = || io::Error::other("the message changed while it was read");
            if let Err(error) = read.and(if other { Err(changed()) } else { Ok(()) }) {
                drop(state);
                self.unclaim(id.into());
                return Ok(Err(error));
            }
            let frame = encode(&Content::Part(part), Codec::Zstd, &plain, Help::None);
            let at = self.append(&mut state, &frame)?;
            first.get_or_insert(at);
            offset += part.length();
        }
        let row = Row {
            frame: first.unwrap_or_default(),
            place: Place::Parts,
            size: total,
        };
        state.rows.insert(id.into(), Some(row));
        Ok(Ok(()))
    }

    /// Appends a group whose objects were claimed.
    pub(super) fn put_group(&self, group: &Encoded) -> Result<(), OdbError> {
        let mut state = self.state();
        self.append_group(&mut state, group)
    }

    fn append_group(&self, state: &mut State, group: &Encoded) -> Result<(), OdbError> {
        let at = self.append(state, &group.bytes)?;
        state
            .rows
            .extend(group.rows(at).map(|(key, row)| (key, Some(row))));
        Ok(())
    }

    /// Where the next frame will lie.
    pub(super) fn next_offset(&self) -> Result<u64, OdbError> {
        let mut state = self.state();
        Ok(self.out(&mut state)?.offset())
    }

    /// Appends a frame that came ready made, with the objects that are complete with it.
    pub(super) fn put_frame(
        &self,
        frame: &[u8],
        rows: &[(ObjectKey, Row)],
    ) -> Result<(), OdbError> {
        let mut state = self.state();
        self.append(&mut state, frame)?;
        let rows = rows.iter().map(|&(key, row)| (key, Some(row)));
        state.rows.extend(rows);
        Ok(())
    }

    /// Puts what waits on disk, where other readers of this pack can use it.
    pub(super) fn flush_meta(&self) -> Result<(), OdbError> {
        let mut state = self.state();
        self.flush(&mut state, Kind::Tree)
    }

    fn flush(&self, state: &mut State, kind: Kind) -> Result<(), OdbError> {
        let pending = state.pending(kind).take();
        pending
            .encode()
            .try_for_each(|group| self.append_group(state, &group))
    }

    fn append(&self, state: &mut State, frame: &[u8]) -> Result<u64, OdbError> {
        if state.failed {
            return Err(self.broken());
        }
        // Whatever fails from here on leaves a pack of which nobody knows how it ends.
        state.failed = true;
        let out = self.out(state)?;
        let at = out.append(frame)?;
        state.failed = false;
        Ok(at)
    }

    fn broken(&self) -> OdbError {
        OdbError::io(&self.odb.incoming)(io::Error::other("an earlier write failed"))
    }

    fn out<'s>(&self, state: &'s mut State) -> Result<&'s mut Out, OdbError> {
        let out = match state.out.take() {
            Some(out) => out,
            None => Out::start(self.odb, self.name)?,
        };
        Ok(state.out.insert(out))
    }

    /// Makes the pack durable and gives it its name; `None` if nothing was added. What is added
    /// afterwards goes into another one. Nobody may be adding meanwhile.
    pub(super) fn publish(&self) -> Result<Option<PackId>, OdbError> {
        let mut state = self.state();
        self.flush(&mut state, Kind::Tree)?;
        self.flush(&mut state, Kind::Blob)?;
        let rows = std::mem::take(&mut state.rows);
        let count = rows.len();
        let rows = rows.into_iter().filter_map(|(key, row)| Some((key, row?)));
        let rows: Vec<_> = rows.collect();
        if state.failed || rows.len() != count {
            return Err(self.broken());
        }
        let Some(out) = state.out.take().filter(|_| !rows.is_empty()) else {
            return Ok(None);
        };
        let id = out.publish(&self.odb.dir, rows)?;
        self.odb.refresh()?;
        Ok(Some(id))
    }

    /// Like [`publish`](Self::publish), while others add: what they claimed and did not write yet
    /// stays for the next pack, and nobody waits for the disk.
    pub(super) fn publish_written(&self) -> Result<(), OdbError> {
        let mut state = self.state();
        self.flush(&mut state, Kind::Tree)?;
        self.flush(&mut state, Kind::Blob)?;
        if state.failed {
            return Err(self.broken());
        }
        let (mut written, mut claimed) = (BTreeMap::new(), BTreeMap::new());
        for (key, row) in std::mem::take(&mut state.rows) {
            match row {
                Some(row) => drop(written.insert(key, row)),
                None => drop(claimed.insert(key, None)),
            }
        }
        state.rows = claimed;
        let Some(out) = state.out.take().filter(|_| !written.is_empty()) else {
            return Ok(());
        };
        let rows = written.iter().map(|(&key, &row)| (key, row)).collect();
        state.leaving = Some(Leaving {
            rows: written,
            pack: out.reader().clone(),
        });
        drop(state);
        let done = out.publish(&self.odb.dir, rows);
        let done = done.and_then(|_| self.odb.refresh());
        let mut state = self.state();
        state.leaving = None;
        // Others may have found in it what they were about to add.
        state.failed |= done.is_err();
        done.map(|_| ())
    }

    /// The object from this pack, or else from the store.
    pub(super) fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        match self.waiting(key) {
            Some(bytes) => Ok(bytes),
            None if self.holds(key) => read::read(self, key),
            None => self.odb.read(key),
        }
    }

    pub(super) fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        match self.waiting(id.into()) {
            Some(bytes) => {
                out.write_all(&bytes).map_err(OdbError::Output)?;
                Ok(bytes.len() as u64)
            }
            None if self.holds(id.into()) => read::read_blob(self, id, out),
            None => self.odb.read_blob(id, out),
        }
    }

    fn waiting(&self, key: ObjectKey) -> Option<Vec<u8>> {
        let mut state = self.state();
        match state.rows.get(&key) {
            Some(None) => state.pending(key.kind).get(key).map(<[u8]>::to_vec),
            _ => None,
        }
    }
}

impl State {
    /// Whether the object is in this pack, or will be, or in the one that leaves.
    fn holds(&self, key: ObjectKey) -> bool {
        let leaving = self.leaving.as_ref();
        self.rows.contains_key(&key) || leaving.is_some_and(|it| it.rows.contains_key(&key))
    }

    /// Where the object lies, if it is written.
    fn location(&self, key: ObjectKey) -> Option<Location> {
        if let (Some(Some(row)), Some(out)) = (self.rows.get(&key), &self.out) {
            let pack = out.reader().clone();
            return Some(Location { pack, row: *row });
        }
        let leaving = self.leaving.as_ref()?;
        let row = *leaving.rows.get(&key)?;
        let pack = leaving.pack.clone();
        Some(Location { pack, row })
    }

    fn named(&self, base: BaseName) -> Option<ObjectKey> {
        let leaving = self.leaving.as_ref();
        named(&self.rows, base).or_else(|| named(&leaving?.rows, base))
    }

    fn pending(&mut self, kind: Kind) -> &mut Pending {
        if kind == Kind::Blob {
            &mut self.blobs
        } else {
            &mut self.meta
        }
    }
}

impl View for Sink<'_> {
    fn locate(&self, key: ObjectKey) -> Result<Vec<Location>, OdbError> {
        let here = self.state().location(key);
        let mut places = self.odb.locate(key)?;
        places.extend(here);
        Ok(places)
    }

    fn named(&self, base: BaseName) -> Result<Option<ObjectKey>, OdbError> {
        let here = self.state().named(base);
        here.map_or_else(|| self.odb.named(base), |key| Ok(Some(key)))
    }

    fn cache(&self) -> &Cache {
        self.odb.cache()
    }
}

/// How long an object of a kind may be, checked before it is hashed.
pub(super) fn check_size(kind: Kind, size: usize) -> Result<(), OdbError> {
    if kind != Kind::Blob && size > MAX_OBJECT {
        let size = size as u64;
        return Err(OdbError::TooLarge { kind, size });
    }
    Ok(())
}
