//! How long work tells of itself, and how it is told to stop. The library stays silent: whoever
//! calls it decides what a person sees.

use std::sync::atomic::{AtomicBool, Ordering};

/// A stage of long work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listing directories.
    List,
    /// Reading, hashing and compressing messages.
    Read,
    /// Receiving objects from a peer.
    Receive,
    /// Sending objects to a peer.
    Send,
    /// Merging trees.
    Merge,
    /// Writing messages into a Maildir.
    Write,
    /// Checking what is stored.
    Check,
    /// Writing what is stored into fewer, smaller packs.
    Repack,
}

/// Is told how work advances. All methods may be called from several threads.
pub trait Progress: Send + Sync {
    /// A phase begins, with the number of items that it will handle where that is known.
    fn begin(&self, phase: Phase, total: Option<u64>);
    /// `items` more were handled, `bytes` long in sum.
    fn advance(&self, items: u64, bytes: u64);
    /// Whether the work should stop at the next point where nothing is half done.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _phase: Phase, _total: Option<u64>) {}
    fn advance(&self, _items: u64, _bytes: u64) {}
}

/// A flag that a signal handler raises.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// Asks the work to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
