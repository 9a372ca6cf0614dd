//! The bytes around the frames of a pack.

use crate::object::PackId;

/// The first bytes of a pack: a name, then the version.
pub(super) const START: [u8; 8] = *b"MVPACK\x00\x01";
/// The first bytes of its trailer.
pub(super) const END: [u8; 8] = *b"MVPEND\x00\x01";
/// The trailer's length: [`END`], the number of frames, the pack's id.
pub(super) const TRAILER_LEN: usize = 8 + 8 + 32;

/// The trailer up to the id, which is the hash of everything before it.
pub(super) fn trailer(frames: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&END);
    bytes[8..].copy_from_slice(&frames.to_le_bytes());
    bytes
}

/// The number of frames and the id that a trailer names.
pub(super) fn parse_trailer(bytes: &[u8; TRAILER_LEN]) -> Option<(u64, PackId)> {
    let (end, rest) = bytes.split_first_chunk::<8>()?;
    let (frames, rest) = rest.split_first_chunk::<8>()?;
    let id = rest.first_chunk::<32>()?;
    (*end == END).then(|| (u64::from_le_bytes(*frames), PackId::new(*id)))
}
