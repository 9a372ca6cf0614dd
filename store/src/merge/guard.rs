//! The guard: what would leave a Maildir, and whether that is more than anybody deletes by hand.
//!
//! It judges a step from one state to the next, whoever made it. It never decides what a merge
//! says; it only says to wait.

use std::collections::{BTreeMap, BTreeSet};

use super::MergeError;
use super::map::store;
use super::touched::{AllTouched, Moves, locate};
use crate::maildir::{FolderPath, Standard};
use crate::object::{BlobId, Entry, EntryKey, Folder, FolderMap, FolderMapId};
use crate::odb::{ObjectRead, ObjectWrite};
use crate::{graph, tree};

/// How much may leave before the guard stops. Every limit may be reached; beyond it is too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// So many messages may leave whatever share of the mail they are.
    pub min: u64,
    /// Beyond `min`: per cent of all messages.
    pub tree_percent: u64,
    /// Beyond `min`: per cent of one folder's messages.
    pub folder_percent: u64,
    /// Folders with so many messages or fewer have no limit of their own.
    pub folder_min: u64,
    /// So many messages in all, the trash included.
    pub absolute: u64,
    /// So many messages whose place one with the same Message-ID and other bytes takes.
    pub replaced: u64,
    /// Folders out of which messages leave every day; their subfolders too. What leaves these, and
    /// what was last seen marked for the trash, counts toward `absolute` alone.
    pub disposable: Vec<FolderPath>,
}

impl Default for Limits {
    fn default() -> Self {
        let disposable = [b"Trash".as_slice(), b"Junk", b"Spam"];
        Self {
            min: 50,
            tree_percent: 2,
            folder_percent: 25,
            folder_min: 200,
            absolute: 1000,
            replaced: 5,
            disposable: disposable.into_iter().flat_map(FolderPath::new).collect(),
        }
    }
}

/// A message that the next state has nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMessage {
    /// The message.
    pub key: EntryKey,
    /// The folders that have it, sorted.
    pub folders: Vec<FolderPath>,
    /// Its length in bytes.
    pub size: u64,
    /// How many copies there are in all folders.
    pub copies: u64,
    /// Whether all of them are marked for the trash.
    pub trashed: bool,
}

/// What would leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaving {
    /// The messages, sorted by key. Their number is the one that a yes must name.
    pub messages: Vec<LeavingMessage>,
    /// How many of them others replace, see [`Leaving::count_replaced`].
    pub replaced: u64,
    /// How many messages each folder has that any of them leave.
    pub folder_totals: BTreeMap<FolderPath, u64>,
    /// How many messages there are in all folders together.
    pub total: u64,
    /// What is new in these folders.
    arriving: BTreeMap<FolderPath, Vec<EntryKey>>,
}

/// What the guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Wait for a yes.
    Stop {
        /// Every limit that was passed.
        reasons: Vec<Reason>,
    },
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing may leave in such a step.
    Anything {
        /// How many messages would leave.
        leaving: u64,
    },
    /// Too many in all.
    Many {
        /// How many messages would leave.
        leaving: u64,
    },
    /// Too large a share of the mail.
    OfTree {
        /// How many messages would leave, without disposable ones.
        leaving: u64,
        /// Out of so many.
        total: u64,
    },
    /// Too large a share of a folder.
    OfFolder {
        /// The folder.
        folder: FolderPath,
        /// How many messages would leave it, without disposable ones.
        leaving: u64,
        /// Out of so many.
        total: u64,
    },
    /// Too many whose place other bytes take.
    Replaced {
        /// How many.
        replaced: u64,
    },
}

/// The messages of `before` whose content `after` has in no folder.
pub fn leaving(
    odb: &dyn ObjectRead,
    before: FolderMapId,
    after: FolderMapId,
) -> Result<Leaving, MergeError> {
    let before = graph::load_map(odb, before)?;
    let after = graph::load_map(odb, after)?;
    let mut gone: BTreeMap<EntryKey, LeavingMessage> = BTreeMap::new();
    let mut arriving: BTreeMap<FolderPath, Vec<EntryKey>> = BTreeMap::new();
    for touched in AllTouched::new(odb, [(&before, &after)])? {
        let touched = touched?;
        let [moves] = &touched.steps;
        if moves.values().all(|(_, after)| after.is_none()) {
            gone.insert(touched.key, LeavingMessage::new(touched.key, moves));
        } else if moves.values().all(|(before, _)| before.is_none()) {
            for &folder in moves.keys() {
                let keys = arriving.entry(folder.clone()).or_default();
                keys.push(touched.key);
            }
        }
    }
    let keys: Vec<EntryKey> = gone.keys().copied().collect();
    locate(odb, &after, &keys, |_, key, _| {
        gone.remove(&key);
    })?;
    Ok(Leaving::new(
        gone.into_values().collect(),
        arriving,
        &before,
    ))
}

impl LeavingMessage {
    fn new(key: EntryKey, moves: &Moves<'_>) -> Self {
        let entries = || moves.values().filter_map(|(before, _)| before.as_ref());
        let mut copies = entries().flat_map(|entry| entry.copies.runs());
        Self {
            key,
            folders: moves.keys().map(|&folder| folder.clone()).collect(),
            size: entries().map(|entry| entry.size).max().unwrap_or(0),
            copies: entries().map(|entry| entry.copies.count()).sum(),
            trashed: copies.all(|(copy, _)| copy.flags.has(Standard::Trashed)),
        }
    }
}

impl Leaving {
    fn new(
        messages: Vec<LeavingMessage>,
        mut arriving: BTreeMap<FolderPath, Vec<EntryKey>>,
        before: &FolderMap,
    ) -> Self {
        let folders = messages.iter().flat_map(|message| &message.folders);
        let entries = |path: &FolderPath| before.folders.get(path).map_or(0, |f| f.sums.entries);
        let folder_totals: BTreeMap<FolderPath, u64> =
            folders.map(|path| (path.clone(), entries(path))).collect();
        arriving.retain(|path, _| folder_totals.contains_key(path));
        Self {
            messages,
            replaced: 0,
            folder_totals,
            total: before.sums().entries,
            arriving,
        }
    }

    /// Counts the leaving messages into whose folder one comes with the same Message-ID: an edited
    /// draft, or a program that rewrites mail. `message_id` reads it off a message; it is asked only
    /// about messages that leave, and that come to folders which others leave.
    pub fn count_replaced(&mut self, message_id: &mut dyn FnMut(BlobId) -> Option<Vec<u8>>) {
        let mut coming: BTreeSet<(&FolderPath, Vec<u8>)> = BTreeSet::new();
        for (folder, keys) in &self.arriving {
            let ids = keys.iter().filter_map(|key| message_id(key.blob));
            coming.extend(ids.map(|id| (folder, id)));
        }
        if coming.is_empty() {
            return;
        }
        let replaced = self.messages.iter().filter(|message| {
            message_id(message.key.blob).is_some_and(|id| {
                let mut folders = message.folders.iter();
                folders.any(|folder| coming.contains(&(folder, id.clone())))
            })
        });
        self.replaced = replaced.count() as u64;
    }
}

/// Whether so much may leave. With `strict`, as when others go back to an earlier state, nothing
/// may.
pub fn judge(limits: &Limits, leaving: &Leaving, strict: bool) -> Verdict {
    let all = leaving.messages.len() as u64;
    let mut reasons = Vec::new();
    if strict && all > 0 {
        reasons.push(Reason::Anything { leaving: all });
    }
    if all > limits.absolute {
        reasons.push(Reason::Many { leaving: all });
    }
    if leaving.replaced > limits.replaced {
        let replaced = leaving.replaced;
        reasons.push(Reason::Replaced { replaced });
    }
    let counted: Vec<&LeavingMessage> = leaving
        .messages
        .iter()
        .filter(|message| !limits.is_disposable(message))
        .collect();
    if counted.len() as u64 > limits.min {
        reasons.extend(limits.shares(leaving, &counted));
    }
    if reasons.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Stop { reasons }
    }
}

impl Limits {
    /// Whether a message was on its way out already.
    pub fn is_disposable(&self, message: &LeavingMessage) -> bool {
        let disposable = |folder: &FolderPath| {
            let mut listed = self.disposable.iter();
            listed.any(|listed| is_within(folder, listed))
        };
        message.trashed || message.folders.iter().all(disposable)
    }

    fn shares(&self, leaving: &Leaving, counted: &[&LeavingMessage]) -> Vec<Reason> {
        let mut of_folder: BTreeMap<&FolderPath, u64> = BTreeMap::new();
        for folder in counted.iter().flat_map(|message| &message.folders) {
            *of_folder.entry(folder).or_default() += 1;
        }
        let places: u64 = of_folder.values().sum();
        let mut reasons = Vec::new();
        if exceeds(places, self.tree_percent, leaving.total) {
            reasons.push(Reason::OfTree {
                leaving: counted.len() as u64,
                total: leaving.total,
            });
        }
        for (folder, count) in of_folder {
            let total = leaving.folder_totals.get(folder).copied().unwrap_or(0);
            if total > self.folder_min && exceeds(count, self.folder_percent, total) {
                reasons.push(Reason::OfFolder {
                    folder: folder.clone(),
                    leaving: count,
                    total,
                });
            }
        }
        reasons
    }
}

/// Whether `part` is more than so many per cent of `whole`.
fn exceeds(part: u64, percent: u64, whole: u64) -> bool {
    u128::from(part) * 100 > u128::from(percent) * u128::from(whole)
}

fn is_within(folder: &FolderPath, outer: &FolderPath) -> bool {
    let rest = folder.as_bytes().strip_prefix(outer.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// `after` with what would leave put back as it is in `before`: all else goes on while deletions
/// wait.
pub fn withhold(
    odb: &dyn ObjectWrite,
    before: FolderMapId,
    after: FolderMapId,
    leaving: &Leaving,
) -> Result<FolderMapId, MergeError> {
    let before = graph::load_map(odb, before)?;
    let mut map = graph::load_map(odb, after)?;
    let keys: Vec<EntryKey> = leaving.messages.iter().map(|message| message.key).collect();
    let mut back: BTreeMap<&FolderPath, Vec<(EntryKey, Option<Entry>)>> = BTreeMap::new();
    locate(odb, &before, &keys, |folder, key, entry| {
        back.entry(folder).or_default().push((key, Some(entry)));
    })?;
    for (path, edits) in back {
        let start = map
            .folders
            .get(path)
            .map_or_else(tree::empty_id, |f| f.tree);
        let (tree, sums) = tree::edit(odb, start, edits)?;
        map.folders.insert(path.clone(), Folder { tree, sums });
    }
    store(odb, &map)
}
