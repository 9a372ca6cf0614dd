use std::io;
use std::path::PathBuf;

use crate::fs::LockError;
use crate::graph::GraphError;
use crate::index::IndexError;
use crate::merge::{Leaving, MergeError};
use crate::object::{DeviceId, PrefixError, SnapshotId};
use crate::odb::OdbError;
use crate::refs::{RefError, RefNameError};
use crate::sign::{AllowedSignersError, KeyFileError, SignError};
use crate::tree::TreeError;
use crate::worktree::WorktreeError;

/// Why an operation on a store did not happen. Nothing was changed, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// There is no store.
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    /// There is one already.
    #[error("there is a store already at {}", .0.display())]
    Exists(PathBuf),
    /// The store would lie in its own Maildir.
    #[error("the store {} may not lie inside the Maildir {}", .store.display(), .maildir.display())]
    StoreInMaildir {
        /// Where the store would be.
        store: PathBuf,
        /// The Maildir.
        maildir: PathBuf,
    },
    /// A newer mailvc wrote the store.
    #[error("the store {} has format {found}; this mailvc knows formats up to {}", .path.display(), super::FORMAT)]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Settings that cannot be understood.
    #[error("{}: {what}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A name that no device or remote can have.
    #[error("`{}` is not a name: letters, digits, `.`, `_` and `-`, at most 64", .0.escape_debug())]
    Name(String),
    /// The store was copied from another machine or directory.
    #[error("the store {} is a copy: two devices with one identity would contradict each other", .0.display())]
    Copied(PathBuf),
    /// The store has no Maildir.
    #[error("this store has no Maildir")]
    NoMaildir,
    /// A repack would fill the disk.
    #[error("a repack may need {needs} bytes, and the disk has {free}")]
    NoRoom {
        /// How much it takes at most.
        needs: u64,
        /// How much there is.
        free: u64,
    },
    /// Nothing was recorded yet.
    #[error("nothing was recorded yet")]
    Empty,
    /// Text that names no snapshot.
    #[error("no snapshot is named `{}`", .0.escape_debug())]
    UnknownSnapshot(String),
    /// Text that names several.
    #[error("`{}` could be any of {count} snapshots", .name.escape_debug())]
    AmbiguousSnapshot {
        /// The text.
        name: String,
        /// How many.
        count: usize,
    },
    /// A folder that the state does not have.
    #[error("there is no folder `{}`", .0.escape_debug())]
    UnknownFolder(String),
    /// A number of deletions was allowed, but it is not the number that there would be.
    #[error("{asked} deletions were allowed, but there would be {actual}")]
    WrongYes {
        /// What was said.
        asked: u64,
        /// What it would have to be.
        actual: u64,
    },
    /// Messages would leave the Maildir, and nobody has allowed it.
    #[error("{} messages would leave the Maildir", .0.messages.len())]
    WouldRemove(Box<Leaving>),
    /// A folder that would be written to cannot be looked into.
    #[error("folder {0} cannot be looked into, so nothing is written to it")]
    Hidden(crate::maildir::FolderPath),
    /// Something in the Maildir could not be read this time.
    #[error("cannot read {}: {why}", path.display())]
    Unseen {
        /// What.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Nothing to take back.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// A snapshot was signed by a device that is not trusted.
    #[error("snapshot {snapshot} was made by device {device}, which is not trusted")]
    UnknownSigner {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Who made it.
        device: DeviceId,
    },
    /// A snapshot was signed by a device that is trusted no more.
    #[error("snapshot {snapshot} was made by device {device}, which is revoked")]
    Revoked {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Who made it.
        device: DeviceId,
    },
    /// A snapshot has no signature by its maker, or a wrong one.
    #[error("snapshot {0} is not signed by the device that it names")]
    BadSignature(SnapshotId),
    /// A merge that is not what its parents merge to.
    #[error("snapshot {0} is not the merge of its parents")]
    WrongMerge(SnapshotId),
    /// Another device answers under a remote's name than the first time.
    #[error("another device answers than before: {found} instead of {expected}")]
    OtherDevice {
        /// Who answered the first time.
        expected: DeviceId,
        /// Who answers now.
        found: DeviceId,
    },
    /// No device is known by that name or id.
    #[error("no device is known as `{}`", .0.escape_debug())]
    UnknownDevice(String),
    /// No such remote.
    #[error("there is no remote `{}`", .0.escape_debug())]
    UnknownRemote(String),
    /// The system refused an operation on a file.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another command is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The Maildir.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The objects.
    #[error(transparent)]
    Odb(#[from] OdbError),
    /// A folder tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The graph of snapshots.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A merge.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The refs.
    #[error(transparent)]
    Ref(#[from] RefError),
    /// The name of a ref.
    #[error(transparent)]
    RefName(#[from] RefNameError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The device's key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The file `trusted`.
    #[error("the file `trusted` cannot be understood: {0}")]
    Trusted(#[from] AllowedSignersError),
    /// An abbreviated id.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl RepoError {
    /// Gives an error of the system its path.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
