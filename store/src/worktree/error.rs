use std::io;
use std::path::PathBuf;

use crate::index::IndexError;
use crate::odb::OdbError;
use crate::tree::TreeError;

/// Why a Maildir could not be read or written. The mail is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// There is no directory where the Maildir should be.
    #[error("there is no Maildir at {0}")]
    NoMaildir(PathBuf),
    /// A directory that is no Maildir: neither `cur` nor folders.
    #[error("{0} is not a Maildir: it has no `cur` and no folders")]
    NotAMaildir(PathBuf),
    /// The anchor that `init` put into the Maildir is not there, or is not ours.
    #[error("{0} is not the Maildir that was put under mailvc: its anchor is missing or another")]
    AnchorGone(PathBuf),
    /// A directory that was to be filled holds something already.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// A directory that was to be filled lies in the Maildir or in the store.
    #[error("{0} lies inside the Maildir or the store")]
    NotVacant(PathBuf),
    /// The system refused an operation on a file or directory.
    #[error("{path}: {source}")]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More copies of one message than a folder may hold.
    #[error("a message has too many copies in folder {0}")]
    TooManyCopies(crate::maildir::FolderPath),
    /// A folder whose name no snapshot can hold.
    #[error("folder name cannot be recorded: {0}")]
    FolderName(#[from] crate::maildir::FolderPathError),
    /// A folder's name, or what a message's flags would make of its file's name, is longer than a
    /// disk has names.
    #[error("the name of folder {0}, or of a file in it, would be longer than 255 bytes here")]
    TooLong(crate::maildir::FolderPath),
    /// The store.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A folder tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The person asked to stop.
    #[error("stopped; nothing is half done")]
    Cancelled,
}

impl WorktreeError {
    /// Gives an error of the system its path.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
