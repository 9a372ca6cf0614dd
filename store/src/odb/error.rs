use std::io;
use std::path::{Path, PathBuf};

use crate::object::{Kind, ObjectKey};

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OdbError {
    /// It is not stored.
    #[error("{0} is not stored")]
    Missing(ObjectKey),
    /// Something is stored under its id, but not the object.
    #[error("{key} is damaged in {}: {what}", .path.display())]
    Damaged {
        /// What was asked for.
        key: ObjectKey,
        /// The file that should hold it.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is larger than an object of its kind may be.
    #[error("a {kind:?} of {size} bytes is larger than any may be")]
    TooLarge {
        /// The kind of object.
        kind: Kind,
        /// Its length in bytes.
        size: u64,
    },
    /// Bytes that came from elsewhere are not what may be stored.
    #[error("refused what was received: {0}")]
    Refused(&'static str),
    /// The store's files cannot be read or written.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What a message was to be written to does not take it.
    #[error("cannot write the message out")]
    Output(#[source] io::Error),
}

impl OdbError {
    /// Whether a file was not there: a collection may have taken it away.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Wraps what the system said of `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
