//! Refs: the names under which snapshots are found, and the log of where they stood before.
//!
//! One small text file per ref (`refs/local`, `refs/tags/NAME`, …: the id and a newline) and one
//! log beside it (`log/local`, …). Reading takes no lock. Whoever calls [`RefStore::update`]
//! holds the store's lock, and has made sure that every id it passes is stored: refs know nothing
//! of objects.
//!
//! This module must never move a ref before the line that tells of it is durable, and never take
//! something that it cannot read for a ref that is not there.

mod edit;
mod error;
mod log;
mod name;
mod store;
#[cfg(test)]
mod tests;

pub use edit::{Expected, LogEntry, RefEdit};
pub use error::RefError;
pub use log::LogRecord;
pub use name::{MAX_REF_NAME, RefName, RefNameError};
pub use store::RefStore;
