//! Where things lie in a store's directory.

use std::path::{Path, PathBuf};

/// The version of the formats of a new store, and the newest that this program reads. A store of an
/// older one is read and written as what it is.
pub const FORMAT: u32 = 2;

/// The paths inside a store.
#[derive(Debug, Clone)]
pub struct StoreLayout {
    root: PathBuf,
}

macro_rules! path {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub fn $name(&self) -> PathBuf { self.root.join($file) })*
    };
}

impl StoreLayout {
    /// The layout of the store at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    path! {
        /// The version of the formats: a line `mailvc N`. Made last: without it there is no store.
        format = "format";
        /// The settings.
        config = "config";
        /// Whose snapshots count: OpenSSH's `allowed_signers`.
        trusted = "trusted";
        /// Whose snapshots count no more.
        revoked = "revoked";
        /// The directory of the device's key.
        keys = "keys";
        /// The device's private key.
        device_key = "keys/device";
        /// The key that is to be the device's next, while it is being renewed.
        next_key = "keys/next";
        /// On which machine the store was made.
        instance = "instance";
        /// The kernel lock of all who write.
        lock = "lock";
        /// The kernel lock of who repacks: it may take long, and nobody else has to wait.
        gc_lock = "gc";
        /// The packs whose objects are all elsewhere.
        superseded = "superseded";
        /// The cache of the Maildir's listings.
        index = "index.redb";
        /// How often the Maildir was looked at since the last full look: a byte each.
        scans = "scans";
        /// The directory of what people have allowed to leave.
        yeses = "yeses";
        /// What other devices have deleted since somebody last said yes.
        budget = "budget";
        /// What the guard has stopped: information only.
        guard_log = "guard.log";
        /// What is being applied to the Maildir, while it is.
        applying = "applying";
    }
}
