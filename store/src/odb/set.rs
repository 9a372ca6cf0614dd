//! Which packs there are. Packs come and go while we look: by our own batches, by other
//! processes, by a garbage collection.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::OdbError;
use super::read::OpenPack;
use crate::fs::SharedFs;
use crate::object::PackId;
use crate::pack::{Idx, IdxError, PackFile, idx_name, pack_name};

/// How many packs are kept open.
const OPEN: usize = 64;

/// A pack and its index.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) id: PackId,
    pub(super) idx: Idx,
    /// Whether the whole index was looked at, not its frame alone.
    checked: AtomicBool,
}

impl Pack {
    pub(super) fn new(id: PackId, idx: Idx, checked: bool) -> Self {
        Self {
            id,
            idx,
            checked: AtomicBool::new(checked),
        }
    }

    /// Whether the index is as it was written; looked at once.
    pub(super) fn is_sound(&self) -> bool {
        if self.checked.load(Ordering::Relaxed) {
            return true;
        }
        let sound = self.idx.check().unwrap_or(false);
        self.checked.store(sound, Ordering::Relaxed);
        sound
    }
}

/// When the directory of packs was last written to, as far as its times tell.
pub(super) type Stamp = (i64, i64);

/// The packs at one moment, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct PackSet {
    pub(super) packs: Vec<Arc<Pack>>,
    pub(super) stamp: Option<Stamp>,
}

/// The directory of packs.
#[derive(Debug)]
pub(super) struct PackDir {
    pub(super) fs: SharedFs,
    pub(super) path: PathBuf,
    /// The packs that were read last, at the end.
    open: Mutex<Vec<(PackId, Arc<OpenPack>)>>,
}

impl PackDir {
    pub(super) fn new(fs: SharedFs, path: PathBuf) -> Self {
        Self {
            fs,
            path,
            open: Mutex::default(),
        }
    }

    pub(super) fn pack_path(&self, id: PackId) -> PathBuf {
        self.path.join(pack_name(id))
    }

    pub(super) fn idx_path(&self, id: PackId) -> PathBuf {
        self.path.join(idx_name(id))
    }

    /// The directory's times; none if there is no directory yet.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let stat = self.fs.stat(&self.path).ok()?;
        Some((stat.mtime_ns, stat.ctime_ns))
    }

    /// The ids of files with an extension, in order.
    pub(super) fn list(&self, extension: &str) -> Result<Vec<PackId>, OdbError> {
        let entries = match self.fs.read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(OdbError::io(&self.path))?,
        };
        let id = |name: &OsStr| {
            let (stem, rest) = name.to_str()?.split_once('.')?;
            stem.parse().ok().filter(|_| rest == extension)
        };
        let mut ids: Vec<_> = entries.iter().filter_map(|it| id(&it.name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The index that lies beside a pack.
    pub(super) fn idx(&self, id: PackId) -> Result<Idx, IdxError> {
        Idx::open(self.fs.open(&self.idx_path(id))?, id)
    }

    /// A pack, open for reading.
    pub(super) fn open(&self, id: PackId) -> Result<Arc<OpenPack>, OdbError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.iter().position(|(known, _)| *known == id);
        let pack = match known {
            Some(at) => open.remove(at).1,
            None => Arc::new(self.open_anew(id)?),
        };
        if open.len() == OPEN {
            open.remove(0);
        }
        open.push((id, pack.clone()));
        Ok(pack)
    }

    fn open_anew(&self, id: PackId) -> Result<OpenPack, OdbError> {
        let path = self.pack_path(id);
        let file = self.fs.open(&path).and_then(PackFile::new);
        let file = file.map_err(OdbError::io(&path))?;
        let number = id.as_bytes().first_chunk();
        Ok(OpenPack {
            file,
            path,
            number: number.map_or(0, |bytes| u64::from_le_bytes(*bytes)),
        })
    }
}
