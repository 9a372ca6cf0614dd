//! The nouns of the model: a state of a Maildir as plain sets and lists.

use std::collections::{BTreeMap, BTreeSet};

/// All that a file says beside its content. Its marks are letters such as `S`, keywords such as
/// `+later`, and `new` while it lies in `new`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Copy {
    pub(super) marks: BTreeSet<&'static str>,
    pub(super) tail: &'static str,
    pub(super) time: i64,
}

/// A message in one folder: its copies, always sorted, and how often it was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub(super) copies: Vec<Copy>,
    pub(super) kept: u64,
}

/// A message in all folders that have it.
pub(super) type Places = BTreeMap<&'static str, Held>;

/// A state: messages by number, folders whether empty or not, and the subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) mail: BTreeMap<u64, Places>,
    pub(super) folders: BTreeSet<&'static str>,
    pub(super) lines: BTreeSet<&'static str>,
}

impl Held {
    /// Some copies, in any order.
    pub(super) fn of(mut copies: Vec<Copy>, kept: u64) -> Self {
        copies.sort();
        Self { copies, kept }
    }
}

impl State {
    /// Where a message lies.
    pub(super) fn places(&self, message: u64) -> Places {
        self.mail.get(&message).cloned().unwrap_or_default()
    }

    /// Puts a message where it lies now, and nowhere else.
    pub(super) fn put(&mut self, message: u64, mut places: Places) {
        places.retain(|_, held| !held.copies.is_empty());
        self.folders.extend(places.keys());
        if places.is_empty() {
            self.mail.remove(&message);
        } else {
            self.mail.insert(message, places);
        }
    }
}
