use std::fmt;

use super::RefName;
use super::error::at;
use crate::object::SnapshotId;

/// What the caller believes of a ref that it is about to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the ref moves from wherever it is.
    Any,
    /// There is no such ref.
    Missing,
    /// The ref is at this snapshot.
    Is(SnapshotId),
}

impl Expected {
    pub(super) fn holds(self, found: Option<SnapshotId>) -> bool {
        match self {
            Self::Any => true,
            Self::Missing => found.is_none(),
            Self::Is(id) => found == Some(id),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Missing => f.write_str(&at(None)),
            Self::Is(id) => f.write_str(&at(Some(id))),
        }
    }
}

/// One change of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEdit {
    /// The ref.
    pub name: RefName,
    /// Where the caller believes it to be.
    pub expected: Expected,
    /// Where it is to go; `None` removes it.
    pub new: Option<SnapshotId>,
}

/// What the log is to say of a change.
#[derive(Debug, Clone, Copy)]
pub struct LogEntry<'a> {
    /// Who makes it: a user, or a device's name.
    pub who: &'a str,
    /// The command, or the reason.
    pub why: &'a str,
}
