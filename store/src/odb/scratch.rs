use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::OdbError;
use crate::fs::{EntryKind, Lock, LockError, SharedFs, create_dir_durable};

/// The file whose kernel lock says that a run is alive.
const LOCK: &str = "lock";
/// How often a directory may be swept away under a run that is just making it.
const ATTEMPTS: usize = 16;

/// A directory of one run's own, gone with it; what a killed run leaves is swept by the next.
#[derive(Debug)]
pub(super) struct Scratch {
    fs: SharedFs,
    dir: PathBuf,
    lock: Option<Lock>,
}

impl Scratch {
    /// Makes one in `incoming`, which is made too where it is missing.
    pub(super) fn new(fs: &SharedFs, incoming: &Path) -> Result<Self, OdbError> {
        create_dir_durable(fs.as_ref(), incoming).map_err(OdbError::io(incoming))?;
        for _ in 0..ATTEMPTS {
            let dir = incoming.join(format!("{}-{:016x}", std::process::id(), random()));
            fs.create_dir(&dir).map_err(OdbError::io(&dir))?;
            if let Some(scratch) = Self::of(fs, dir)? {
                return Ok(scratch);
            }
        }
        let swept = std::io::Error::other("swept away again and again");
        Err(OdbError::io(incoming)(swept))
    }

    /// Takes over a directory if nobody holds it; `None` if somebody does or it is gone.
    pub(super) fn of(fs: &SharedFs, dir: PathBuf) -> Result<Option<Self>, OdbError> {
        let path = dir.join(LOCK);
        let lock = match Lock::file(&path, "mailvc", Duration::ZERO, &|_| {}) {
            Ok(lock) => lock,
            Err(LockError::Busy { .. }) => return Ok(None),
            Err(LockError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(LockError::Io { source, .. }) => return Err(OdbError::io(&path)(source)),
        };
        // Who swept it held the lock to the end: a lock had after that is one on nothing.
        if fs.lstat(&path).is_err() {
            return Ok(None);
        }
        Ok(Some(Self {
            fs: fs.clone(),
            dir,
            lock: Some(lock),
        }))
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: what stays is swept by a later run. The lock goes last.
        for entry in self.fs.read_dir(&self.dir).unwrap_or_default() {
            if entry.name != LOCK && entry.kind != EntryKind::Dir {
                let _ = self.fs.remove_file(&self.dir.join(&entry.name));
            }
        }
        let _ = self.fs.remove_file(&self.path(LOCK));
        let _ = self.fs.remove_dir(&self.dir);
        self.lock = None;
    }
}

/// Different in every process and on every call; nothing secret hangs on it.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
