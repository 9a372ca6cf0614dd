//! Immutable files of frames, and the sorted index beside each. A pack is the truth; its index
//! can be made again from it. What the frames hold is opaque here.
//!
//! Nothing here may change a pack once it has its name.

mod format;
mod idx;
mod reader;
mod writer;

pub use format::PackVersion;
pub use idx::{Idx, IdxError, Place, Row};
pub use reader::{Found, PackFile, Scan};
pub use writer::PackWriter;

use crate::object::PackId;

/// The name of a pack's file.
pub fn pack_name(id: PackId) -> String {
    format!("{id}.pack")
}

/// The name of the index beside it.
pub fn idx_name(id: PackId) -> String {
    format!("{id}.idx")
}
