//! What would leave a Maildir in a step from one state to the next, and how to have it stay.

use std::collections::{BTreeMap, BTreeSet};

use super::MergeError;
use super::map::store;
use super::touched::{AllTouched, Moves, locate};
use crate::maildir::{FolderPath, Standard};
use crate::object::{BlobId, Copies, Entry, EntryKey, Folder, FolderMap, FolderMapId, MessageCopy};
use crate::odb::{ObjectRead, ObjectWrite};
use crate::{graph, tree};

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
    /// Messages that stay, but with fewer copies in all, sorted. They need no yes, but where the
    /// rest waits for one, their copies wait too: who lost a disk lost them with it.
    pub thinned: Vec<EntryKey>,
    /// How many of them others replace, see [`Leaving::count_replaced`].
    pub replaced: u64,
    /// How many messages each folder has that any of them leave.
    pub folder_totals: BTreeMap<FolderPath, u64>,
    /// How many messages there are in all folders together.
    pub total: u64,
    /// What is new in these folders.
    arriving: BTreeMap<FolderPath, Vec<EntryKey>>,
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
    let mut thinned = Vec::new();
    for touched in AllTouched::new(odb, [(&before, &after)])? {
        let touched = touched?;
        let [moves] = &touched.steps;
        if copies(moves, |(before, _)| before) > copies(moves, |(_, after)| after) {
            thinned.push(touched.key);
        }
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
    thinned.retain(|key| !gone.contains_key(key));
    let leaving = Leaving::new(gone.into_values().collect(), arriving, &before);
    Ok(Leaving { thinned, ..leaving })
}

/// How many copies the folders of a step have on one side of it.
fn copies(
    moves: &Moves<'_>,
    side: impl Fn(&(Option<Entry>, Option<Entry>)) -> &Option<Entry>,
) -> u64 {
    let entries = moves.values().filter_map(|both| side(both).as_ref());
    entries.map(|entry| entry.copies.count()).sum()
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
            thinned: Vec::new(),
            replaced: 0,
            folder_totals,
            total: before.sums().entries,
            arriving,
        }
    }

    /// The same, without messages that are allowed to leave. Those that replace others have to be
    /// counted anew.
    #[must_use]
    pub fn without(&self, allowed: &BTreeSet<BlobId>) -> Self {
        let mut rest = self.clone();
        rest.messages
            .retain(|message| !allowed.contains(&message.key.blob));
        rest.replaced = 0;
        rest
    }

    /// The ids of the messages.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.messages.iter().map(|message| message.key.blob)
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

/// Where the copies of a message lie.
pub type MessagePlaces = BTreeMap<FolderPath, Entry>;

/// `after` with the copies put back that it has fewer than `before`, of the messages that leave or
/// are thinned: all else goes on while deletions wait.
pub fn withhold(
    odb: &dyn ObjectWrite,
    before: FolderMapId,
    after: FolderMapId,
    leaving: &Leaving,
) -> Result<FolderMapId, MergeError> {
    let other = before;
    let before = graph::load_map(odb, before)?;
    let mut map = graph::load_map(odb, after)?;
    let messages = leaving.messages.iter().map(|message| message.key);
    let mut keys: Vec<EntryKey> = messages.chain(leaving.thinned.iter().copied()).collect();
    keys.sort_unstable();
    let mut was: BTreeMap<EntryKey, MessagePlaces> = BTreeMap::new();
    locate(odb, &before, &keys, |folder, key, entry| {
        was.entry(key).or_default().insert(folder.clone(), entry);
    })?;
    let mut is: BTreeMap<EntryKey, MessagePlaces> = BTreeMap::new();
    locate(odb, &map, &leaving.thinned, |folder, key, entry| {
        is.entry(key).or_default().insert(folder.clone(), entry);
    })?;
    let mut back: BTreeMap<FolderPath, Vec<(EntryKey, Option<Entry>)>> = BTreeMap::new();
    for (key, was) in was {
        let is = is.remove(&key).unwrap_or_default();
        for (path, entry) in give_back(&was, &is) {
            back.entry(path).or_default().push((key, Some(entry)));
        }
    }
    for (path, edits) in back {
        let start = map
            .folders
            .get(&path)
            .map_or_else(tree::empty_id, |f| f.tree);
        let (tree, sums) = tree::edit(odb, start, edits)?;
        map.folders.insert(path, Folder { tree, sums });
    }
    store(odb, &map, Some(other))
}

/// What folders are to hold of a message that has fewer copies `now` than in `state`: what they
/// hold now, and of the copies that are missing in all as many as each lacks. So a message that
/// was filed elsewhere since is not doubled.
pub fn give_back(state: &MessagePlaces, now: &MessagePlaces) -> Vec<(FolderPath, Entry)> {
    let total = |places: &MessagePlaces| -> u64 { places.values().map(|e| e.copies.count()).sum() };
    let mut lacking = total(state).saturating_sub(total(now));
    let mut result = Vec::new();
    for (path, entry) in state {
        let mut here: Vec<MessageCopy> = now
            .get(path)
            .map_or_else(Vec::new, |entry| entry.copies.iter().cloned().collect());
        let room = entry.copies.count().saturating_sub(here.len() as u64);
        let room = room.min(lacking);
        if room == 0 {
            continue;
        }
        lacking -= room;
        let mut spare = here.clone();
        let returning = entry.copies.iter().filter(|copy| {
            let at = spare.iter().position(|known| known == *copy);
            at.map(|at| spare.swap_remove(at)).is_none()
        });
        here.extend(returning.take(room as usize).cloned());
        if let Some(copies) = Copies::collect(here) {
            let kept = now.get(path).map_or(0, |now| now.kept).max(entry.kept);
            let entry = Entry {
                copies,
                kept,
                size: entry.size,
            };
            result.push((path.clone(), entry));
        }
    }
    result
}
