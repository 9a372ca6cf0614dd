//! The sync protocol and the ways to reach a peer.
//!
//! Folders are layers; each imports lower lines alone, and of the store whatever it needs:
//!
//! | layer | folders |
//! |---|---|
//! | 1 | `protocol` `remote` |
//! | 0 | `wire` |

pub mod protocol;
pub mod remote;
pub mod wire;
