//! What crosses the line between two peers, as values and their bytes. `PROTOCOL.md` is the
//! authority on them.
//!
//! Nothing here decides what is said when, and nothing here trusts what was said: every length,
//! count and name is bounded before it is used.

mod frame;
mod greeting;
mod item;
mod message;
mod text;

pub use frame::{ALIVE, FrameReader, FrameWriter, MAX_FRAME, WireError};
pub use greeting::{Capabilities, Hello, MAX_HAVES, Role, VERSIONS, Verb, Versions, Welcome};
pub use item::{FolderBase, Item, MAX_SIGNATURE, MAX_SIGNATURES};
pub use message::{Done, ErrorCode, HeldPart, Message, SNAPSHOTS_PER_ROUND, WANTS_PER_FRAME};
pub use text::printable;
