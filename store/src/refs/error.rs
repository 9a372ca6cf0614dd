use std::io;
use std::path::{Path, PathBuf};

use super::{Expected, RefName, RefNameError};
use crate::object::SnapshotId;

/// Why refs could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RefError {
    /// No ref may have this name.
    #[error(transparent)]
    Name(#[from] RefNameError),
    /// The ref is not where the caller believed it to be; nothing was changed.
    #[error("{name} was expected to be {expected}, but is {}", at(.found.as_ref()))]
    Moved {
        /// The ref.
        name: RefName,
        /// What the caller expected.
        expected: Expected,
        /// Where it is.
        found: Option<SnapshotId>,
    },
    /// One change names the same ref twice; nothing was changed.
    #[error("{0} is named twice in one change")]
    Twice(RefName),
    /// The file is there, but holds no id. Its log may say where the ref stood last.
    #[error("{path} holds no snapshot id")]
    Damaged {
        /// The ref's file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot use {path}")]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RefError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

pub(super) fn at(id: Option<&SnapshotId>) -> String {
    id.map_or_else(|| "missing".to_owned(), SnapshotId::short)
}
