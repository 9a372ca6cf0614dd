use std::io;
use std::path::{Path, PathBuf};

/// Why the index could not be used. None of it endangers mail.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file is not what was written: it can be discarded and begun anew.
    #[error("{path} is damaged ({what}); it can be deleted and will be rebuilt")]
    Damaged {
        /// The index.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another process holds it, for longer than is reasonable or in a way that excludes us.
    #[error("{path} is in use by another process")]
    Busy {
        /// The index.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot use {path}")]
    Io {
        /// The index.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What went wrong inside, before the path is known.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged(String),
    Busy,
    Io(io::Error),
}

impl Fault {
    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }

    pub(super) fn at(self, path: &Path) -> IndexError {
        let path = path.to_owned();
        match self {
            Self::Damaged(what) => IndexError::Damaged { path, what },
            Self::Busy => IndexError::Busy { path },
            Self::Io(source) => IndexError::Io { path, source },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A file that ends too early, or holds what it must not.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen
            | redb::Error::LockProtocolMismatch
            | redb::Error::WouldBlock => Self::Busy,
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_) => Self::Damaged(error.to_string()),
            other => Self::Io(io::Error::other(other.to_string())),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb!(CommitError DatabaseError StorageError TableError TransactionError);
