//! Three-way merge of states, and the guard that judges what would leave.
//!
//! A merge is a function of a base and two sides: deterministic, the same whichever side is which,
//! and idempotent. No clock, no device, no setting and no order of arrival may ever have a say in
//! it, and a message may only be absent from its result if a side deleted it and the rules allow
//! it, which is proved again after every merge.
//!
//! # The rules (version 1)
//!
//! A message is merged as a whole, over all folders. If one side left it as it was, the other
//! side's is the result, exactly. Else:
//!
//! | one side / other side | result |
//! |---|---|
//! | deleted / S or T set, new → cur, another file time | deleted |
//! | deleted / anything else: any other flag or keyword set or cleared, S or T cleared, cur → new, more or fewer copies, `kept` raised, moved | as the other side has it; reported |
//! | flags / flags | one copy everywhere: bit by bit. Else each side is collapsed into one copy (D, T and recent: and; the rest: or; the earlier time), these are merged, and all copies become the result |
//! | moved / anything but deleted | moved, and the rest merged there |
//! | moved / moved elsewhere | one: not in the trash before in it, then the smaller path bytes; reported |
//! | number of copies in a folder | one side unchanged: the other's; else the greater |
//! | copies removed / `kept` raised | the greater number; just as they were if nothing else was done to them |
//! | added / added, in one folder | one message: collapsed and merged as above; without a base a bit follows the collapsing rule |
//! | `kept` | as a number three-way, the greater if both changed |
//! | file time | three-way; the earlier if both changed |
//! | text after the flags' comma | three-way; the greater bytes if both changed |
//! | both sides have the message, and the rows above leave no copy | the copies of both sides; reported |
//! | subscriptions | line by line, three-way |
//! | folders | three-way, and every folder that has a message after the merge; reported if a side had deleted it |
//!
//! A *move* takes exactly one copy in the base and one on that side, in all folders together, in
//! different folders. What the other side has in the old folder then counts as being in the new
//! one, unless it has put a copy there by itself. Other changes of place are additions and deletions in each folder by itself.
//! A folder is *the trash* if it, or a folder above it, is called `Trash` in any case.
//!
//! The base is the best common ancestor; of several, their merge. Without one, or if it, or one that
//! it is made of, is not stored, there are more than 16, or more than 1024 merges of ancestors would
//! be needed, the base is empty: then nothing is deleted.
//!
//! Where the sides changed the same thing in ways that the table does not name, the message stays.

mod base;
mod check;
mod decide;
mod deeds;
mod entry;
mod error;
mod flagged;
mod guard;
mod keep;
mod leaving;
mod map;
mod places;
mod snapshot;
#[cfg(test)]
mod tests;
mod touched;

pub use deeds::{Deeds, deeds};
pub use error::MergeError;
pub use flagged::{Flagged, flagged};
pub use guard::{Limits, Reason, Verdict, judge};
pub use keep::keep;
pub use leaving::{Leaving, LeavingMessage, MessagePlaces, give_back, leaving, withhold};
pub use map::{Merged, merge_maps};
pub use snapshot::{Outcome, merge_snapshots, missing_bases, recompute};

/// The version of the rules by which merges are made here.
pub const RULES: u64 = 1;
