//! A line to a peer on which nobody waits for ever. Each end gives a sign of life at least every
//! few seconds, however long it is at work, and gives up on a peer from which none comes: it
//! hangs, sleeps, or is no longer there.
//!
//! Must never say anything else, nor change what is said: the protocol lies above it. A peer that
//! breathes and does nothing is waited for.

mod incoming;
mod outgoing;
mod pulse;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use pulse::Pulse;

pub use incoming::Listener;
pub use outgoing::Speaker;

/// The longest that an end is silent; PROTOCOL.md says so.
const BREATH: Duration = Duration::from_secs(5);

/// How many bytes may lie in memory in each direction.
const ROOM: usize = 1 << 20;

/// How long a peer may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The limit; none to wait for ever.
    pub silence: Option<Duration>,
    /// Whether the limit holds from the start; else from the first byte that comes. A person may
    /// have to be asked before there is a peer.
    pub at_once: bool,
}

/// Watches over a byte stream that frames are read from and written to. What is written must be
/// whole frames at a time, as [`FrameWriter`](crate::wire::FrameWriter) does it.
///
/// A wait beyond the limit ends in an error of the kind [`io::ErrorKind::TimedOut`]. The halves
/// of the stream are then let go as soon as the system lets go of them.
pub fn keep<R, W>((reader, writer): (R, W), patience: Patience) -> io::Result<(Listener, Speaker)>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let pulse = Arc::new(Pulse::new(patience));
    let breath = patience.silence.map_or(BREATH, |silence| silence / 4);
    let listener = incoming::listen(reader, &pulse)?;
    let speaker = outgoing::speak(writer, &pulse, breath.min(BREATH))?;
    Ok((listener, speaker))
}

#[cfg(test)]
mod tests;
