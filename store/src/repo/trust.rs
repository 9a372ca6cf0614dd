//! Whose snapshots count. `trusted` is an `allowed_signers` file, so that OpenSSH's own tools can
//! check what is checked here; its comments hold a device's name and marks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::fs::{Fs, write_durable};
use crate::object::{DeviceId, SnapshotId};
use crate::sign::{AllowedSigner, AllowedSigners, NAMESPACE, PublicKey};

use super::{RepoError, StoreLayout, config::check_name};

/// A device whose snapshots count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// What it calls itself.
    pub name: String,
    /// Whether devices met only through it are trusted as well.
    pub introduce: bool,
    /// Whether it may allow deletions for everybody.
    pub approve: bool,
}

/// Who is trusted, and who no more.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    devices: BTreeMap<DeviceId, Device>,
    /// Revoked devices, each with the local snapshot as it was revoked.
    revoked: BTreeMap<DeviceId, Option<SnapshotId>>,
}

impl Device {
    /// A device that has just been met.
    pub fn new(key: PublicKey, name: &str) -> Self {
        let id = DeviceId::of_public_key(&key.wire_bytes());
        let name = if check_name(name).is_ok() {
            name.to_owned()
        } else {
            id.short()
        };
        Self {
            id,
            key,
            name,
            introduce: false,
            approve: false,
        }
    }

    fn to_line(&self) -> Option<String> {
        let principal = self.id.to_string().parse().ok()?;
        let mut signer = AllowedSigner::new(principal, self.key.clone());
        signer.namespaces = NAMESPACE.parse().ok();
        signer.comment.clone_from(&self.name);
        for (mark, set) in [(" introduce", self.introduce), (" approve", self.approve)] {
            if set {
                signer.comment.push_str(mark);
            }
        }
        Some(signer.to_line())
    }

    /// The device of a line. One with conditions that cannot be honoured here is refused, not
    /// taken for one without: no clock decides whose snapshots count, and authorities sign none.
    fn from_signer(signer: &AllowedSigner) -> Result<Self, &'static str> {
        let ours = signer
            .namespaces
            .as_ref()
            .is_none_or(|list| list.matches(NAMESPACE));
        if signer.cert_authority || signer.valid_after.is_some() || signer.valid_before.is_some() {
            return Err("cert-authority, valid-after and valid-before are not honoured");
        }
        if !ours {
            return Err("a line for another namespace");
        }
        let mut words = signer.comment.split_ascii_whitespace();
        let mut device = Self::new(signer.key.clone(), words.next().unwrap_or(""));
        for word in words {
            device.introduce |= word == "introduce";
            device.approve |= word == "approve";
        }
        Ok(device)
    }
}

impl Trust {
    /// Reads both files; one that is missing is empty.
    pub fn load(fs: &dyn Fs, layout: &StoreLayout) -> Result<Self, RepoError> {
        let mut trust = Self::default();
        let text = super::read_text_or_empty(fs, &layout.trusted())?;
        for signer in AllowedSigners::parse(&text)?.entries() {
            let device = Device::from_signer(signer).map_err(|what| RepoError::Config {
                path: layout.trusted(),
                what: format!("{what} ({})", signer.comment.escape_debug()),
            })?;
            trust.devices.insert(device.id, device);
        }
        let path = layout.revoked();
        for line in super::read_text_or_empty(fs, &path)?.lines() {
            let mut words = line.split_ascii_whitespace();
            let id = words.next().and_then(|word| word.parse().ok());
            let id = id.ok_or_else(|| RepoError::Config {
                path: path.clone(),
                what: "not the id of a device".to_owned(),
            })?;
            trust
                .revoked
                .insert(id, words.next().and_then(|word| word.parse().ok()));
        }
        Ok(trust)
    }

    /// Writes both files: who is revoked first.
    pub fn save(&self, fs: &dyn Fs, layout: &StoreLayout) -> Result<(), RepoError> {
        let mut revoked = String::new();
        for (id, last) in &self.revoked {
            let last = last.map_or_else(String::new, |last| format!(" {last}"));
            let _ = writeln!(revoked, "{id}{last}");
        }
        let mut trusted = String::new();
        for line in self.devices.values().filter_map(Device::to_line) {
            let _ = writeln!(trusted, "{line}");
        }
        for (path, text) in [(layout.revoked(), revoked), (layout.trusted(), trusted)] {
            write_durable(fs, &path, text.as_bytes()).map_err(RepoError::at(path))?;
        }
        Ok(())
    }

    /// The devices that are trusted.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The devices that are revoked.
    pub fn revoked(&self) -> impl Iterator<Item = &DeviceId> {
        self.revoked.keys()
    }

    /// A device that is trusted.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// Whether a device was revoked.
    pub fn is_revoked(&self, id: DeviceId) -> bool {
        self.revoked.contains_key(&id)
    }

    /// Trusts a device. One that was revoked is refused: it never comes back by itself.
    pub fn enroll(&mut self, device: Device) -> bool {
        if self.is_revoked(device.id) || self.devices.contains_key(&device.id) {
            return false;
        }
        self.devices.insert(device.id, device);
        true
    }

    /// Trusts a device because a person said so, revoked or not, with its marks as given.
    pub fn add(&mut self, device: Device) {
        self.revoked.remove(&device.id);
        self.devices.insert(device.id, device);
    }

    /// Trusts a device no more. What is reachable from `local` stays.
    pub fn revoke(&mut self, id: DeviceId, local: Option<SnapshotId>) {
        self.devices.remove(&id);
        self.revoked.insert(id, local);
    }

    /// The device that a person means: by name, or by the start of its id.
    pub fn find(&self, text: &str) -> Result<&Device, RepoError> {
        let mut hits = self.devices.values().filter(|device| {
            device.name == text || (text.len() >= 4 && device.id.to_string().starts_with(text))
        });
        match (hits.next(), hits.next()) {
            (Some(device), None) => Ok(device),
            _ => Err(RepoError::UnknownDevice(text.to_owned())),
        }
    }
}
