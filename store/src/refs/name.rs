use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::object::DeviceId;

/// The longest name of a remote or a tag, in bytes.
pub const MAX_REF_NAME: usize = 100;

/// What the file beside a ref is called while the ref is being written.
pub(super) const TEMPORARY: &str = ".new";

/// The name of a ref: `local`, `remotes/NAME`, `inbox/DEVICE` or `tags/NAME`.
///
/// A `NAME` is 1 to [`MAX_REF_NAME`] of `A-Z a-z 0-9 . _ -`, starts with neither `.` nor `-`, and
/// does not end in `.new`, which a ref's temporary file ends in. [`RefStore`](super::RefStore)
/// refuses others, however the value was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefName {
    /// The state of this device's Maildir.
    Local,
    /// Where a remote stood when it was last heard of.
    Remote(String),
    /// What a device pushed here.
    Inbox(DeviceId),
    /// A name that the user gave.
    Tag(String),
}

/// Text that names no ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a ref: `{}`", .0.escape_default())]
pub struct RefNameError(pub String);

impl RefName {
    /// The ref of the remote `name`.
    pub fn remote(name: &str) -> Result<Self, RefNameError> {
        check(name).map(|()| Self::Remote(name.to_owned()))
    }

    /// The tag `name`.
    pub fn tag(name: &str) -> Result<Self, RefNameError> {
        check(name).map(|()| Self::Tag(name.to_owned()))
    }

    /// The path below `refs/` and `log/`; an error if the name holds what a file must not.
    pub(super) fn path(&self) -> Result<PathBuf, RefNameError> {
        match self {
            Self::Remote(name) | Self::Tag(name) => check(name)?,
            Self::Local | Self::Inbox(_) => {}
        }
        Ok(PathBuf::from(self.to_string()))
    }
}

fn check(name: &str) -> Result<(), RefNameError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let good = (1..=MAX_REF_NAME).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with(['.', '-'])
        && !name.ends_with(TEMPORARY);
    if good {
        Ok(())
    } else {
        Err(RefNameError(name.chars().take(MAX_REF_NAME).collect()))
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(text: &str) -> Result<Self, RefNameError> {
        let unknown = || RefNameError(text.chars().take(MAX_REF_NAME).collect());
        if text == "local" {
            return Ok(Self::Local);
        }
        match text.split_once('/').ok_or_else(unknown)? {
            ("remotes", name) => Self::remote(name),
            ("tags", name) => Self::tag(name),
            ("inbox", device) => device.parse().map(Self::Inbox).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Remote(name) => write!(f, "remotes/{name}"),
            Self::Inbox(device) => write!(f, "inbox/{device}"),
            Self::Tag(name) => write!(f, "tags/{name}"),
        }
    }
}
