use crate::codec::DecodeError;
use crate::object::{ObjectKey, TreeId};
use crate::odb::OdbError;

/// Why a tree could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A node could not be read or written.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A node's bytes are not those of a node.
    #[error("tree node {id} cannot be understood")]
    Malformed {
        /// The node.
        id: TreeId,
        /// What is wrong with its bytes.
        source: DecodeError,
    },
    /// A node is well formed, but cannot stand where it does.
    #[error("tree node {id} cannot stand where it does: {what}")]
    Misplaced {
        /// The node.
        id: TreeId,
        /// What of it does not fit.
        what: &'static str,
    },
}

impl TreeError {
    /// The object whose absence is the error, if that is it.
    pub fn missing(&self) -> Option<ObjectKey> {
        match self {
            Self::Odb(OdbError::Missing(key)) => Some(*key),
            _ => None,
        }
    }
}
