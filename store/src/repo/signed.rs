//! Who vouches for a snapshot that is stored.

use crate::graph;
use crate::object::{DeviceId, SnapshotId};
use crate::sign;

use super::accept::{SIGNATURE_HEAD, stored_signature};
use super::{RepoError, Repository};

/// Who vouches for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Nobody needs to: it is a merge, which every device can compute again.
    Merge,
    /// A device that is trusted, by the name that it has here.
    Trusted(String),
    /// A device that is trusted no more.
    Revoked,
    /// A device that is not known here.
    Unknown,
    /// Nobody: the signature of the device that it names is missing or wrong.
    Bad,
}

impl Repository {
    /// Checks the signature of a snapshot by its maker.
    pub fn signed(&self, id: SnapshotId) -> Result<Signed, RepoError> {
        let snapshot = graph::load(self.odb(), id)?;
        let Some(device) = snapshot.device else {
            return Ok(Signed::Merge);
        };
        let Some(bytes) = stored_signature(self.odb(), id, device)? else {
            return Ok(Signed::Bad);
        };
        let sshsig = bytes.get(SIGNATURE_HEAD..).unwrap_or_default();
        let Ok(key) = sign::signer(sshsig) else {
            return Ok(Signed::Bad);
        };
        let is_maker = DeviceId::of_public_key(&key.wire_bytes()) == device;
        if !is_maker || sign::verify(&key, &snapshot.encode(), sshsig).is_err() {
            return Ok(Signed::Bad);
        }
        let trust = self.trust()?;
        Ok(match trust.device(device) {
            Some(device) => Signed::Trusted(device.name.clone()),
            None if trust.is_revoked(device) => Signed::Revoked,
            None => Signed::Unknown,
        })
    }
}
