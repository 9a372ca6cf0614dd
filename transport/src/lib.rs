//! The sync protocol and the ways to reach a peer.
