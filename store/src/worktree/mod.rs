//! Between a Maildir and a folder map: *scan* reads what is there, *plan* compares two states,
//! *apply* makes the Maildir what a snapshot says.
//!
//! Nothing here may take a file's absence for a deletion without the proofs that `scan` lists,
//! and nothing here may unlink a message whose bytes the store has not just returned.

mod apply;
mod error;
mod export;
mod files;
mod folders;
mod listing;
mod plan;
mod scan;
mod sweep;
mod trees;

pub use apply::{Applied, Applier, ApplyNote, apply};
pub use error::WorktreeError;
pub use export::{Exported, Exporter, export};
pub use folders::{ANCHOR, Anchor, Maildir};
pub use plan::{Add, Change, Mend, Move, Plan, Remove, plan};
pub use scan::{Depth, Problem, ProblemKind, Scan, Scanner};
pub use sweep::sweep;
