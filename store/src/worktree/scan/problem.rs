use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use crate::maildir::FolderPath;
use crate::object::BlobId;

/// Links that lead back to themselves.
const ELOOP: i32 = 40;

/// Something in the Maildir that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// The folder that is concerned, where the path is one.
    pub folder: Option<FolderPath>,
    /// What.
    pub kind: ProblemKind,
}

/// What is wrong with a folder or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A symbolic link that leads nowhere: what was behind it is not taken for deleted.
    DanglingSymlink,
    /// The system refused to list or read it: what was in it is not taken for deleted.
    Unreadable(String),
    /// Listing or reading it failed, as when too many files are open or a disk is broken: what is
    /// missing anywhere may lie there, and is not taken for deleted.
    Failed(String),
    /// A folder name that no snapshot can hold; the folder is left alone.
    FolderName,
    /// A directory or link where messages lie; left alone.
    NotAFile,
    /// The file was emptied, zero-filled or cut short in place: the store keeps the whole
    /// message, and `restore` mends the file.
    Damaged(BlobId),
    /// Half of a folder's files were replaced by others of the same names, as by a restored
    /// backup: what is missing in it is not taken for deleted.
    Replaced,
}

impl ProblemKind {
    /// What it means that listing or reading failed.
    pub(in crate::worktree) fn of(error: &Error) -> Self {
        const LASTING: [ErrorKind; 4] = [
            ErrorKind::NotADirectory,
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::InvalidFilename,
        ];
        if LASTING.contains(&error.kind()) || error.raw_os_error() == Some(ELOOP) {
            Self::Unreadable(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }

    /// Whether what is missing in that place may just not be visible.
    pub fn hides_mail(&self) -> bool {
        matches!(
            self,
            Self::DanglingSymlink | Self::Unreadable(_) | Self::Failed(_) | Self::Replaced
        )
    }
}
