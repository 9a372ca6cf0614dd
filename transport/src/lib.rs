//! How two devices meet: the sync protocol, and the ways to reach a peer.
//!
//! Folders are layers; each imports lower lines alone (a test reads every `use`):
//!
//! | layer | folders |
//! |---|---|
//! | 4 | `remote` |
//! | 3 | `serve` |
//! | 2 | `session` |
//! | 1 | `protocol` `ssh` `line` |
//! | 0 | `wire` `runtime` |

pub mod line;
pub mod protocol;
pub mod remote;
mod runtime;
pub mod serve;
pub mod session;
pub mod ssh;
pub mod wire;
