use mailvc_store::codec::DecodeError;
use mailvc_store::graph::GraphError;
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{BlobId, SnapshotId};
use mailvc_store::odb::OdbError;
use mailvc_store::tree::TreeError;

use crate::wire::{ErrorCode, Versions, WireError};

/// Why a session failed.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError<E: std::error::Error + 'static> {
    /// The session itself.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The device on this end could not do its part.
    #[error(transparent)]
    Device(E),
}

/// What went wrong between two peers.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The line broke, or what came is not the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The other end gave up, and said why.
    #[error("the other end says: {text}")]
    Told {
        /// The kind of reason.
        code: ErrorCode,
        /// In its own words; safe to print.
        text: String,
    },
    /// The two ends are too far apart in age.
    #[error(
        "this mailvc speaks versions {} to {} of the protocol, the other end {} to {}",
        ours.min, ours.max, theirs.min, theirs.max
    )]
    Version {
        /// What this end speaks.
        ours: Versions,
        /// What the other end speaks, or chose.
        theirs: Versions,
    },
    /// The caller's role doesn't allow what it came for.
    #[error("this key may fetch, not push")]
    Forbidden,
    /// A message came when another was due.
    #[error("the other end sent {got} where {expected} was due")]
    OutOfTurn {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// More came than this end listens to.
    #[error("the other end sends too many {0}")]
    Limit(&'static str),
    /// A snapshot is not what it says.
    #[error("snapshot {snapshot} is refused: {flaw}")]
    Flawed {
        /// The snapshot; the peer's tip for what concerns them all.
        snapshot: SnapshotId,
        /// What is wrong.
        flaw: Flaw,
    },
    /// A message's bytes are not what a snapshot says of them.
    #[error("message {blob} is refused: {flaw}")]
    Message {
        /// The message.
        blob: BlobId,
        /// What is wrong.
        flaw: Flaw,
    },
    /// A frame of messages holds something else.
    #[error("the other end sent a {0} among the messages")]
    Smuggled(&'static str),
    /// The other end wants a message that it was not offered.
    #[error("the other end asks for message {0}, which it was not offered")]
    NotOffered(BlobId),
    /// The other end no longer has all messages of its own snapshots.
    #[error("the other end has lost {missing} messages; verify it and repair")]
    Lost {
        /// How many.
        missing: u64,
    },
    /// This end's objects can't be read or written, or refused what came.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A tree of this end's can't be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// This end's history can't be read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Somebody on this end wants to stop.
    #[error("stopped")]
    Cancelled,
}

/// What is wrong with something that a peer sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its description can't be understood.
    #[error("malformed {} at byte {}", .0.what, .0.offset)]
    Malformed(#[from] DecodeError),
    /// A part of its description stands where it can't.
    #[error("{0} where none may be")]
    OutOfPlace(&'static str),
    /// It has a parent that is not stored here, nor was sent before it.
    #[error("its parent {0} is not known")]
    UnknownParent(SnapshotId),
    /// Its generation isn't one more than the highest of its parents'.
    #[error("its generation does not follow from its parents'")]
    Generation,
    /// It is described against a parent, or a folder, that isn't there.
    #[error("it is described against something that is not there")]
    Base,
    /// A signature that came with it names another snapshot.
    #[error("a signature beside it is for another snapshot")]
    ForeignSignature,
    /// It holds tags, which this version can't carry.
    #[error("it holds tags; a newer mailvc is needed")]
    Tags,
    /// A folder's keys don't ascend.
    #[error("the entries of {0} are out of order")]
    Order(FolderPath),
    /// The folders that were described aren't the ones that it names.
    #[error("its folders are not the ones that it names")]
    Folders,
    /// It was described before, in the same session.
    #[error("it was described twice")]
    Twice,
    /// It leads nowhere: no other snapshot descends from it, and it isn't the tip.
    #[error("it is no part of the history that was announced")]
    Stray,
    /// The tip was announced, and never sent.
    #[error("it was announced and is not there")]
    NoTip,
    /// A message is filed under a day that isn't its own.
    #[error("it is filed under day {claimed}, and its date is day {found}")]
    Day {
        /// What the key says.
        claimed: u16,
        /// What the message says.
        found: u16,
    },
    /// A message hasn't the size that a tree says.
    #[error("it is said to have {claimed} bytes, and has {found}")]
    Size {
        /// What the tree says.
        claimed: u64,
        /// Its own size.
        found: u64,
    },
}

impl<E: std::error::Error + 'static> ProtocolError<E> {
    /// Whether the same may go well another time, as nothing but the line or the peer's time was
    /// wanting.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Session(error) => error.is_retryable(),
            Self::Device(_) => false,
        }
    }
}

impl SessionError {
    /// Whether the same may go well another time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Wire(error) => error.is_retryable(),
            Self::Told { code, .. } => matches!(
                code,
                ErrorCode::Busy | ErrorCode::Cancelled | ErrorCode::Silent
            ),
            Self::Cancelled => true,
            _ => false,
        }
    }

    /// Whether the store refused what the peer sent, which says nothing of the store.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Odb(error) | Self::Tree(TreeError::Odb(error)) => {
                matches!(error, OdbError::Refused(_) | OdbError::TooLarge { .. })
            }
            _ => false,
        }
    }

    /// Whether what the peer had sent until then may be kept: it did nothing wrong.
    pub(super) fn spares_received(&self) -> bool {
        self.is_retryable() || matches!(self, Self::Told { .. } | Self::Lost { .. })
    }

    /// What the peer is told of it. Troubles of one's own store are nobody else's business.
    pub(super) fn told(&self) -> (ErrorCode, String) {
        let code = match self {
            Self::Version { .. } => ErrorCode::Version,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::Limit(_) => ErrorCode::Limit,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Wire(WireError::Silent(_)) => {
                let text = "it heard nothing from this end for too long".to_owned();
                return (ErrorCode::Silent, text);
            }
            _ if self.is_refusal() => ErrorCode::Malformed,
            Self::Wire(_)
            | Self::OutOfTurn { .. }
            | Self::Flawed { .. }
            | Self::Message { .. }
            | Self::Smuggled(_)
            | Self::NotOffered(_) => ErrorCode::Malformed,
            Self::Told { .. } | Self::Lost { .. } => ErrorCode::Other,
            Self::Odb(_) | Self::Tree(_) | Self::Graph(_) => {
                let text = "it could not use its own store".to_owned();
                return (ErrorCode::Internal, text);
            }
        };
        (code, self.to_string())
    }
}
