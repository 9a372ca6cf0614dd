//! The sync protocol as state machines over any byte stream.
//!
//! A session goes in *flights*: at any moment one end writes and the other reads, each flight
//! ends with a message that says so, and nobody writes the next one before that has come. So two
//! ends never both fill their pipes while neither reads, whatever the pipes hold. The flights:
//!
//! 1. client: [`Hello`](crate::wire::Hello)
//! 2. server: [`Welcome`](crate::wire::Welcome), the snapshots that the client lacks
//! 3. client: the messages that it lacks of these; the snapshots that the server lacks
//! 4. server: those messages; the messages that it lacks in turn
//! 5. client: those messages
//! 6. server: done
//!
//! Where both have the same tip, the client says bye after the second, and that was all. What is
//! too long for one *round* of six flights goes in several, on the same stream; all but the last
//! leave the peer's ref where it was, and merge nothing.
//!
//! Snapshots travel as the changes against one that both have. The receiver rebuilds their trees
//! and must arrive at the ids in them; a snapshot is stored after all that it reaches, in the same
//! pack, so that whatever snapshot a store holds, it holds whole.
//!
//! Nothing here may open a socket, hold a lock, move a ref, judge a signature or touch a Maildir:
//! the [`Device`] does, when it is asked, and never while the peer is waited for.

mod blobs;
mod client;
mod device;
mod error;
mod folder;
mod ledger;
mod link;
mod negotiate;
mod offer;
mod rebuild;
mod rounds;
mod server;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use client::{ClientReport, Request, run_client};
pub use device::{Accepted, Device, Identity, Incoming, Limits, Peer, Settled, Traffic};
pub use error::{Flaw, ProtocolError, SessionError};
pub use server::{Caller, Policy, ServerReport, run_server};
