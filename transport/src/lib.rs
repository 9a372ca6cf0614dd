//! The sync protocol and the ways to reach a peer.

mod runtime;
pub mod ssh;
