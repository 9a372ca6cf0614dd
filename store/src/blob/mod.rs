//! Objects as they are stored: *frames*, checksummed and mostly compressed. A frame holds a
//! *group* of whole objects, or one *part* of a message that is too long for that.
//!
//! Ids are always of the plain bytes; how a frame is compressed can change without changing what
//! anything is called. This module must never allocate by a length that it has not bounded, and
//! never touches a file.

mod dictionary;
mod frame;
mod group;
mod links;
mod zstd;

pub use dictionary::{Dictionary, MAX_DICTIONARY};
pub use frame::{
    BaseName, Codec, Content, Frame, FrameError, HEADER_LEN, Help, MAGIC, MAX_BASES, MAX_FRAME,
    MAX_LINKED_WEIGHT, MAX_PLAIN, MAX_WEIGHT, PART_LEN, Part, encode, encode_group, encode_linked,
    frame_len, group_len,
};
pub use group::{
    GROUP_TARGET, Group, MAX_MEMBERS, MAX_OBJECT, MESSAGES_TARGET, Member, Sealed, members,
};
pub use links::{Link, MAX_LINKS};
