//! Which messages go side by side: those of a folder, of a month, of a mailing list, of a thread.
//!
//! Months come before threads, so that who reads a folder from its first day to its last, as a
//! checkout does, decodes each group once.

use std::collections::{BTreeMap, HashSet};

use super::cut;
use crate::graph;
use crate::maildir::FolderPath;
use crate::mime;
use crate::object::{BlobId, Kind, SnapshotId, TreeId};
use crate::odb::{MESSAGES_TOGETHER, Repack};
use crate::refs::{RefName, RefStore};
use crate::tree;

/// How many days stand together.
const MONTH: u16 = 32;
/// Of how many refs the folders are looked at.
const TIPS: usize = 4;
/// A dictionary is trained once there are so many messages, on at most so many of them.
const TRAIN_AT: usize = 400;
const SAMPLES: usize = 512;
/// In no folder that a ref leads to.
const NOWHERE: u16 = u16::MAX;

/// What of a message says where it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    topic: u64,
    at: u32,
    folder: u16,
    day: u16,
}

impl Message {
    /// A long one comes without its bytes.
    pub(super) fn of(at: u32, bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(mime::HEAD)];
        Self {
            topic: topic(head),
            at,
            folder: NOWHERE,
            day: mime::day(head),
        }
    }

    fn order(&self) -> (u16, u16, u64, u16, u32) {
        (self.folder, self.day / MONTH, self.topic, self.day, self.at)
    }
}

/// What is to be written, in this order.
pub(super) struct Order {
    pub(super) dictionaries: Vec<Vec<u32>>,
    pub(super) short: Vec<Vec<u32>>,
    pub(super) long: Vec<u32>,
}

impl Order {
    /// Messages to learn from; none if there are too few.
    pub(super) fn samples(&self) -> Vec<u32> {
        let count: usize = self.short.iter().map(Vec::len).sum();
        if count < TRAIN_AT {
            return Vec::new();
        }
        let all = self.short.iter().flatten().copied();
        all.step_by(count.div_ceil(SAMPLES)).collect()
    }
}

/// Puts messages in order.
pub(super) fn order(refs: &RefStore, repack: &Repack<'_>, mut messages: Vec<Message>) -> Order {
    messages.sort_unstable_by_key(|message| message.at);
    assign(refs, repack, &mut messages);
    messages.sort_unstable_by_key(Message::order);
    let all = messages.iter().map(|message| message.at);
    let long = all.clone().filter(|&at| repack.is_long(at)).collect();
    let short = all.filter(|&at| !repack.is_long(at));
    let dictionaries = repack.objects().iter().zip(0..);
    let dictionaries = dictionaries.filter(|(object, _)| object.key.kind == Kind::Dictionary);
    Order {
        dictionaries: dictionaries.map(|(_, at)| vec![at]).collect(),
        short: cut(short, repack, MESSAGES_TOGETHER),
        long,
    }
}

/// Notes in which folder each message is. What cannot be read is left out: it costs bytes, not
/// mail.
fn assign(refs: &RefStore, repack: &Repack<'_>, messages: &mut [Message]) {
    let mut numbers: BTreeMap<FolderPath, u16> = BTreeMap::new();
    let mut seen: HashSet<TreeId> = HashSet::new();
    for tip in tips(refs) {
        let map = graph::load(repack, tip).and_then(|tip| graph::load_map(repack, tip.folders));
        for (path, folder) in map.map(|map| map.folders).unwrap_or_default() {
            let next = numbers.len().min(usize::from(NOWHERE - 1)) as u16;
            let number = *numbers.entry(path).or_insert(next);
            if seen.insert(folder.tree) {
                let entries = tree::entries(repack, folder.tree).map_while(Result::ok);
                for (key, _) in entries {
                    note(repack, messages, key.blob, number);
                }
            }
        }
    }
}

fn note(repack: &Repack<'_>, messages: &mut [Message], blob: BlobId, folder: u16) {
    let Some(at) = repack.position(blob.into()) else {
        return;
    };
    let found = messages.binary_search_by_key(&at, |message| message.at);
    let message = found.ok().and_then(|found| messages.get_mut(found));
    if let Some(message) = message.filter(|message| message.folder == NOWHERE) {
        message.folder = folder;
    }
}

/// `local` first.
fn tips(refs: &RefStore) -> Vec<SnapshotId> {
    let mut refs = refs.list().unwrap_or_default();
    refs.sort_by_key(|(name, _)| *name != RefName::Local);
    let mut tips: Vec<SnapshotId> = Vec::new();
    for (_, id) in refs {
        if !tips.contains(&id) && tips.len() < TIPS {
            tips.push(id);
        }
    }
    tips
}

/// The mailing list in the high bits, the thread in the low ones.
fn topic(head: &[u8]) -> u64 {
    let list = mime::header(head, "List-Id").unwrap_or_default();
    let subject = mime::header(head, "Subject").unwrap_or_default();
    let thread = thread(&subject);
    hash(&list) << 48 | hash(&thread) >> 16
}

fn hash(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let first = hash.as_bytes().first_chunk();
    first.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The subject in lower case, without what answering and forwarding put before it.
fn thread(subject: &[u8]) -> Vec<u8> {
    let lower = subject.to_ascii_lowercase();
    let mut rest = lower.as_slice();
    loop {
        rest = rest.trim_ascii();
        let before = ["re:", "fw:", "fwd:", "aw:", "wg:", "sv:", "antw:"];
        let found = before
            .iter()
            .find_map(|it| rest.strip_prefix(it.as_bytes()));
        match found {
            Some(after) => rest = after,
            None => return rest.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_in_the_thread_of_what_they_answer() {
        let of = |subject: &str| topic(format!("Subject: {subject}\n\n").as_bytes());
        assert_eq!(of("Re: RE: Fwd: lunch"), of("lunch"));
        assert_ne!(of("lunch"), of("dinner"));
    }

    #[test]
    fn a_list_keeps_its_threads_together() {
        let of = |list: &str, subject: &str| {
            topic(format!("List-Id: <{list}>\nSubject: {subject}\n\n").as_bytes()) >> 48
        };
        assert_eq!(of("rust", "a"), of("rust", "b"));
        assert_ne!(of("rust", "a"), of("go", "a"));
    }
}
