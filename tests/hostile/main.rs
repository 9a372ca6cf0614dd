//! Peers that mean harm, or whose line breaks wherever it can, at the other end of the real
//! program. Each ends in a clear error, within the memory and the time that it is given, and leaves
//! the store and the Maildir as they were.
//!
//! What a peer may say to the protocol's own state machines is in `transport/src/protocol/tests`;
//! here are processes and stores.

#![allow(clippy::disallowed_methods)] // scripts and files beside the store, not of it

mod admission;
mod cut;
mod floods;
mod forge;
mod graphs;
mod lengths;
mod names;
mod scene;
mod signatures;
mod stalls;
