//! What the benchmarks share: mail of any number and mean size, people who work with it, trees
//! without mail, and a store with its Maildir.

mod device;
mod mail;
mod trees;
mod work;

pub use device::{Device, lock};
pub use mail::{Mail, Written};
pub use trees::{Edit, edits, key, map_of, tree_of};
pub use work::{Work, work};

/// As many messages as a large mailbox has.
pub const LARGE: u64 = 300_000;
