//! What a check finds, as data: what is hit, and which mail that is.

use std::fmt;
use std::path::PathBuf;

use crate::graph::GraphError;
use crate::maildir::FolderPath;
use crate::object::{ObjectKey, SnapshotId};
use crate::odb::{Damage, OdbError};
use crate::tree::TreeError;

/// Where an object is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The newest snapshot that needs it.
    pub snapshot: SnapshotId,
    /// The folder in it; none if the snapshot or its folder map itself is concerned.
    pub folder: Option<FolderPath>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Bytes of a pack are not what they were. What of it is lost is told by findings about
    /// objects; what another pack has as well is not.
    Pack(Damage),
    /// A file of the store cannot be read or understood.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A ref cannot be read, or names what is no snapshot here.
    Ref {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// An object that is needed is missing, damaged, or not what those who name it say.
    Object {
        /// Which.
        key: ObjectKey,
        /// What is wrong.
        what: String,
        /// Where it is needed: all places in the newest snapshot that does.
        places: Vec<Place>,
    },
    /// A snapshot's contents are sound, but not its making: its signature, or its merge.
    Snapshot {
        /// Which.
        id: SnapshotId,
        /// What is wrong.
        what: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pack(damage) => {
                let Damage {
                    pack,
                    offset,
                    keys,
                    what,
                } = damage;
                let count = keys.len();
                write!(f, "pack {pack} at byte {offset}: {what}")?;
                match count {
                    0 => Ok(()),
                    1 => write!(f, "; one object lies there"),
                    _ => write!(f, "; {count} objects lie there"),
                }
            }
            Self::File { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Ref { name, what } => write!(f, "ref {}: {what}", name.escape_debug()),
            Self::Object { key, what, places } => {
                write!(f, "{key}: {what}")?;
                for (at, Place { snapshot, folder }) in places.iter().enumerate() {
                    let start = if at == 0 { "; needed by" } else { " and" };
                    write!(f, "{start} snapshot {}", snapshot.short())?;
                    if let Some(folder) = folder {
                        write!(f, ", folder {folder}")?;
                    }
                }
                Ok(())
            }
            Self::Snapshot { id, what } => write!(f, "snapshot {id}: {what}"),
        }
    }
}

/// What an error says of an object, or of a file if no object is to blame.
pub(super) enum Blame {
    Object(ObjectKey, String),
    File(PathBuf, String),
}

impl Blame {
    fn object(key: impl Into<ObjectKey>, error: &dyn std::error::Error) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            what = format!("{what}: {error}");
            cause = error.source();
        }
        Self::Object(key.into(), what)
    }
}

impl From<(ObjectKey, OdbError)> for Blame {
    /// `key` is what was asked for.
    fn from((key, error): (ObjectKey, OdbError)) -> Self {
        match error {
            OdbError::Missing(key) => Self::Object(key, "not stored".to_owned()),
            OdbError::Damaged { key, what, .. } => Self::Object(key, what.to_owned()),
            OdbError::Io { path, source } => Self::File(path, source.to_string()),
            other => Self::object(key, &other),
        }
    }
}

impl From<(ObjectKey, GraphError)> for Blame {
    fn from((key, error): (ObjectKey, GraphError)) -> Self {
        match error {
            GraphError::Odb(error) => (key, error).into(),
            GraphError::Snapshot { id, .. } | GraphError::Generation { id, .. } => {
                Self::object(id, &error)
            }
            GraphError::FolderMap { id, .. } => Self::object(id, &error),
        }
    }
}

impl From<(ObjectKey, TreeError)> for Blame {
    fn from((key, error): (ObjectKey, TreeError)) -> Self {
        match error {
            TreeError::Odb(error) => (key, error).into(),
            TreeError::Malformed { id, .. } | TreeError::Misplaced { id, .. } => {
                Self::object(id, &error)
            }
        }
    }
}
