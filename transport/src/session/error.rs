use mailvc_store::object::DeviceId;
use mailvc_store::repo::RepoError;
use mailvc_store::worktree::WorktreeError;

use crate::wire::ErrorCode;

/// Why this end could not do its part. As text it is fit for the peer; the whole reason is the
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The store or its Maildir.
    #[error("{}", for_peer(.0))]
    Repo(#[source] RepoError),
    /// The peer was revoked here.
    #[error("device {0} was revoked here")]
    Revoked(DeviceId),
    /// Another device may call, not this one.
    #[error("device {0} may not call here")]
    Pinned(DeviceId),
}

impl From<RepoError> for DeviceError {
    fn from(error: RepoError) -> Self {
        Self::Repo(error)
    }
}

impl DeviceError {
    /// What kind of reason it is.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Repo(RepoError::Lock(_)) => ErrorCode::Busy,
            Self::Repo(RepoError::Worktree(WorktreeError::Cancelled)) => ErrorCode::Cancelled,
            Self::Repo(
                RepoError::UnknownSigner { .. }
                | RepoError::Revoked { .. }
                | RepoError::BadSignature(_)
                | RepoError::WrongMerge(_)
                | RepoError::OtherDevice { .. },
            )
            | Self::Revoked(_)
            | Self::Pinned(_) => ErrorCode::Forbidden,
            Self::Repo(_) => ErrorCode::Internal,
        }
    }
}

/// What a peer may know of an error: snapshots and devices, not files.
fn for_peer(error: &RepoError) -> String {
    match error {
        RepoError::Lock(_) => "another command is at work there".to_owned(),
        RepoError::Worktree(
            WorktreeError::NoMaildir(_)
            | WorktreeError::NotAMaildir(_)
            | WorktreeError::AnchorGone(_),
        ) => "its Maildir is not where it was, or is not the one it was".to_owned(),
        RepoError::Worktree(_) => "its Maildir cannot be read or written".to_owned(),
        RepoError::Copied(_) => "its store is a copy of another".to_owned(),
        RepoError::UnknownSigner { .. }
        | RepoError::Revoked { .. }
        | RepoError::BadSignature(_)
        | RepoError::WrongMerge(_)
        | RepoError::OtherDevice { .. }
        | RepoError::Empty => error.to_string(),
        _ => "its store cannot be read or written".to_owned(),
    }
}
