//! The façade: one store and its Maildir. [`Repository`] reads, without any lock; [`Locked`]
//! writes, and keeps the order that survives a crash: packs, then the index, then refs.
//!
//! Nothing here may hold a lock while a peer is waited for.

mod accept;
mod alarm;
mod applying;
mod budget;
mod collecting;
mod config;
mod error;
mod exporting;
mod finding;
mod going_back;
mod half_done;
mod init;
mod instance;
mod layout;
mod locked;
mod merging;
mod recording;
mod renewing;
mod resolve;
mod signed;
#[cfg(test)]
mod tests;
mod transition;
mod trust;
mod verifying;
mod yeses;

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use accept::{Accepted, Received};
pub use alarm::Alarm;
pub use applying::Applying;
pub use budget::Budget;
pub use collecting::{GcReport, GcRequest};
pub use config::{Config, GuardConfig, LayoutName, MaildirConfig, RemoteConfig, check_name};
pub use error::RepoError;
pub use exporting::ExportRequest;
pub use finding::head;
pub use going_back::{CheckoutRequest, RestoreRequest, Selection};
pub use init::InitRequest;
pub use layout::{FORMAT, StoreLayout};
pub use locked::{LockRequest, Locked};
pub use merging::{MergeReport, MergeRequest};
pub use recording::{Held, HeldReason, SnapshotReport, SnapshotRequest};
pub use signed::Signed;
pub use transition::Transition;
pub use trust::{Device, Trust};
pub use yeses::MAX_YESES;

use crate::fs::SharedFs;
use crate::graph;
use crate::index::Index;
use crate::maildir::FolderPath;
use crate::object::{DeviceId, FolderMap, SignatureId, Snapshot, SnapshotId};
use crate::odb::{ObjectRead, OdbError, PackedOdb};
use crate::pack::PackVersion;
use crate::refs::{RefName, RefStore};
use crate::sign::{KeyFile, Signer};
use crate::worktree::Maildir;

/// The largest settings file that is read.
const MAX_TEXT: u64 = 4 << 20;

/// A store.
#[derive(Debug)]
pub struct Repository {
    fs: SharedFs,
    layout: StoreLayout,
    config: Config,
    odb: Arc<PackedOdb>,
    refs: RefStore,
    /// Once it was needed: opening and closing it waits for the disk.
    index: Mutex<Option<Arc<Index>>>,
}

impl Repository {
    /// Opens the store at `dir`. Nothing is written and no lock taken.
    pub fn open(fs: SharedFs, dir: &Path) -> Result<Self, RepoError> {
        let layout = StoreLayout::new(dir);
        let path = layout.format();
        let packs = match read_bytes(&*fs, &path) {
            Ok(bytes) if bytes == b"mailvc 1\n" => PackVersion::V1,
            Ok(bytes) if bytes == format!("mailvc {FORMAT}\n").as_bytes() => PackVersion::V2,
            Ok(bytes) => {
                let found = String::from_utf8_lossy(&bytes);
                let found = found
                    .trim()
                    .trim_start_matches("mailvc ")
                    .escape_debug()
                    .to_string();
                return Err(RepoError::NewerFormat {
                    path: dir.to_owned(),
                    found,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RepoError::NoStore(dir.to_owned()));
            }
            Err(error) => return Err(RepoError::at(path)(error)),
        };
        let config = Config::load(&*fs, &layout.config())?;
        let odb = Arc::new(PackedOdb::open_writing(fs.clone(), dir, packs)?);
        let refs = RefStore::open(fs.clone(), dir);
        Ok(Self {
            fs,
            layout,
            config,
            odb,
            refs,
            index: Mutex::default(),
        })
    }

    /// The file system through which the store is used.
    pub fn fs(&self) -> &SharedFs {
        &self.fs
    }

    /// Where things lie.
    pub fn layout(&self) -> &StoreLayout {
        &self.layout
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the settings. The caller holds the store's lock, by [`Self::lock_store`].
    pub fn set_config(&mut self, config: Config) -> Result<(), RepoError> {
        config.save(&*self.fs, &self.layout.config())?;
        self.config = config;
        Ok(())
    }

    /// The index; who uses it holds the lock.
    pub(super) fn index(&self) -> Result<Arc<Index>, RepoError> {
        let mut known = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = known.as_ref().filter(|index| index.is_there(&*self.fs)) {
            return Ok(index.clone());
        }
        let index = Arc::new(Index::open(&*self.fs, &self.layout.index())?);
        *known = Some(index.clone());
        Ok(index)
    }

    /// The objects.
    pub fn odb(&self) -> &PackedOdb {
        &self.odb
    }

    /// The objects, for who outlives a borrow.
    pub fn shared_odb(&self) -> Arc<PackedOdb> {
        self.odb.clone()
    }

    /// The refs.
    pub fn refs(&self) -> &RefStore {
        &self.refs
    }

    /// The Maildir, if the store has one.
    pub fn maildir(&self) -> Option<Maildir> {
        let config = self.config.maildir.as_ref()?;
        Some(Maildir {
            fs: self.fs.clone(),
            root: config.path.clone(),
            layout: config.layout.into(),
        })
    }

    /// `local`: what the Maildir was recorded as last.
    pub fn local(&self) -> Result<Option<SnapshotId>, RepoError> {
        Ok(self.refs.read(&RefName::Local)?)
    }

    /// A snapshot.
    pub fn snapshot(&self, id: SnapshotId) -> Result<Snapshot, RepoError> {
        Ok(graph::load(self.odb(), id)?)
    }

    /// A snapshot's folders.
    pub fn folders(&self, id: SnapshotId) -> Result<FolderMap, RepoError> {
        folders_of(self.odb(), id)
    }

    /// A snapshot's folders; none for no snapshot.
    pub fn folders_or_none(&self, id: Option<SnapshotId>) -> Result<FolderMap, RepoError> {
        id.map_or_else(|| Ok(FolderMap::default()), |id| self.folders(id))
    }

    /// Whose snapshots count.
    pub fn trust(&self) -> Result<Trust, RepoError> {
        Trust::load(&*self.fs, &self.layout)
    }

    /// The key of this device.
    pub fn device_key(&self) -> Result<KeyFile, RepoError> {
        Ok(KeyFile::load(&*self.fs, &self.layout.device_key())?)
    }

    /// The id of this device.
    pub fn device_id(&self) -> Result<DeviceId, RepoError> {
        Ok(DeviceId::of_public_key(
            &self.device_key()?.public_key().wire_bytes(),
        ))
    }

    /// The signatures of a snapshot that are stored: signature objects, by its maker and by the
    /// devices that are trusted.
    pub fn signatures(&self, id: SnapshotId) -> Result<Vec<Vec<u8>>, RepoError> {
        let mut devices: Vec<DeviceId> = self.trust()?.devices().map(|device| device.id).collect();
        devices.extend(self.snapshot(id)?.device);
        devices.sort_unstable();
        devices.dedup();
        let mut found = Vec::new();
        for device in devices {
            match self.odb.read(SignatureId::of(id, device).into()) {
                Ok(bytes) => found.push(bytes),
                Err(OdbError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// The folder of `map` that a person names: `INBOX` is the Maildir's root unless a folder is
    /// called so.
    pub fn folder_named(&self, name: &str, map: &FolderMap) -> Result<FolderPath, RepoError> {
        let named = FolderPath::new(name.as_bytes()).ok();
        let root = (name == "INBOX").then(FolderPath::root);
        let mut found = named.into_iter().chain(root);
        found
            .find(|path| map.folders.contains_key(path))
            .ok_or_else(|| RepoError::UnknownFolder(name.to_owned()))
    }

    /// How long a command waits for another.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.config.lock_timeout)
    }

    /// How long another device may be silent within a session; none for ever.
    pub fn peer_patience(&self) -> Option<Duration> {
        let seconds = self.config.peer_timeout;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

/// A snapshot's folders, from wherever they are stored.
fn folders_of(odb: &dyn ObjectRead, id: SnapshotId) -> Result<FolderMap, RepoError> {
    Ok(graph::load_map(odb, graph::load(odb, id)?.folders)?)
}

fn read_bytes(fs: &dyn crate::fs::Fs, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs.open(path)?.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_text(fs: &dyn crate::fs::Fs, path: &Path) -> Result<String, RepoError> {
    let bytes = read_bytes(fs, path).map_err(RepoError::at(path))?;
    String::from_utf8(bytes).map_err(|_| RepoError::Config {
        path: path.to_owned(),
        what: "not text in UTF-8".to_owned(),
    })
}

fn read_text_or_empty(fs: &dyn crate::fs::Fs, path: &Path) -> Result<String, RepoError> {
    match fs.lstat(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(RepoError::at(path)(error)),
        Ok(_) => read_text(fs, path),
    }
}
