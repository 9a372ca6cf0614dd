use mailvc_store::codec::{DecodeError, Reader, Writer};
use mailvc_store::object::SnapshotId;

use super::text::is_printable_name;

/// The most snapshots that a greeting names beside the tip.
pub const MAX_HAVES: usize = 16;
/// The versions that this program speaks.
pub const VERSIONS: Versions = Versions { min: 1, max: 1 };

const MAGIC: &[u8; 6] = b"mailvc";
const MAX_ACCOUNT: usize = 255;
const MAX_KEY: usize = 4096;
const MAX_NAME: usize = 255;
const MAX_EXTRA: usize = 4096;

/// A range of protocol versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub min: u64,
    /// The newest.
    pub max: u64,
}

impl Versions {
    /// The newest version that both know, if there is one.
    pub fn common(self, other: Self) -> Option<u64> {
        let newest = self.max.min(other.max);
        (newest >= self.min && newest >= other.min).then_some(newest)
    }

    /// Whether `version` is one of them.
    pub fn contains(self, version: u64) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

/// What a peer can do beyond its version, one bit for each. None is defined yet; bits that the
/// other end doesn't know are ignored, and what isn't set on both ends isn't used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// What both can do.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What the client came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Verb {
    /// To take what the server has, and leave it alone.
    Fetch = 1,
    /// To leave there what it has itself.
    Push = 2,
    /// Both, and each end merges.
    Sync = 3,
}

/// What a caller may do to the serving device; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Read.
    Fetch = 1,
    /// Also leave snapshots in the inbox.
    Push = 2,
    /// Also ask the device to merge, under its own guard.
    Sync = 3,
}

impl Verb {
    fn from_number(number: u8) -> Option<Self> {
        [Self::Fetch, Self::Push, Self::Sync]
            .into_iter()
            .find(|&verb| verb as u8 == number)
    }
}

impl Role {
    fn from_number(number: u8) -> Option<Self> {
        [Self::Fetch, Self::Push, Self::Sync]
            .into_iter()
            .find(|&role| role as u8 == number)
    }
}

/// The client's first message. Its layout is the same in every version, so that any two can find
/// out which one they share; what comes later goes into `extra`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The versions that the client speaks.
    pub versions: Versions,
    /// What it can do beyond them.
    pub capabilities: Capabilities,
    /// What it came for.
    pub verb: Verb,
    /// Whose mail; empty for the only account, or the one that the server is bound to. Any
    /// bytes: the server looks the name up, and builds no path from it.
    pub account: Vec<u8>,
    /// The client's device key in SSH's wire encoding.
    pub public_key: Vec<u8>,
    /// The client's name, for people.
    pub name: String,
    /// Its `local`.
    pub tip: Option<SnapshotId>,
    /// Other snapshots that it has, with all that they reach; at most [`MAX_HAVES`].
    pub haves: Vec<SnapshotId>,
    /// The newest version of the merge rules that it knows.
    pub rules: u64,
    /// For later versions; ignored.
    pub extra: Vec<u8>,
}

/// The server's answer to [`Hello`], with the same promise about its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The version that both now speak.
    pub version: u64,
    /// What the server can do beyond it.
    pub capabilities: Capabilities,
    /// The server's device key in SSH's wire encoding.
    pub public_key: Vec<u8>,
    /// The server's name, for people.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// The server's `local`.
    pub tip: Option<SnapshotId>,
    /// Other snapshots that it has; none if the tips are equal.
    pub haves: Vec<SnapshotId>,
    /// Whether the client's key was met for the first time, and is trusted from now on.
    pub enrolled: bool,
    /// Whether its guard holds something that the client may have an answer to: then there is a
    /// session even if both have the same tip.
    pub holds: bool,
    /// The newest version of the merge rules that it knows.
    pub rules: u64,
    /// For later versions; ignored.
    pub extra: Vec<u8>,
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        writer.varint(self.versions.min).varint(self.versions.max);
        writer.varint(self.capabilities.0).u8(self.verb as u8);
        writer.bytes(&self.account).bytes(&self.public_key);
        writer.bytes(self.name.as_bytes());
        put_tip(&mut writer, self.tip);
        put_haves(&mut writer, &self.haves);
        writer.varint(self.rules).bytes(&self.extra);
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        take_magic(&mut reader)?;
        let hello = Self {
            versions: Versions {
                min: reader.varint("oldest version")?,
                max: reader.varint("newest version")?,
            },
            capabilities: Capabilities(reader.varint("capabilities")?),
            verb: Verb::from_number(reader.u8("verb")?).ok_or_else(|| reader.error("verb"))?,
            account: reader.bytes(MAX_ACCOUNT, "account")?.to_vec(),
            public_key: reader.bytes(MAX_KEY, "device key")?.to_vec(),
            name: take_name(&mut reader)?,
            tip: take_tip(&mut reader)?,
            haves: take_haves(&mut reader)?,
            rules: reader.varint("merge rules")?,
            extra: reader.bytes(MAX_EXTRA, "extra")?.to_vec(),
        };
        reader.finish("end of hello")?;
        Ok(hello)
    }
}

impl Welcome {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        writer.varint(self.version).varint(self.capabilities.0);
        writer.bytes(&self.public_key).bytes(self.name.as_bytes());
        writer.u8(self.role as u8);
        put_tip(&mut writer, self.tip);
        put_haves(&mut writer, &self.haves);
        writer.u8(u8::from(self.enrolled)).u8(u8::from(self.holds));
        writer.varint(self.rules).bytes(&self.extra);
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        take_magic(&mut reader)?;
        let welcome = Self {
            version: reader.varint("version")?,
            capabilities: Capabilities(reader.varint("capabilities")?),
            public_key: reader.bytes(MAX_KEY, "device key")?.to_vec(),
            name: take_name(&mut reader)?,
            role: Role::from_number(reader.u8("role")?).ok_or_else(|| reader.error("role"))?,
            tip: take_tip(&mut reader)?,
            haves: take_haves(&mut reader)?,
            enrolled: take_bool(&mut reader, "enrolled")?,
            holds: take_bool(&mut reader, "holds")?,
            rules: reader.varint("merge rules")?,
            extra: reader.bytes(MAX_EXTRA, "extra")?.to_vec(),
        };
        reader.finish("end of welcome")?;
        Ok(welcome)
    }
}

fn take_magic(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if reader.array::<6>("greeting")? == *MAGIC {
        Ok(())
    } else {
        Err(reader.error("greeting"))
    }
}

fn take_name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = reader.bytes(MAX_NAME, "device name")?;
    match std::str::from_utf8(bytes) {
        Ok(name) if is_printable_name(name) => Ok(name.to_owned()),
        _ => Err(reader.error("device name")),
    }
}

pub(super) fn put_tip(writer: &mut Writer, tip: Option<SnapshotId>) {
    match tip {
        None => writer.u8(0),
        Some(id) => writer.u8(1).raw(id.as_bytes()),
    };
}

pub(super) fn take_tip(reader: &mut Reader<'_>) -> Result<Option<SnapshotId>, DecodeError> {
    if take_bool(reader, "tip")? {
        Ok(Some(SnapshotId::new(reader.array("tip")?)))
    } else {
        Ok(None)
    }
}

fn put_haves(writer: &mut Writer, haves: &[SnapshotId]) {
    writer.varint(haves.len() as u64);
    for id in haves {
        writer.raw(id.as_bytes());
    }
}

fn take_haves(reader: &mut Reader<'_>) -> Result<Vec<SnapshotId>, DecodeError> {
    let count = reader.bounded(MAX_HAVES as u64, "haves")?;
    (0..count)
        .map(|_| reader.array("have").map(SnapshotId::new))
        .collect()
}

pub(super) fn take_bool(reader: &mut Reader<'_>, what: &'static str) -> Result<bool, DecodeError> {
    match reader.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(reader.error(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_meet_at_the_newest_that_both_know() {
        let versions = |min, max| Versions { min, max };
        assert_eq!(versions(1, 3).common(versions(2, 5)), Some(3));
        assert_eq!(versions(1, 1).common(versions(1, 9)), Some(1));
        assert_eq!(versions(1, 2).common(versions(3, 5)), None);
        assert_eq!(versions(3, 5).common(versions(1, 2)), None);
    }

    #[test]
    fn a_name_that_a_terminal_would_obey_is_refused() {
        let hello = |name: &str| Hello {
            versions: VERSIONS,
            capabilities: Capabilities::default(),
            verb: Verb::Sync,
            account: Vec::new(),
            public_key: vec![7; 51],
            name: name.to_owned(),
            tip: None,
            haves: vec![SnapshotId::new([3; 32])],
            rules: 1,
            extra: b"from the future".to_vec(),
        };
        let good = hello("laptop");
        assert_eq!(Hello::decode(&good.encode()), Ok(good));
        assert!(Hello::decode(&hello("\x1b]0;gone\x07").encode()).is_err());
    }
}
