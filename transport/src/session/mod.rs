//! A store as one end of a session: what the protocol asks of a device, answered by a repository.
//!
//! Locks are taken in each method and released before it returns: the peer is never waited for
//! with a lock held. What the peer is told of an error names no file of this machine.

mod error;

use std::sync::Arc;
use std::time::Duration;

use mailvc_store::fs::Holder;
use mailvc_store::graph;
use mailvc_store::merge::RULES;
use mailvc_store::object::{BlobId, DeviceId, Occasion, SnapshotId};
use mailvc_store::odb::PackedOdb;
use mailvc_store::progress::Progress;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{
    Device as Trusted, Held, HeldReason, LockRequest, MergeReport, MergeRequest, Received,
    RepoError, Repository, SnapshotReport, SnapshotRequest,
};
use mailvc_store::sign::{PublicKey, Signer};

use crate::protocol::{Accepted, Device, Identity, Incoming, Peer, Settled};
use crate::wire::{ErrorCode, HeldPart, Role, WANTS_PER_FRAME};

pub use error::DeviceError;

/// How this end treats the other.
#[derive(Debug, Clone)]
pub enum Stance {
    /// This end called a remote of this name.
    Caller {
        /// The remote's name.
        remote: String,
        /// The device that answered there before.
        expected: Option<DeviceId>,
        /// Whether devices that are met only through it are trusted.
        introduce: bool,
    },
    /// This end was called, by somebody whom the transport has admitted.
    Called {
        /// The one device that may call, if it is pinned: its name, or the start of its id.
        only: Option<String>,
    },
}

/// What a person allows, on this end.
#[derive(Debug, Clone, Default)]
pub struct Consent {
    /// How many deletions.
    pub yes: Option<u64>,
    /// Whether messages that would leave are kept, everywhere.
    pub keep_newer: bool,
    /// Whether to find out only: no ref moves, and the Maildir stays as it is.
    pub dry_run: bool,
}

/// What happened on this end, beside what the protocol reports.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What became of what was received.
    pub accepted: mailvc_store::repo::Accepted,
    /// The Maildir as it was recorded before the merge.
    pub recorded: Option<SnapshotReport>,
    /// What the merge did.
    pub merged: Option<MergeReport>,
    /// The peer, once it has said who it is, and whether it is trusted only now.
    pub met: Option<(Trusted, bool)>,
}

/// A repository as one end of a session.
pub struct RepoDevice<'a> {
    /// The store.
    pub repo: &'a Repository,
    /// How it treats the other end.
    pub stance: Stance,
    /// What is allowed.
    pub consent: Consent,
    /// How it says who it is when it locks.
    pub command: &'a str,
    /// How long it waits for another command.
    pub patience: Duration,
    /// Told if it must wait.
    pub waiting: &'a dyn Fn(&Holder),
    /// Told of the work.
    pub progress: &'a dyn Progress,
    /// What has happened so far.
    pub outcome: Outcome,
    /// Whether the Maildir, as it was recorded last, lacks what the guard holds.
    pub holds: bool,
    /// Whether the peer sent a yes, which may let go what is held here.
    answered: bool,
    identity: Identity,
}

impl<'a> RepoDevice<'a> {
    /// One end of a session.
    pub fn new(
        repo: &'a Repository,
        stance: Stance,
        consent: Consent,
        lock: &LockRequest<'a>,
    ) -> Result<Self, RepoError> {
        let identity = Identity {
            public_key: repo.device_key()?.public_key().wire_bytes(),
            name: repo.config().device.clone(),
            rules: RULES,
        };
        Ok(Self {
            repo,
            stance,
            consent,
            command: lock.command,
            patience: lock.patience,
            waiting: lock.waiting,
            progress: lock.progress,
            outcome: Outcome::default(),
            holds: false,
            answered: false,
            identity,
        })
    }

    fn lock(&self) -> LockRequest<'a> {
        LockRequest {
            command: self.command,
            patience: self.patience,
            waiting: self.waiting,
            progress: self.progress,
        }
    }

    /// The ref that holds the peer's line here.
    fn reference(&self, peer: &Peer) -> Result<RefName, RepoError> {
        match &self.stance {
            Stance::Caller { remote, .. } => Ok(RefName::remote(remote)?),
            Stance::Called { .. } => Ok(RefName::Inbox(peer.device)),
        }
    }

    /// Notes that the peer's line is now where ours is: a session ends there, but began elsewhere.
    pub(crate) fn note_in_step(&self, peer: &Peer) -> Result<(), RepoError> {
        let reference = self.reference(peer)?;
        let local = self.repo.local()?;
        let Some(tip) = local.filter(|_| !self.consent.dry_run) else {
            return Ok(());
        };
        if self.repo.refs().read(&reference)? == Some(tip) {
            return Ok(());
        }
        let received = Received {
            tip,
            is_part: false,
            snapshots: Vec::new(),
            signatures: Vec::new(),
            yeses: Vec::new(),
            objects: None,
        };
        self.repo
            .accept(received, Some(&reference), false, &self.lock())?;
        Ok(())
    }

    /// Whether there is nothing to settle: this end has all of the peer's line, and nothing is held
    /// that might be let go. Then the Maildir need not be looked at once more.
    fn is_ahead(&self, tip: SnapshotId) -> Result<bool, DeviceError> {
        let local = self.repo.local()?;
        let Some(local) = local.filter(|_| !self.holds && !self.answered) else {
            return Ok(false);
        };
        let ahead = graph::is_ancestor(self.repo.odb(), tip, local);
        Ok(ahead.map_err(RepoError::from)?)
    }

    fn may_answer(&self, peer: &Peer) -> Result<bool, RepoError> {
        let trust = self.repo.trust()?;
        Ok(trust.device(peer.device).is_some_and(|it| it.approve))
    }

    /// Whether devices that are met only through this peer are trusted: it is marked so among the
    /// remotes, whichever end called. A caller that could make this up could as well come under
    /// each of their names.
    fn introduces(&self, peer: &Peer) -> bool {
        match &self.stance {
            Stance::Caller { introduce, .. } => *introduce,
            Stance::Called { .. } => {
                let device = peer.device.to_string();
                let mut remotes = self.repo.config().remotes.values();
                remotes.any(|it| it.introduce && it.device.as_ref() == Some(&device))
            }
        }
    }

    /// Refuses a peer that may not come.
    fn admit(&self, peer: &Peer) -> Result<(), DeviceError> {
        let trust = self.repo.trust()?;
        if trust.is_revoked(peer.device) {
            return Err(DeviceError::Revoked(peer.device));
        }
        match &self.stance {
            Stance::Caller {
                expected: Some(expected),
                ..
            } if *expected != peer.device => Err(RepoError::OtherDevice {
                expected: *expected,
                found: peer.device,
            }
            .into()),
            Stance::Called { only: Some(only) } => match trust.find(only) {
                Ok(device) if device.id == peer.device => Ok(()),
                _ => Err(DeviceError::Pinned(peer.device)),
            },
            _ => Ok(()),
        }
    }
}

impl Device for RepoDevice<'_> {
    type Error = DeviceError;

    fn code(error: &DeviceError) -> ErrorCode {
        error.code()
    }

    fn odb(&self) -> Arc<PackedOdb> {
        self.repo.shared_odb()
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn tip(&self) -> Result<Option<SnapshotId>, DeviceError> {
        Ok(self.repo.local()?)
    }

    fn known(&self) -> Result<Vec<SnapshotId>, DeviceError> {
        let mut refs = self.repo.refs().list().map_err(RepoError::from)?;
        // A remote's own line is the likeliest to be known there.
        let own = match &self.stance {
            Stance::Caller { remote, .. } => RefName::remote(remote).ok(),
            Stance::Called { .. } => None,
        };
        refs.sort_by_key(|(name, _)| (Some(name) != own.as_ref(), matches!(name, RefName::Tag(_))));
        Ok(refs.into_iter().map(|(_, id)| id).collect())
    }

    fn signatures(&self, id: SnapshotId) -> Result<Vec<Vec<u8>>, DeviceError> {
        Ok(self.repo.signatures(id)?)
    }

    fn yeses(&self, tip: Option<SnapshotId>) -> Result<Vec<Vec<u8>>, DeviceError> {
        Ok(self.repo.yeses_for(tip)?)
    }

    fn holds(&self) -> bool {
        self.holds
    }

    fn meet(&mut self, peer: &Peer) -> Result<bool, DeviceError> {
        self.admit(peer)?;
        let key = PublicKey::from_wire(&peer.public_key).map_err(RepoError::from)?;
        let mut device = Trusted::new(key.clone(), &peer.name);
        let may_enrol = match self.stance {
            Stance::Caller { .. } => !self.consent.dry_run,
            Stance::Called { .. } => peer.role >= Role::Push,
        };
        let new = may_enrol && self.repo.meet(&key, &peer.name, &self.lock())?;
        if let Some(known) = self.repo.trust()?.device(device.id) {
            device = known.clone();
        }
        self.outcome.met = Some((device, new));
        Ok(new)
    }

    fn accept(&mut self, peer: &Peer, received: Incoming<'_>) -> Result<Accepted, DeviceError> {
        let reference = self.reference(peer)?;
        let introduce = self.introduces(peer);
        self.answered |= !received.yeses.is_empty();
        let received = Received {
            tip: received.tip,
            is_part: received.is_part,
            snapshots: received.snapshots,
            signatures: received.signatures,
            yeses: received.yeses,
            objects: received.receiving,
        };
        let reference = (!self.consent.dry_run).then_some(&reference);
        let mut accepted = self
            .repo
            .accept(received, reference, introduce, &self.lock())?;
        let mut notes = Vec::new();
        if accepted.rewound {
            notes.push("its line was set back to an earlier state; that is ignored".to_owned());
        }
        if accepted.forked {
            notes.push("its line does not follow from its earlier one; both are kept".to_owned());
        }
        for device in &accepted.introduced {
            notes.push(format!(
                "trusts {} ({}) from now on",
                device.name,
                device.id.short()
            ));
        }
        let earlier = std::mem::take(&mut self.outcome.accepted.introduced);
        accepted.introduced.splice(0..0, earlier);
        self.outcome.accepted = accepted;
        Ok(Accepted { notes })
    }

    fn settle(&mut self, peer: &Peer) -> Result<Settled, DeviceError> {
        let Some(tip) = peer.tip else {
            return Ok(Settled {
                tip: self.repo.local()?,
                ..Settled::default()
            });
        };
        if self.is_ahead(tip)? {
            return Ok(Settled {
                tip: self.repo.local()?,
                may_answer: self.may_answer(peer)?,
                text: describe(&MergeReport::default()),
                ..Settled::default()
            });
        }
        let locked = self.repo.lock(&self.lock())?;
        let recorded = locked.snapshot(&SnapshotRequest {
            yes: self.consent.yes,
            dry_run: self.consent.dry_run,
            ..SnapshotRequest::default()
        })?;
        let request = MergeRequest {
            tip,
            why: format!("merge {}", peer.name),
            yes: self.consent.yes,
            keep_newer: self.consent.keep_newer,
            dry_run: self.consent.dry_run,
        };
        let merged = locked.merge(&recorded, &request)?;
        drop(locked);
        let local = self.repo.local()?;
        let whose = (local, tip);
        let settled = Settled {
            tip: local,
            held: recorded.held.count() + merged.held.count(),
            parts: held_parts(whose, &recorded.held, &merged.held),
            may_answer: self.may_answer(peer)?,
            text: describe(&merged),
        };
        if !self.consent.dry_run {
            self.repo
                .call_for_somebody(&recorded, Some((&merged, &peer.name)));
        }
        self.outcome.recorded = Some(recorded);
        self.outcome.merged = Some(merged);
        Ok(settled)
    }
}

/// What is held, in parts that fit a frame: what the Maildir lacks of the state `local`, and what
/// the line `tip` would remove. A Maildir that did not hold still cannot be answered.
fn held_parts(
    (local, tip): (Option<SnapshotId>, SnapshotId),
    missing: &Held,
    merge: &Held,
) -> Vec<HeldPart> {
    let missing_at = local.filter(|_| !missing.reasons.contains(&HeldReason::Restless));
    let both = [
        (missing_at.map(Occasion::Missing), missing),
        (Some(Occasion::Line(tip)), merge),
    ];
    let mut parts = Vec::new();
    for (occasion, held) in both {
        let Some(occasion) = occasion else { continue };
        let mut messages: Vec<BlobId> = held.leaving.blobs().collect();
        messages.sort_unstable();
        messages.dedup();
        for part in messages.chunks(WANTS_PER_FRAME) {
            parts.push(HeldPart {
                occasion,
                messages: part.to_vec(),
            });
        }
    }
    parts
}

/// What a merge did to the Maildir, in a line.
fn describe(merged: &MergeReport) -> String {
    let Some(transition) = &merged.transition else {
        return "nothing new".to_owned();
    };
    let done = &transition.applied;
    let parts = [
        (done.added, "new"),
        (done.moved, "moved"),
        (done.changed, "changed"),
        (done.removed, "removed"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if parts.is_empty() {
        "nothing to do in the Maildir".to_owned()
    } else {
        parts.join(", ")
    }
}
