//! `mailvc tour`: mailvc shown on mail that nobody can miss, so that nobody has to try it on his
//! own first.
//!
//! It plays a server and a laptop in a temporary directory, runs the program there as a person
//! would, and counts the messages itself after each step, by rules of its own. It must never ask
//! mailvc whether mailvc kept its promises, nor write outside of that directory.

mod deeds;
mod fill;
mod listening;
mod machine;
pub mod mailbox;
mod messages;
mod play;
mod story;

pub(crate) use play::{Broken, Told};
pub(crate) use story::{Request, tell};
