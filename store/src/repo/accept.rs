//! Taking in what a peer sent: only what its makers signed and we trust, and merges that are what
//! their parents merge to. Nothing that a peer sends moves a ref but its own.

use std::collections::BTreeMap;

use crate::graph;
use crate::merge;
use crate::object::{DeviceId, Kind, SignatureId, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{ObjectRead, ObjectWrite, OdbError, Receiving};
use crate::refs::{Expected, LogEntry, RefEdit, RefName};
use crate::sign::{self, PublicKey};

use super::{Device, LockRequest, RepoError, Repository, Trust};

/// How many bytes of a signature object stand before the SSHSIG: two ids.
pub(super) const SIGNATURE_HEAD: usize = 64;

/// What a peer sent, complete and stored apart.
pub struct Received<'a> {
    /// The peer's line.
    pub tip: SnapshotId,
    /// Whether the tip is not the end of that line, as more of it is to come: the ref waits.
    pub is_part: bool,
    /// The snapshots that are new here, parents first.
    pub snapshots: Vec<SnapshotId>,
    /// The bytes of signature objects that came with them, none of them checked.
    pub signatures: Vec<(SnapshotId, Vec<u8>)>,
    /// The bytes of the yeses that came with them, none of them checked.
    pub yeses: Vec<Vec<u8>>,
    /// The objects; none if nothing is new.
    pub objects: Option<Receiving<'a>>,
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

    /// Checks what a peer sent, makes it part of the store, and moves the peer's ref to its line;
    /// without a ref, nothing is remembered of the peer.
    /// With `introduce`, makers that are unknown are trusted on the peer's word.
    pub fn accept(
        &self,
        received: Received<'_>,
        reference: Option<&RefName>,
        introduce: bool,
        lock: &LockRequest<'_>,
    ) -> Result<Accepted, RepoError> {
        let mut accepted = Accepted::default();
        let trust = self.trust()?;
        if let Some(objects) = received.objects {
            let mut check = Check {
                objects: &objects,
                signatures: signatures_by_place(received.signatures),
                trust: &trust,
                introduce,
                introduced: Vec::new(),
            };
            for id in &received.snapshots {
                check.snapshot(*id)?;
            }
            accepted.introduced = check.introduced;
            objects.finish()?;
        }
        let Some(reference) = reference else {
            return Ok(accepted);
        };
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
        self.take_yeses(received.yeses)?;
        if received.is_part {
            return Ok(accepted);
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

/// A device's signature of a snapshot, and whose it says it is.
type Place = (SnapshotId, DeviceId);

/// Signatures by whose they say they are: of objects that start with two ids.
fn signatures_by_place(signatures: Vec<(SnapshotId, Vec<u8>)>) -> BTreeMap<Place, Vec<u8>> {
    let place = |id: SnapshotId, bytes: &[u8]| -> Option<Place> {
        let head: [u8; SIGNATURE_HEAD] = bytes.get(..SIGNATURE_HEAD)?.try_into().ok()?;
        let (of, by) = head.split_at(32);
        let by = DeviceId::new(by.try_into().ok()?);
        (of == id.as_bytes()).then_some((id, by))
    };
    signatures
        .into_iter()
        .filter_map(|(id, bytes)| Some((place(id, &bytes)?, bytes)))
        .collect()
}

/// The checks of what a peer sent.
struct Check<'a> {
    objects: &'a dyn ObjectWrite,
    signatures: BTreeMap<Place, Vec<u8>>,
    trust: &'a Trust,
    introduce: bool,
    introduced: Vec<Device>,
}

impl Check<'_> {
    /// Checks one snapshot whose parents were checked. Signatures that hold are stored.
    fn snapshot(&mut self, id: SnapshotId) -> Result<(), RepoError> {
        let snapshot = graph::load(self.objects, id)?;
        graph::check_parents(self.objects, &snapshot)?;
        if snapshot.kind == SnapshotKind::Merge {
            let computed = merge::recompute(self.objects, &snapshot)?;
            if computed != id {
                return Err(RepoError::WrongMerge(id));
            }
            return self.store_known(&snapshot, id);
        }
        let device = snapshot.device.ok_or(RepoError::BadSignature(id))?;
        if self.trust.is_revoked(device) {
            return Err(RepoError::Revoked {
                snapshot: id,
                device,
            });
        }
        let bytes = match self.signatures.get(&(id, device)) {
            Some(bytes) => bytes.clone(),
            None => {
                stored_signature(self.objects, id, device)?.ok_or(RepoError::BadSignature(id))?
            }
        };
        let key = self.maker(&snapshot, (id, device), &bytes)?;
        verify(&key, &snapshot, &bytes, id)?;
        self.objects.write(Kind::Signature, &bytes)?;
        Ok(())
    }

    /// The key of a snapshot's maker: a trusted one, or one that is now met.
    fn maker(
        &mut self,
        snapshot: &Snapshot,
        (id, device): Place,
        bytes: &[u8],
    ) -> Result<PublicKey, RepoError> {
        let met = self.introduced.iter().find(|met| met.id == device);
        if let Some(known) = self.trust.device(device).or(met) {
            return Ok(known.key.clone());
        }
        if !self.introduce {
            return Err(RepoError::UnknownSigner {
                snapshot: id,
                device,
            });
        }
        let key = sign::signer(bytes.get(SIGNATURE_HEAD..).unwrap_or_default())?;
        let met = Device::new(key.clone(), &snapshot.device_name);
        if met.id != device {
            return Err(RepoError::BadSignature(id));
        }
        verify(&key, snapshot, bytes, id)?;
        self.introduced.push(met);
        Ok(key)
    }

    /// A merge needs no signature; those of devices that are known are kept if they hold.
    fn store_known(&self, snapshot: &Snapshot, id: SnapshotId) -> Result<(), RepoError> {
        for device in self.trust.devices() {
            if let Some(bytes) = self.signatures.get(&(id, device.id))
                && verify(&device.key, snapshot, bytes, id).is_ok()
            {
                self.objects.write(Kind::Signature, bytes)?;
            }
        }
        Ok(())
    }
}

/// Checks the bytes of a signature object.
fn verify(
    key: &PublicKey,
    snapshot: &Snapshot,
    bytes: &[u8],
    id: SnapshotId,
) -> Result<(), RepoError> {
    let sshsig = bytes.get(SIGNATURE_HEAD..).unwrap_or_default();
    sign::verify(key, &snapshot.encode(), sshsig).map_err(|_| RepoError::BadSignature(id))
}

/// A device's signature object of a snapshot, if it is stored.
pub(super) fn stored_signature(
    odb: &dyn ObjectRead,
    id: SnapshotId,
    device: DeviceId,
) -> Result<Option<Vec<u8>>, RepoError> {
    match odb.read(SignatureId::of(id, device).into()) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(OdbError::Missing(missing)) if missing.kind == Kind::Signature => Ok(None),
        Err(error) => Err(error.into()),
    }
}
