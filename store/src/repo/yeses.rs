//! What people have allowed to leave: yeses, signed by the device on which they were given, each
//! for one set of messages on one occasion.
//!
//! A yes must never count that was not signed by this device or by one that may approve, nor for
//! a message that it does not name, nor on an occasion that is over.

use std::collections::BTreeSet;
use std::io;

use crate::fs::{create_dir_durable, write_durable};
use crate::graph;
use crate::merge;
use crate::object::{BlobId, MAX_ALLOWED, Occasion, SnapshotId, SnapshotKind, Yes};
use crate::odb::ObjectRead;
use crate::sign::{self, MAX_SIGNATURE, Signer};

use super::{DeviceId, LockRequest, RepoError, Repository, Trust};

/// The most yeses that are given to a peer, or taken from one, in a session.
pub const MAX_YESES: usize = 32;

/// How many snapshots after the one that it names a yes to what is missing is still looked for.
/// New mail makes some while a person thinks.
const MAX_STEPS: usize = 64;

/// A yes whose signature was verified, and its bytes.
struct Signed {
    yes: Yes,
    bytes: Vec<u8>,
}

/// The bytes of a yes if it was signed by whom it names, and this device or one that may approve.
fn verified(bytes: Vec<u8>, own: DeviceId, trust: &Trust) -> Option<Signed> {
    let (yes, sshsig) = Yes::decode(&bytes).ok()?;
    if sshsig.len() > MAX_SIGNATURE || trust.is_revoked(yes.device) {
        return None;
    }
    let may = yes.device == own || trust.device(yes.device).is_some_and(|known| known.approve);
    let key = sign::signer(sshsig).ok()?;
    let by_it = DeviceId::of_public_key(&key.wire_bytes()) == yes.device;
    if !may || !by_it || sign::verify(&key, &yes.encode(), sshsig).is_err() {
        return None;
    }
    Some(Signed { yes, bytes })
}

impl Repository {
    /// Signs and keeps a yes to these messages; the caller holds the store's lock. It is durable
    /// before anything leaves on its strength.
    pub(super) fn give_yes(
        &self,
        occasion: Occasion,
        messages: impl IntoIterator<Item = BlobId>,
    ) -> Result<(), RepoError> {
        let messages: BTreeSet<BlobId> = messages.into_iter().collect();
        let messages: Vec<BlobId> = messages.into_iter().collect();
        let device = self.device_id()?;
        for part in messages.chunks(MAX_ALLOWED) {
            let yes = Yes {
                occasion,
                device,
                messages: part.to_vec(),
            };
            let mut bytes = yes.encode();
            let sshsig = self.device_key()?.sign(&bytes)?;
            bytes.extend_from_slice(&sshsig);
            self.keep_yes(&Signed { yes, bytes })?;
        }
        Ok(())
    }

    fn keep_yes(&self, signed: &Signed) -> Result<(), RepoError> {
        let dir = self.layout().yeses();
        let fs = &**self.fs();
        create_dir_durable(fs, &dir).map_err(RepoError::at(&dir))?;
        let name = blake3::Hash::from_bytes(signed.yes.hash()).to_hex();
        let path = dir.join(name.as_str());
        if fs.lstat(&path).is_ok() {
            return Ok(());
        }
        write_durable(fs, &path, &signed.bytes).map_err(RepoError::at(path))
    }

    /// Answers what a peer holds: allows it these messages on this occasion. Goes to the peer with
    /// the next session, and has an effect there if this device may approve.
    pub fn answer(
        &self,
        occasion: Occasion,
        messages: &[BlobId],
        lock: &LockRequest<'_>,
    ) -> Result<(), RepoError> {
        let _lock = self.lock_store(lock)?;
        self.give_yes(occasion, messages.iter().copied())
    }

    /// Keeps those of the yeses that a peer sent which count here; all others have no effect.
    pub(super) fn take_yeses(&self, received: Vec<Vec<u8>>) -> Result<(), RepoError> {
        if received.is_empty() {
            return Ok(());
        }
        let (own, trust) = (self.device_id()?, self.trust()?);
        for bytes in received.into_iter().take(MAX_YESES) {
            if let Some(signed) = verified(bytes, own, &trust) {
                self.keep_yes(&signed)?;
            }
        }
        Ok(())
    }

    /// The yeses that are kept and count. What is damaged, or was approved by somebody who may do
    /// so no more, is passed over.
    fn yeses(&self) -> Result<Vec<Signed>, RepoError> {
        let dir = self.layout().yeses();
        let entries = match self.fs().read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(RepoError::at(&dir))?,
        };
        let (own, trust) = (self.device_id()?, self.trust()?);
        let mut found = Vec::new();
        for entry in entries {
            let path = dir.join(&entry.name);
            if entry.name.len() != 64 {
                continue;
            }
            let bytes = super::read_bytes(&**self.fs(), &path).map_err(RepoError::at(&path))?;
            found.extend(verified(bytes, own, &trust));
        }
        Ok(found)
    }

    /// The yeses that a peer may have a use for who is at `tip`, the latest first, at most
    /// [`MAX_YESES`].
    pub fn yeses_for(&self, tip: Option<SnapshotId>) -> Result<Vec<Vec<u8>>, RepoError> {
        let mut useful: Vec<(u64, Vec<u8>)> = Vec::new();
        for Signed { yes, bytes } in self.yeses()? {
            let at = yes.occasion.snapshot();
            if !self.odb().contains(at.into())? {
                // It is about a state of that very peer, perhaps.
                useful.push((u64::MAX, bytes));
                continue;
            }
            let generation = graph::load(self.odb(), at)?.generation;
            let over = match (yes.occasion, tip) {
                (Occasion::Line(_), Some(tip)) => self.has_in_line(tip, at)?,
                (Occasion::Missing(_), Some(tip)) if self.odb().contains(tip.into())? => {
                    graph::load(self.odb(), tip)?.generation > generation + MAX_STEPS as u64
                }
                _ => false,
            };
            if !over {
                useful.push((generation, bytes));
            }
        }
        useful.sort_by(|a, b| b.cmp(a));
        useful.truncate(MAX_YESES);
        Ok(useful.into_iter().map(|(_, bytes)| bytes).collect())
    }

    /// Whether the line `tip`, if it is known here, contains a snapshot.
    fn has_in_line(&self, tip: SnapshotId, id: SnapshotId) -> Result<bool, RepoError> {
        let odb = self.odb();
        Ok(odb.contains(tip.into())? && graph::is_ancestor(odb, id, tip)?)
    }

    /// The messages that may leave by merging the line `tip` into `local`: those of yeses to a
    /// snapshot that the one has and the other lacks.
    pub(super) fn allowed_by_line(
        &self,
        odb: &dyn ObjectRead,
        (local, tip): (SnapshotId, SnapshotId),
    ) -> Result<BTreeSet<BlobId>, RepoError> {
        let mut allowed = BTreeSet::new();
        for Signed { yes, .. } in self.yeses()? {
            if let Occasion::Line(at) = yes.occasion
                && odb.contains(at.into())?
                && graph::is_ancestor(odb, at, tip)?
                && !graph::is_ancestor(odb, at, local)?
            {
                allowed.extend(yes.messages);
            }
        }
        Ok(allowed)
    }

    /// The messages whose absence from the Maildir may be recorded after `local`: those of yeses
    /// to that state, or to one since which nothing was brought back and none of them left.
    pub(super) fn allowed_missing(
        &self,
        odb: &dyn ObjectRead,
        local: SnapshotId,
    ) -> Result<BTreeSet<BlobId>, RepoError> {
        let mut allowed = BTreeSet::new();
        for Signed { yes, .. } in self.yeses()? {
            if let Occasion::Missing(at) = yes.occasion
                && still_missing(odb, (at, local), &yes.messages)?
            {
                allowed.extend(yes.messages);
            }
        }
        Ok(allowed)
    }
}

/// Whether nothing but the Maildir's own changes led from `at` to `local`, and none of these
/// messages left on the way: else they came back since, and are lost another time.
fn still_missing(
    odb: &dyn ObjectRead,
    (at, local): (SnapshotId, SnapshotId),
    messages: &[BlobId],
) -> Result<bool, RepoError> {
    let mut id = local;
    for _ in 0..MAX_STEPS {
        if id == at {
            return Ok(true);
        }
        let snapshot = graph::load(odb, id)?;
        let ([parent], SnapshotKind::Snapshot) = (snapshot.parents.as_slice(), snapshot.kind)
        else {
            return Ok(false);
        };
        let removed = match merge::deeds(odb, &snapshot) {
            Err(error) if error.missing().is_some() => return Ok(false),
            deeds => deeds?.removed,
        };
        let named = |blob| messages.binary_search(&blob).is_ok();
        if removed.iter().any(|key| named(key.blob)) {
            return Ok(false);
        }
        id = *parent;
    }
    Ok(false)
}
