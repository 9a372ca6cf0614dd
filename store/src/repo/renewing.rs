//! A new key for this device. The new one is whole and trusted before the old one goes: there is
//! a key at any time, and what it signs counts.
//!
//! The old key vouches for nothing here: others meet the new one as they met the old one. Trust in
//! the old one stays, for what it signed is history.

use std::io;
use std::path::Path;

use crate::fs::Lock;
use crate::sign::{KeyFile, Signer};

use super::{Device, RepoError, Repository, instance};

impl Repository {
    /// Gives the store its own identity on this machine: a new key and a new instance. Takes the
    /// store's lock itself, for a copied store can be locked by nobody else. What a crash leaves
    /// of it, the next command ends.
    pub fn renew_key(&mut self) -> Result<(), RepoError> {
        let path = self.layout().lock();
        let _lock = Lock::file(&path, "mailvc key renew", self.patience(), &|_| {})?;
        self.sweep_settings()?;
        let (fs, next) = (&**self.fs(), self.layout().next_key());
        match instance::check(fs, self.layout()) {
            // It came with the copy: the other store will have it.
            Err(RepoError::Copied(_)) => self.remove_if_there(&next)?,
            other => other?,
        }
        if !self.is_there(&next)? {
            KeyFile::generate(fs, &next, &self.config().device)?;
        }
        // From here on the store may be locked, which ends what is left to do.
        instance::record(fs, self.layout())?;
        self.finish_renewal()
    }

    /// Puts the next key, if there is one, in the place of this one. The caller holds the lock.
    pub(super) fn finish_renewal(&self) -> Result<(), RepoError> {
        let (next, device) = (self.layout().next_key(), self.layout().device_key());
        let public = |path: &Path| path.with_extension("pub");
        if !self.is_there(&next)? {
            // Of a key that never came to be: the public half is written first.
            return self.remove_if_there(&public(&next));
        }
        let key = KeyFile::load(&**self.fs(), &next)?;
        let mut trust = self.trust()?;
        if trust.enroll(Device::new(key.public_key().clone(), &self.config().device)) {
            trust.save(&**self.fs(), self.layout())?;
        }
        match self.rename_durably(&public(&next), &public(&device)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RepoError::at(public(&device))(error));
            }
            _ => {}
        }
        self.rename_durably(&next, &device)
            .map_err(RepoError::at(device))
    }

    /// Replaces a file by one beside it.
    fn rename_durably(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fs().rename(from, to)?;
        self.fs().sync_dir(&self.layout().keys())
    }

    fn remove_if_there(&self, path: &Path) -> Result<(), RepoError> {
        match self.fs().remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(RepoError::at(path)(error))
            }
            _ => Ok(()),
        }
    }

    fn is_there(&self, path: &Path) -> Result<bool, RepoError> {
        match self.fs().lstat(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(RepoError::at(path)(error)),
        }
    }
}
