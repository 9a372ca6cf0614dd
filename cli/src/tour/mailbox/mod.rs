//! Made-up mail, as real mail is: threads that quote, mailing lists, attachments, duplicates, odd
//! file names and headers that no standard foresaw. A seed decides every byte.
//!
//! It writes plain files, as a delivery agent does, and asks nothing of the store but hashes: the
//! tests measure mailvc against it. It must never write into a directory that it did not make.

mod body;
mod head;
mod message;
mod outline;
mod place;
mod random;
mod words;
mod write;

pub use message::{large_message, message};
pub use place::Layout;
pub use write::{deliver, deliver_named};

/// What a Maildir is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Decides everything.
    pub seed: u64,
    /// How many messages are written, the copies of some of them not counted.
    pub messages: u64,
    /// How folders are spelled.
    pub layout: Layout,
    /// The mean size of a message in bytes; real mail has 5,000 to 50,000. Headers alone are
    /// about 900.
    pub mean_size: u64,
    /// Whether one more message, of 30 MB, is in the root folder.
    pub large: bool,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            seed: 1,
            messages: 200,
            layout: Layout::MaildirPlusPlus,
            mean_size: 5_000,
            large: false,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Messages' files, copies included.
    pub files: u64,
    /// Different contents among them.
    pub contents: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files in `new`.
    pub recent: u64,
    /// The folders' directories, relative to the root, sorted; the root itself is empty.
    pub folders: Vec<std::path::PathBuf>,
}

#[cfg(test)]
mod tests;
