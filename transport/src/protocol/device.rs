use std::sync::Arc;

use mailvc_store::object::{DeviceId, SnapshotId};
use mailvc_store::odb::{PackedOdb, Receiving};

use crate::wire::{ErrorCode, HeldPart, Role, SNAPSHOTS_PER_ROUND};

/// What a session needs of the device on which it runs.
///
/// No method may keep a lock when it returns: between any two the peer is waited for, and what
/// was read before may have changed.
pub trait Device {
    /// Why the device could not do it. The text is told to the peer: it may name snapshots and
    /// devices, not files.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What kind of reason an error is to the peer; it tells apart what may go well another time.
    fn code(error: &Self::Error) -> ErrorCode {
        let _ = error;
        ErrorCode::Internal
    }

    /// Where its objects are.
    fn odb(&self) -> Arc<PackedOdb>;

    /// Who it is.
    fn identity(&self) -> Identity;

    /// Its `local`.
    fn tip(&self) -> Result<Option<SnapshotId>, Self::Error>;

    /// Other snapshots that its refs name, the likeliest to be known to the peer first.
    fn known(&self) -> Result<Vec<SnapshotId>, Self::Error>;

    /// The bytes of the signature objects of a snapshot, those that matter most first: not more
    /// than [`MAX_SIGNATURES`](crate::wire::MAX_SIGNATURES) travel.
    fn signatures(&self, id: SnapshotId) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// The bytes of the yeses that a peer at `tip` may have a use for, those that matter most
    /// first: not more than [`MAX_YESES`](mailvc_store::repo::MAX_YESES) travel.
    fn yeses(&self, tip: Option<SnapshotId>) -> Result<Vec<Vec<u8>>, Self::Error> {
        let _ = tip;
        Ok(Vec::new())
    }

    /// Whether its guard holds something though there may be nothing to merge.
    fn holds(&self) -> bool {
        false
    }

    /// Takes note of a peer as soon as it has said who it is: refuses one that may not come, and
    /// enrols one that may but was never met. Says whether it was enrolled now.
    fn meet(&mut self, peer: &Peer) -> Result<bool, Self::Error>;

    /// Takes what a peer sent: finishes the pack, verifies signatures, recomputes merges, writes
    /// the ref that is the peer's, unless this is but a part of its line. Called once a round at
    /// most, and only with what is whole.
    fn accept(&mut self, peer: &Peer, received: Incoming<'_>) -> Result<Accepted, Self::Error>;

    /// Merges what was accepted and applies it, under the device's own guard.
    fn settle(&mut self, peer: &Peer) -> Result<Settled, Self::Error>;
}

/// Who a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its public key in SSH's wire encoding.
    pub public_key: Vec<u8>,
    /// Its name, for people.
    pub name: String,
    /// The newest version of the merge rules that it knows.
    pub rules: u64,
}

/// The other end, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its public key in SSH's wire encoding. That the peer has the private one is shown by its
    /// signatures alone.
    pub public_key: Vec<u8>,
    /// The id of that key.
    pub device: DeviceId,
    /// Its name, for people; safe to print.
    pub name: String,
    /// What the client may do, on either end.
    pub role: Role,
    /// Its `local`.
    pub tip: Option<SnapshotId>,
    /// The newest version of the merge rules that both know.
    pub rules: u64,
    /// Whether the client was met for the first time; the server knows after
    /// [`meet`](Device::meet).
    pub enrolled: bool,
}

/// What a peer sent, all of it checked but for who signed it.
///
/// The trees were rebuilt and have the ids that the snapshots name, every message is stored, every
/// key has its message's day. Generations fit, and all parents are known.
pub struct Incoming<'a> {
    /// The peer's tip: one of `snapshots`, or one that was stored before. Of a part, the snapshot
    /// from which all the others of it descend.
    pub tip: SnapshotId,
    /// Whether there is more of the peer's line, which comes in the next round.
    pub is_part: bool,
    /// What is new, parents first, each an ancestor of the tip. They are in `receiving`.
    pub snapshots: Vec<SnapshotId>,
    /// The bytes of signature objects that came with them. They are not stored yet: whoever
    /// stores a wrong one keeps the right one out.
    pub signatures: Vec<(SnapshotId, Vec<u8>)>,
    /// The bytes of the yeses that came, none of them looked at.
    pub yeses: Vec<Vec<u8>>,
    /// What came, to be finished by the device; none if nothing new did.
    pub receiving: Option<Receiving<'a>>,
}

/// What became of what a peer sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// What a person should know: a fork, a snapshot that was set aside.
    pub notes: Vec<String>,
}

/// What merging did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// `local` now.
    pub tip: Option<SnapshotId>,
    /// How many deletions the guard holds back.
    pub held: u64,
    /// Which, as far as somebody else could answer.
    pub parts: Vec<HeldPart>,
    /// Whether a yes by the peer's device would count here.
    pub may_answer: bool,
    /// What was done, in a line for people.
    pub text: String,
}

/// What went over the line in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Snapshots described.
    pub snapshots: u64,
    /// Messages asked for.
    pub messages: u64,
    /// All bytes, those of the protocol included.
    pub bytes: u64,
}

impl Traffic {
    /// Adds what an earlier round described and asked for. The bytes are those of the line, which
    /// was the same.
    pub(super) fn follow(&mut self, earlier: Self) {
        self.snapshots += earlier.snapshots;
        self.messages += earlier.messages;
    }
}

/// How much of a peer's word is listened to, in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Snapshots; also how many this end describes.
    pub snapshots: u64,
    /// Their bytes and those of their signatures, which are in memory until all is there.
    pub snapshot_bytes: u64,
    /// Changed entries, folders and lines.
    pub items: u64,
    /// Messages that are new to a folder; about 60 bytes of memory each.
    pub messages: u64,
    /// The length of all messages that are received, in bytes.
    pub message_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            snapshots: SNAPSHOTS_PER_ROUND,
            snapshot_bytes: 256 << 20,
            items: 200_000_000,
            messages: 10_000_000,
            message_bytes: 1 << 42,
        }
    }
}
