//! A store's settings: TOML, for people to read and edit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fs::Fs;
use crate::maildir::{FolderPath, Layout};
use crate::merge::Limits;
use crate::object::DeviceId;
use crate::worktree::Anchor;

use super::RepoError;

/// The longest name of a device or remote.
const MAX_NAME: usize = 64;

/// A store's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of this device, for people.
    pub device: String,
    /// What tells the stores of one Maildir apart: eight hexadecimal digits.
    pub tag: String,
    /// The Maildir, if the store has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maildir: Option<MaildirConfig>,
    /// How long a command waits for another one, in seconds.
    #[serde(default = "default_patience")]
    pub lock_timeout: u64,
    /// How long another device may be silent within a session, in seconds; 0 for ever.
    #[serde(default = "default_peer_patience")]
    pub peer_timeout: u64,
    /// What the guard lets pass.
    #[serde(default)]
    pub guard: GuardConfig,
    /// The other devices.
    #[serde(default)]
    pub remotes: BTreeMap<String, RemoteConfig>,
}

/// How long a command waits for another one where nothing else is set, in seconds.
pub(super) fn default_patience() -> u64 {
    600
}

/// How long another device may be silent where nothing else is set, in seconds.
pub(super) fn default_peer_patience() -> u64 {
    60
}

/// A Maildir, and how it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaildirConfig {
    /// Its root.
    pub path: PathBuf,
    /// `maildir++` or `nested`.
    pub layout: LayoutName,
    /// What the anchor file says.
    pub anchor: String,
    /// The anchor's inode.
    pub anchor_inode: u64,
}

/// How folders lie in a Maildir.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayoutName {
    /// `.A.B`, as Dovecot and Courier have it.
    #[serde(rename = "maildir++")]
    MaildirPlusPlus,
    /// `A/B`, as directories.
    #[serde(rename = "nested")]
    Nested,
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::MaildirPlusPlus => Self::MaildirPlusPlus,
            LayoutName::Nested => Self::Nested,
        }
    }
}

impl MaildirConfig {
    /// What must be found in the Maildir.
    pub fn anchor(&self) -> Anchor {
        Anchor {
            content: self.anchor.clone(),
            inode: self.anchor_inode,
        }
    }
}

/// Another device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Where it is.
    pub url: String,
    /// What to run there, if `mailvc` is not on the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The device that answered there the first time, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Whether devices that are met only through this one are trusted.
    #[serde(default)]
    pub introduce: bool,
}

/// The guard's limits, as in the documentation of [`Limits`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// So many messages may leave whatever share of the mail they are.
    pub min: u64,
    /// Percent of all messages.
    pub tree_percent: u64,
    /// Percent of one folder's messages.
    pub folder_percent: u64,
    /// Folders with so many messages or fewer are not judged by percent.
    pub folder_min: u64,
    /// More than this always stop.
    pub absolute: u64,
    /// Messages of which others took the place.
    pub replaced: u64,
    /// What one other device may delete bit by bit, beside as many as were received.
    pub budget: u64,
    /// Folders whose messages count toward `absolute` alone.
    pub disposable: Vec<String>,
    /// The program, with its arguments, that is run when something is stopped; no shell reads it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hook: Vec<String>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            min: limits.min,
            tree_percent: limits.tree_percent,
            folder_percent: limits.folder_percent,
            folder_min: limits.folder_min,
            absolute: limits.absolute,
            replaced: limits.replaced,
            budget: limits.budget,
            hook: Vec::new(),
            disposable: limits.disposable.iter().map(ToString::to_string).collect(),
        }
    }
}

impl GuardConfig {
    /// The limits.
    pub fn limits(&self) -> Limits {
        Limits {
            min: self.min,
            tree_percent: self.tree_percent,
            folder_percent: self.folder_percent,
            folder_min: self.folder_min,
            absolute: self.absolute,
            replaced: self.replaced,
            budget: self.budget,
            disposable: self
                .disposable
                .iter()
                .filter_map(|name| FolderPath::new(name.as_bytes()).ok())
                .collect(),
        }
    }
}

impl Config {
    /// Reads the settings.
    pub fn load(fs: &dyn Fs, path: &Path) -> Result<Self, RepoError> {
        let text = super::read_text(fs, path)?;
        let wrong = |what: &str| RepoError::Config {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let config: Self = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
        // A name that no snapshot can hold would make snapshots that nobody can read, and the tag
        // becomes part of file names.
        check_name(&config.device)?;
        // One that cannot be read would let any device answer.
        for (name, remote) in &config.remotes {
            if let Some(device) = &remote.device
                && device.parse::<DeviceId>().is_err()
            {
                let (name, device) = (name.escape_debug(), device.escape_debug());
                let what = format!("`{device}`, the device of remote `{name}`, is no device's id");
                return Err(wrong(&what));
            }
        }
        let digits = config.tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && config.tag.len() == 8 {
            Ok(config)
        } else {
            Err(wrong("the tag is not eight hexadecimal digits"))
        }
    }

    /// Writes the settings.
    pub fn save(&self, fs: &dyn Fs, path: &Path) -> Result<(), RepoError> {
        let text = toml::to_string(self).map_err(|error| RepoError::Config {
            path: path.to_owned(),
            what: error.to_string(),
        })?;
        crate::fs::write_durable(fs, path, text.as_bytes()).map_err(RepoError::at(path))
    }
}

/// Checks the name of a device: it appears in logs, files and on terminals.
pub fn check_name(name: &str) -> Result<(), RepoError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let starts = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && name.len() <= MAX_NAME && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(RepoError::Name(name.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // what a person may have written
mod tests {
    use super::*;
    use crate::fs::OsFs;

    fn load(device: &str, tag: &str) -> Result<Config, RepoError> {
        load_text(&format!("device = \"{device}\"\ntag = \"{tag}\"\n"))
    }

    fn load_text(text: &str) -> Result<Config, RepoError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config");
        std::fs::write(&path, text).expect("written");
        Config::load(&OsFs, &path)
    }

    #[test]
    fn settings_that_would_spoil_snapshots_or_file_names_are_refused() {
        assert!(load("laptop", "0123abcd").is_ok());
        assert!(load(&"x".repeat(300), "0123abcd").is_err());
        assert!(load("a b", "0123abcd").is_err());
        assert!(load("laptop", "../../ab").is_err());
        assert!(load("laptop", "").is_err());
    }

    /// Else a remote whose device was once known would be anybody.
    #[test]
    fn a_remotes_device_that_is_none_is_refused() {
        let with = |device: &str| {
            load_text(&format!(
                "device = \"laptop\"\ntag = \"0123abcd\"\n\
                 [remotes.origin]\nurl = \"server\"\ndevice = \"{device}\"\n"
            ))
        };
        assert!(with(&"0f".repeat(32)).is_ok());
        for device in ["", "server", "0f0f0f0f", &"0g".repeat(32)] {
            assert!(with(device).is_err(), "{device}");
        }
    }
}
