//! What is read from a message's own bytes: the day under which it is filed, and header fields
//! for people and for `find`.
//!
//! Only [`day()`] decides anything, and it is defined byte by byte: every device must compute the
//! same key. Nothing here may ever change a message, nor look beyond its first [`HEAD`] bytes.

mod day;
mod display;
mod encoded_word;
mod header;

pub use day::day;
pub use display::{display, printable};
pub use header::{header, message_id};

/// How many of a message's first bytes are looked at. What stands behind them is not there.
pub const HEAD: usize = 65_536;
