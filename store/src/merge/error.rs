use crate::graph::GraphError;
use crate::object::{EntryKey, ObjectKey, SnapshotId};
use crate::odb::OdbError;
use crate::tree::TreeError;

/// Why states could not be merged, or compared by the guard.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// An object could not be read or written.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A folder tree could not be read or written.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A snapshot or a folder map could not be read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The merge would have lost a message that no rule allows to go. Nothing came of it.
    #[error("refused a merge that would lose message {}", .key.blob)]
    WouldLose {
        /// The message.
        key: EntryKey,
    },
    /// Both sides together have more folders, or subscriptions, than a state may have.
    #[error("both sides together have more folders than a Maildir may have")]
    TooLarge,
    /// Both sides changed the tags, which these rules cannot merge.
    #[error("both sides changed the tags")]
    Tags,
    /// A merge made by rules of another version.
    #[error("snapshot {id} was merged by rules of version {rules}")]
    Rules {
        /// The snapshot.
        id: SnapshotId,
        /// The version.
        rules: u64,
    },
    /// A snapshot that says it is a merge, but that no merge makes: it has more than two parents,
    /// or one of them is an ancestor of the other.
    #[error("snapshot {id} is not what a merge makes")]
    NoMerge {
        /// The snapshot.
        id: SnapshotId,
    },
}

impl MergeError {
    /// The object whose absence is the error, if that is it.
    pub fn missing(&self) -> Option<ObjectKey> {
        match self {
            Self::Odb(OdbError::Missing(key)) => Some(*key),
            Self::Tree(error) => error.missing(),
            Self::Graph(error) => error.missing(),
            _ => None,
        }
    }
}
