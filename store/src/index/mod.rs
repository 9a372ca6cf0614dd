//! The index: what is known of the Maildir's files and of messages' headers, kept in redb so that
//! a scan reads only what is new and several processes may look at once.
//!
//! It is a cache. Every row can be made again from packs and the Maildir, so an index that is
//! missing, damaged or of another schema is removed and begun anew ([`Index::is_new`] says so);
//! whoever finds [`IndexError::Damaged`] later calls [`Index::discard`] and opens again.
//!
//! This module must never be the only place where something is known, never return a row whose
//! checksum is wrong, and never hold a transaction while its caller thinks.

mod block;
mod database;
mod error;
mod files;
mod message_ids;
mod row;
#[cfg(test)]
mod tests;

pub use database::Index;
pub use error::IndexError;
pub use files::FolderChange;
pub use row::{DirStamp, FileRow, FolderRow};
