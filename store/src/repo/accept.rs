//! Taking in what a peer sent: only what its makers signed and we trust, and merges that are what
//! their parents merge to. Nothing that a peer sends moves a ref but its own.

use crate::graph;
use crate::merge;
use crate::object::{DeviceId, Kind, SignatureId, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{ObjectRead, ObjectWrite, OdbError, Receiving};
use crate::refs::{Expected, LogEntry, RefEdit, RefName};
use crate::sign::{self, PublicKey};

use super::{Device, LockRequest, RepoError, Repository, Trust};

/// How many bytes of a signature object stand before the SSHSIG: two ids.
const SIGNATURE_HEAD: usize = 64;

/// What a peer sent, complete and stored apart.
pub struct Received<'a> {
    /// The peer's line.
    pub tip: SnapshotId,
    /// The snapshots that are new here, parents first.
    pub snapshots: Vec<SnapshotId>,
    /// The objects.
    pub objects: Receiving<'a>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Whether the ref moved.
    pub moved: bool,
    /// The peer's line was set back to an earlier state, which is ignored.
    pub rewound: bool,
    /// The peer's line does not descend from its earlier one; both are kept.
    pub forked: bool,
    /// Devices that were met through this peer and are trusted from now on.
    pub introduced: Vec<Device>,
}

impl Repository {
    /// Meets a peer that something else has admitted: its key is trusted from now on, unless it
    /// was revoked. Returns whether it is new.
    pub fn meet(
        &self,
        key: &PublicKey,
        name: &str,
        lock: &LockRequest<'_>,
    ) -> Result<bool, RepoError> {
        let device = Device::new(key.clone(), name);
        let known = self.trust()?;
        if known.is_revoked(device.id) || known.device(device.id).is_some() {
            return Ok(false);
        }
        let _lock = self.lock_store(lock)?;
        let mut trust = self.trust()?;
        let new = trust.enroll(device);
        if new {
            trust.save(&**self.fs(), self.layout())?;
        }
        Ok(new)
    }

    /// Checks what a peer sent, makes it part of the store, and moves the peer's ref to its line.
    /// With `introduce`, makers that are unknown are trusted on the peer's word.
    pub fn accept(
        &self,
        received: Received<'_>,
        reference: &RefName,
        introduce: bool,
        lock: &LockRequest<'_>,
    ) -> Result<Accepted, RepoError> {
        let mut accepted = Accepted::default();
        let trust = self.trust()?;
        for id in &received.snapshots {
            let new = check(
                &received.objects,
                *id,
                (&trust, &accepted.introduced),
                introduce,
            )?;
            accepted.introduced.extend(new);
        }
        received.objects.finish()?;
        let _lock = self.lock_store(lock)?;
        if !accepted.introduced.is_empty() {
            let mut trust = self.trust()?;
            for device in &accepted.introduced {
                if trust.is_revoked(device.id) {
                    let snapshot = received.tip;
                    return Err(RepoError::Revoked {
                        snapshot,
                        device: device.id,
                    });
                }
                trust.enroll(device.clone());
            }
            trust.save(&**self.fs(), self.layout())?;
        }
        self.move_peer_ref(reference, received.tip, lock.command, &mut accepted)?;
        Ok(accepted)
    }

    fn move_peer_ref(
        &self,
        reference: &RefName,
        tip: SnapshotId,
        who: &str,
        accepted: &mut Accepted,
    ) -> Result<(), RepoError> {
        let mut expected = Expected::Missing;
        let mut why = "fetch";
        if let Some(old) = self.refs().read(reference)? {
            if old == tip {
                return Ok(());
            }
            if graph::is_ancestor(self.odb(), tip, old)? {
                accepted.rewound = true;
                return Ok(());
            }
            expected = Expected::Is(old);
            if !graph::is_ancestor(self.odb(), old, tip)? {
                accepted.forked = true;
                why = "fetch: the line forked; the earlier one is in this log";
            }
        }
        let edit = RefEdit {
            name: reference.clone(),
            expected,
            new: Some(tip),
        };
        self.refs().update(&[edit], &LogEntry { who, why })?;
        accepted.moved = true;
        Ok(())
    }
}

/// Checks one snapshot whose parents were checked; returns its maker if that is newly trusted.
fn check(
    objects: &dyn ObjectWrite,
    id: SnapshotId,
    (trust, introduced): (&Trust, &[Device]),
    introduce: bool,
) -> Result<Option<Device>, RepoError> {
    let snapshot = graph::load(objects, id)?;
    graph::check_parents(objects, &snapshot)?;
    if snapshot.kind == SnapshotKind::Merge {
        let computed = merge::recompute(objects, &snapshot)?;
        return if computed == id {
            Ok(None)
        } else {
            Err(RepoError::WrongMerge(id))
        };
    }
    let device = snapshot.device.ok_or(RepoError::BadSignature(id))?;
    if trust.is_revoked(device) {
        return Err(RepoError::Revoked {
            snapshot: id,
            device,
        });
    }
    let sshsig = signature(objects, id, device)?.ok_or(RepoError::BadSignature(id))?;
    let known = trust
        .device(device)
        .or_else(|| introduced.iter().find(|met| met.id == device));
    if let Some(known) = known {
        verify(&known.key, &snapshot, &sshsig, id)?;
        return Ok(None);
    }
    let key = sign::signer(&sshsig)?;
    if !introduce {
        return Err(RepoError::UnknownSigner {
            snapshot: id,
            device,
        });
    }
    let met = Device::new(key, &snapshot.device_name);
    if met.id != device {
        return Err(RepoError::BadSignature(id));
    }
    verify(&met.key, &snapshot, &sshsig, id)?;
    Ok(Some(met))
}

fn verify(
    key: &PublicKey,
    snapshot: &Snapshot,
    sshsig: &[u8],
    id: SnapshotId,
) -> Result<(), RepoError> {
    sign::verify(key, &snapshot.encode(), sshsig).map_err(|_| RepoError::BadSignature(id))
}

/// A device's SSHSIG of a snapshot, if it is stored.
pub(crate) fn signature(
    odb: &dyn ObjectRead,
    id: SnapshotId,
    device: DeviceId,
) -> Result<Option<Vec<u8>>, RepoError> {
    let key = SignatureId::of(id, device).into();
    match odb.read(key) {
        Ok(bytes) if bytes.len() > SIGNATURE_HEAD => Ok(Some(bytes[SIGNATURE_HEAD..].to_vec())),
        Ok(_) => Err(OdbError::Refused("a signature that is cut short").into()),
        Err(OdbError::Missing(missing)) if missing.kind == Kind::Signature => Ok(None),
        Err(error) => Err(error.into()),
    }
}
