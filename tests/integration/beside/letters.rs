//! Mail that every program takes and hands on as it is, and what must be there of it.

use std::collections::BTreeSet;
use std::path::Path;

use mailvc_tests::mail_client::Change;
use mailvc_tests::maildir::{Message, Messages};
use mailvc_tests::random::Random;

use super::person::all;

/// The header that mbsync adds to every message which it copies.
const ADDED: &[u8] = b"X-TUID: ";

/// A message that a test wrote.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) message_id: String,
    pub(super) bytes: Vec<u8>,
    pub(super) hash: [u8; 32],
}

impl Letter {
    pub(super) fn new(number: usize) -> Self {
        let message_id = format!("letter.{number}@example.org");
        let line = "A line of a letter, and no two letters have as many.\n";
        let text = format!(
            "From: somebody@example.org\nTo: me@example.org\nSubject: Letter {number}\n\
             Date: Mon, 2 Mar 2026 09:00:00 +0000\nMessage-ID: <{message_id}>\n\n{}",
            line.repeat(number % 200 + 1),
        );
        Self {
            message_id,
            hash: *blake3::hash(text.as_bytes()).as_bytes(),
            bytes: text.into_bytes(),
        }
    }
}

/// Half of the letters are the programs' to touch, the others the second device's.
pub(super) fn is_ours(message: &Message) -> bool {
    message.hash[0].is_multiple_of(2)
}

/// What must be there, and what there ever was.
#[derive(Default)]
pub(super) struct Model {
    pub(super) mail: Messages,
    pub(super) letters: Vec<Letter>,
    pub(super) ever: BTreeSet<[u8; 32]>,
}

/// Without what programs may choose as they like.
pub(super) fn plain(mut message: Message) -> Message {
    message.recent = false;
    message
}

impl Model {
    /// A letter that nobody has yet.
    pub(super) fn write(&mut self) -> Letter {
        let letter = Letter::new(self.letters.len());
        self.letters.push(letter.clone());
        letter
    }

    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        for (before, after) in changes {
            self.ever.extend(after.as_ref().map(|it| it.hash));
            self.mail.apply(&[(before.map(plain), after.map(plain))]);
        }
    }

    /// It came in.
    pub(super) fn add(&mut self, message: Message) {
        self.apply(vec![(None, Some(message))]);
    }

    /// One of the letters below `end` which are the programs' and lie in one place only.
    pub(super) fn pick(&self, end: usize, random: &mut Random) -> Option<(Letter, Message)> {
        let first = random.below(end as u64) as usize;
        let mut order = (first..end).chain(0..first).map(|at| &self.letters[at]);
        order.find_map(|letter| {
            let mut places = self.mail.0.iter().filter(|(it, _)| it.hash == letter.hash);
            match (places.next(), places.next()) {
                (Some((only, 1)), None) if is_ours(only) => Some((letter.clone(), only.clone())),
                _ => None,
            }
        })
    }

    /// Somebody set and took flags.
    pub(super) fn flag(&mut self, before: Message, flags: Vec<u8>) {
        let mut after = before.clone();
        after.flags = flags;
        self.apply(vec![(Some(before), Some(after))]);
    }
}

/// The letters of flags with one of them set.
pub(super) fn with(flags: &[u8], letter: u8) -> Vec<u8> {
    let all: BTreeSet<u8> = flags.iter().copied().chain([letter]).collect();
    all.into_iter().collect()
}

/// What is in a Maildir, without what mbsync adds.
pub(super) fn read(root: &Path) -> Messages {
    let mut messages = Messages::default();
    for (_, message) in all(root).expect("a Maildir") {
        *messages.0.entry(plain(message)).or_default() += 1;
    }
    messages
}

/// A message without the header that mbsync adds.
pub(super) fn without_added(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines
        .filter(|line| !line.starts_with(ADDED))
        .collect::<Vec<_>>()
        .concat()
}
