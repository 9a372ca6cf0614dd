use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::cache::Cache;
use super::read::{self, Location, View};
use super::rows::rows_of;
use super::scratch::Scratch;
use super::set::{Pack, PackDir, PackSet};
use super::{Batch, ObjectRead, OdbError, Receiving};
use crate::blob::{BaseName, Dictionary};
use crate::fs::SharedFs;
use crate::object::{BlobId, IdPrefix, Kind, ObjectKey, PackId};
use crate::pack::{Idx, IdxError, PackVersion};

/// The most ids that an abbreviation is resolved to; more would tell nobody anything.
const RESOLVED: usize = 8;

/// The objects of a store, in its packs.
#[derive(Debug)]
pub struct PackedOdb {
    pub(super) dir: PackDir,
    pub(super) incoming: PathBuf,
    /// What new packs are written in.
    pub(super) version: PackVersion,
    set: RwLock<Arc<PackSet>>,
    cache: Cache,
}

impl PackedOdb {
    /// Opens the packs of the store in `store_dir`; one that was never written to has none.
    pub fn open(fs: SharedFs, store_dir: &Path) -> Result<Self, OdbError> {
        Self::open_writing(fs, store_dir, PackVersion::NEWEST)
    }

    /// Like [`open`](Self::open), and writes packs of this version, for a store that others read
    /// who know no newer one.
    pub fn open_writing(
        fs: SharedFs,
        store_dir: &Path,
        version: PackVersion,
    ) -> Result<Self, OdbError> {
        let odb = Self {
            dir: PackDir::new(fs, store_dir.join("packs")),
            incoming: store_dir.join("incoming"),
            version,
            set: RwLock::default(),
            cache: Cache::default(),
        };
        odb.refresh()?;
        Ok(odb)
    }

    /// Starts a new pack; until it is finished only the batch itself sees what is in it.
    pub fn batch(&self) -> Result<Batch<'_>, OdbError> {
        Ok(Batch::new(self))
    }

    /// Starts a quarantine for what a peer sends.
    pub fn receive(&self) -> Result<Receiving<'_>, OdbError> {
        Ok(Receiving::new(self))
    }

    /// The ids, in order, that start with `prefix`; the first few if there are many.
    pub fn resolve(&self, kind: Kind, prefix: &IdPrefix) -> Result<Vec<[u8; 32]>, OdbError> {
        let mut found = Vec::new();
        for pack in &self.refresh()?.packs {
            let mut taken = 0;
            let each = &mut |hash: [u8; 32], _| {
                let fits = prefix.matches(&hash);
                if fits {
                    found.push(hash);
                    taken += 1;
                }
                fits && taken < RESOLVED
            };
            let done = pack.idx.each(kind, prefix.first(), each);
            done.map_err(|error| self.idx_error(pack.id, error))?;
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(RESOLVED);
        Ok(found)
    }

    /// The ids of all objects of a kind, in order.
    pub fn ids(&self, kind: Kind) -> Result<Vec<[u8; 32]>, OdbError> {
        let mut ids = Vec::new();
        for pack in &self.refresh()?.packs {
            let done = pack.idx.each(kind, &[0; 32], &mut |hash, _| {
                ids.push(hash);
                true
            });
            done.map_err(|error| self.idx_error(pack.id, error))?;
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The length of a message in bytes; none if it is not stored.
    pub fn blob_size(&self, id: BlobId) -> Result<Option<u64>, OdbError> {
        for pack in &self.current().packs {
            if let Some(row) = self.find(pack, id.into())? {
                return Ok(Some(row.size));
            }
        }
        Ok(None)
    }

    /// The packs that there are now.
    pub fn packs(&self) -> Result<Vec<PackId>, OdbError> {
        Ok(self.refresh()?.packs.iter().map(|pack| pack.id).collect())
    }

    /// A dictionary that this store compresses with, if it has any.
    pub(super) fn any_dictionary(&self) -> Result<Option<Arc<Dictionary>>, OdbError> {
        match self.ids(Kind::Dictionary)?.first() {
            Some(&hash) => read::dictionary(self, hash).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn current(&self) -> Arc<PackSet> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        set.clone()
    }

    /// Lists the packs anew, and makes anew what indexes are lost or damaged.
    pub(super) fn refresh(&self) -> Result<Arc<PackSet>, OdbError> {
        let old = self.current();
        // Before the listing, so that what comes after it changes the stamp.
        let stamp = self.dir.stamp();
        let (mut packs, mut lost) = (Vec::new(), Vec::new());
        for id in self.dir.list("pack")? {
            let at = old.packs.binary_search_by_key(&id, |pack| pack.id);
            let known = at.ok().and_then(|at| old.packs.get(at));
            match known.cloned() {
                Some(pack) => packs.push(pack),
                None => match self.dir.idx(id) {
                    Ok(idx) if !self.is_misplaced(id, &idx) => {
                        packs.push(Arc::new(Pack::new(id, idx, false)));
                    }
                    _ => lost.push(id),
                },
            }
        }
        self.put(PackSet { packs, stamp });
        self.mend_all(lost)?;
        Ok(self.current())
    }

    /// Whether an index is of another version than its pack. Where all is of the version that is
    /// written here, no pack is opened for it.
    fn is_misplaced(&self, id: PackId, idx: &Idx) -> bool {
        let version = || self.dir.open(id).ok()?.file.version().ok();
        idx.version() != self.version && version().is_some_and(|it| it != idx.version())
    }

    /// Looks through the indexes of all packs, and makes the damaged ones anew.
    pub(super) fn check_indexes(&self) -> Result<(), OdbError> {
        let set = self.refresh()?;
        let unsound = set.packs.iter().filter(|pack| !pack.is_sound());
        self.mend_all(unsound.map(|pack| pack.id).collect())
    }

    /// Makes indexes anew, again and again as long as one that is complete now may help another:
    /// what a pack holds can rest on objects of others.
    fn mend_all(&self, mut lost: Vec<PackId>) -> Result<(), OdbError> {
        loop {
            let before = lost.len();
            let mut incomplete = Vec::new();
            for id in lost {
                if !self.mend(id)? {
                    incomplete.push(id);
                }
            }
            if incomplete.is_empty() || incomplete.len() == before {
                return Ok(());
            }
            lost = incomplete;
        }
    }

    /// Makes a pack's index anew and tells whether it is complete; if it is, it is kept on disk
    /// where that can be written to.
    fn mend(&self, id: PackId) -> Result<bool, OdbError> {
        let pack = match self.dir.open(id) {
            Err(error) if error.is_gone() => return Ok(true), // collected meanwhile
            other => other?,
        };
        let (rows, whole) = rows_of(self, &pack)?;
        let version = pack.file.version().map_err(OdbError::io(&pack.path))?;
        let bytes = Idx::build(id, version, rows);
        if whole {
            // Best effort: without it the next process takes the time again.
            let _ = self.keep_idx(id, &bytes);
        }
        let idx = Idx::from_bytes(bytes, id).map_err(|error| self.idx_error(id, error))?;
        let old = self.current();
        let mut packs: Vec<_> = old.packs.iter().filter(|it| it.id != id).cloned().collect();
        packs.push(Arc::new(Pack::new(id, idx, true)));
        packs.sort_unstable_by_key(|pack| pack.id);
        self.put(PackSet {
            packs,
            stamp: old.stamp,
        });
        Ok(whole)
    }

    fn keep_idx(&self, id: PackId, bytes: &[u8]) -> Result<(), OdbError> {
        let scratch = Scratch::new(&self.dir.fs, &self.incoming)?;
        let path = scratch.path("idx");
        write_idx(&self.dir.fs, &path, bytes)?;
        let renamed = self.dir.fs.rename(&path, &self.dir.idx_path(id));
        renamed.map_err(OdbError::io(&path))
    }

    fn put(&self, set: PackSet) {
        let mut current = self.set.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(set);
    }

    /// Where a pack has an object; an index that is found damaged is made anew first.
    pub(super) fn find(
        &self,
        pack: &Pack,
        key: ObjectKey,
    ) -> Result<Option<crate::pack::Row>, OdbError> {
        let found = pack.idx.find(key);
        found.map_err(|error| self.idx_error(pack.id, error))
    }

    /// Where an object lies, and whether a pack that had it is gone.
    fn places(&self, key: ObjectKey) -> Result<(Vec<Location>, bool), OdbError> {
        let (mut places, mut lost) = (Vec::new(), false);
        for pack in &self.current().packs {
            if let Some(row) = self.find(pack, key)? {
                match self.dir.open(pack.id) {
                    Ok(pack) => places.push(Location { pack, row }),
                    Err(error) if error.is_gone() => lost = true,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((places, lost))
    }

    fn is_among(&self, set: &PackSet, key: ObjectKey) -> Result<bool, OdbError> {
        for pack in &set.packs {
            if self.find(pack, key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn idx_error(&self, id: PackId, error: IdxError) -> OdbError {
        let source = match error {
            IdxError::Io(source) => source,
            IdxError::Damaged(_) => std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        };
        OdbError::io(&self.dir.idx_path(id))(source)
    }

    /// Whether a pack that is known so far has the object. Who asks so before storing it stores
    /// what came this moment twice, no worse, and need not look at the directory for each object.
    pub(super) fn knows(&self, key: ObjectKey) -> Result<bool, OdbError> {
        self.again(&mut || self.is_among(&self.current(), key))
    }

    /// Does it again after a fresh look at the directory, if what failed may be due to another
    /// process or to an index.
    fn again<T>(&self, what: &mut dyn FnMut() -> Result<T, OdbError>) -> Result<T, OdbError> {
        match what() {
            Err(OdbError::Missing(_) | OdbError::Damaged { .. } | OdbError::Io { .. }) => {
                self.check_indexes()?;
                what()
            }
            other => other,
        }
    }
}

/// Writes an index into a scratch directory, durable.
pub(super) fn write_idx(fs: &SharedFs, path: &Path, bytes: &[u8]) -> Result<(), OdbError> {
    let written = fs.create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync()
    });
    written.map_err(OdbError::io(path))
}

impl View for PackedOdb {
    fn locate(&self, key: ObjectKey) -> Result<Vec<Location>, OdbError> {
        let (places, lost) = self.places(key)?;
        if !lost {
            return Ok(places);
        }
        // A collection moved it elsewhere before it took the pack away.
        self.refresh()?;
        Ok(self.places(key)?.0)
    }

    fn named(&self, base: BaseName) -> Result<Option<ObjectKey>, OdbError> {
        for pack in &self.current().packs {
            let found = pack.idx.find_by_start(base.kind, &base.start);
            if let Some((hash, _)) = found.map_err(|error| self.idx_error(pack.id, error))? {
                return Ok(Some(ObjectKey::new(base.kind, hash)));
            }
        }
        Ok(None)
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl ObjectRead for PackedOdb {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        self.again(&mut || {
            let set = self.current();
            if self.is_among(&set, key)? {
                return Ok(true);
            }
            // Times are coarse: a pack that came right after the listing may be overlooked until
            // the next one comes. Then an object is stored twice, no worse.
            let changed = self.dir.stamp() != set.stamp;
            Ok(changed && self.is_among(&*self.refresh()?, key)?)
        })
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        if key.kind != Kind::Tree {
            return self.again(&mut || read::read(self, key));
        }
        // Only what lies in a pack gets there: what a peer sent, and was refused, never does.
        if let Some(known) = self.cache.node(&key.hash) {
            return Ok(known.to_vec());
        }
        let bytes = self.again(&mut || read::read(self, key))?;
        self.cache.put_node(key.hash, &bytes);
        Ok(bytes)
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        // What was begun cannot be begun again: only finding it is tried twice.
        self.again(&mut || match self.locate(id.into())?.as_slice() {
            [] => Err(OdbError::Missing(id.into())),
            _ => Ok(()),
        })?;
        read::read_blob(self, id, out)
    }

    fn near(&self, id: BlobId) -> (u64, u64) {
        let set = self.current();
        let mut packs = (0..).zip(&set.packs);
        let place = packs.find_map(|(number, pack)| {
            let row = self.find(pack, id.into()).ok()??;
            Some((number, row.frame))
        });
        place.unwrap_or_default()
    }
}
