//! The bytes around the frames of a pack, and its version.

use crate::object::PackId;

/// The length of what a pack starts with.
pub(super) const START_LEN: usize = 8;
/// The trailer's length: its name and version, the number of frames, the pack's id.
pub(super) const TRAILER_LEN: usize = 8 + 8 + 32;

/// Which version a pack is of, and with it its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum PackVersion {
    /// That of stores of format 1.
    V1 = 1,
    /// That of stores of format 2: the index has short rows, and a group may have links.
    V2 = 2,
}

impl PackVersion {
    /// All versions, in their order.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];
    /// The one that new stores are written in.
    pub const NEWEST: Self = Self::V2;

    /// What a file of this version starts with: a name, then the version.
    pub(super) fn behind(self, name: [u8; 7]) -> [u8; 8] {
        let mut bytes = [self as u8; 8];
        bytes[..name.len()].copy_from_slice(&name);
        bytes
    }

    /// The version that stands behind a name.
    pub(super) fn of(bytes: [u8; 8], name: [u8; 7]) -> Option<Self> {
        let is_it = |version: &Self| version.behind(name) == bytes;
        Self::ALL.into_iter().find(is_it)
    }

    /// The first bytes of a pack.
    pub(super) fn start(self) -> [u8; START_LEN] {
        self.behind(PACK)
    }

    /// The version that the first bytes of a pack tell.
    pub(super) fn of_start(bytes: [u8; START_LEN]) -> Option<Self> {
        Self::of(bytes, PACK)
    }
}

const PACK: [u8; 7] = *b"MVPACK\0";
const END: [u8; 7] = *b"MVPEND\0";

/// The trailer up to the id, which is the hash of everything before it.
pub(super) fn trailer(version: PackVersion, frames: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&version.behind(END));
    bytes[8..].copy_from_slice(&frames.to_le_bytes());
    bytes
}

/// The version and the id that a trailer names.
pub(super) fn parse_trailer(bytes: &[u8; TRAILER_LEN]) -> Option<(PackVersion, PackId)> {
    let (end, rest) = bytes.split_first_chunk::<8>()?;
    let (_frames, id) = rest.split_first_chunk::<8>()?;
    let id = id.first_chunk::<32>()?;
    Some((PackVersion::of(*end, END)?, PackId::new(*id)))
}
