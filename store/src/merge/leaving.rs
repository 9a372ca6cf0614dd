//! What would leave a Maildir in a step from one state to the next, and how to have it stay.

use std::collections::{BTreeMap, BTreeSet};

use super::MergeError;
use super::map::store;
use super::touched::{AllTouched, Moves, locate};
use crate::maildir::{FolderPath, Standard};
use crate::object::{BlobId, Entry, EntryKey, Folder, FolderMap, FolderMapId};
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

/// `after` with what would leave put back as it is in `before`: all else goes on while deletions
/// wait. Copies wait too, of messages that stay elsewhere, where they went missing from a folder
/// together with messages that would leave: what took the ones took the others.
pub fn withhold(
    odb: &dyn ObjectWrite,
    before: FolderMapId,
    after: FolderMapId,
    leaving: &Leaving,
) -> Result<FolderMapId, MergeError> {
    let before = graph::load_map(odb, before)?;
    let after = graph::load_map(odb, after)?;
    let keys: Vec<EntryKey> = leaving.messages.iter().map(|message| message.key).collect();
    let mut back: Edits<'_> = lost_copies(odb, (&before, &after), leaving)?;
    locate(odb, &before, &keys, |folder, key, entry| {
        back.entry(folder).or_default().push((key, Some(entry)));
    })?;
    let mut map = after.clone();
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

/// What is to be put back into folders.
type Edits<'a> = BTreeMap<&'a FolderPath, Vec<(EntryKey, Option<Entry>)>>;

/// Copies that are missing from folders that leaving messages are missing from, of messages that
/// stay in another place and came to none: those were not filed elsewhere.
fn lost_copies<'a>(
    odb: &'a dyn ObjectRead,
    (before, after): (&'a FolderMap, &'a FolderMap),
    leaving: &Leaving,
) -> Result<Edits<'a>, MergeError> {
    let count = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.copies.count());
    let hit: BTreeSet<&FolderPath> = leaving.messages.iter().flat_map(|m| &m.folders).collect();
    let mut lost: BTreeMap<EntryKey, Vec<(&FolderPath, Entry)>> = BTreeMap::new();
    for touched in AllTouched::new(odb, [(before, after)])? {
        let touched = touched?;
        let [moves] = &touched.steps;
        let gained = |(before, after): &(Option<Entry>, Option<Entry>)| {
            count(after.as_ref()) > count(before.as_ref())
        };
        if moves.values().any(gained) {
            continue;
        }
        for (&folder, (before, after)) in moves {
            if let Some(entry) = before
                && count(after.as_ref()) < entry.copies.count()
                && hit.contains(folder)
            {
                let places = lost.entry(touched.key).or_default();
                places.push((folder, entry.clone()));
            }
        }
    }
    let keys: Vec<EntryKey> = lost.keys().copied().collect();
    let mut staying = BTreeSet::new();
    locate(odb, after, &keys, |_, key, _| {
        staying.insert(key);
    })?;
    let mut edits = Edits::new();
    for (key, places) in lost {
        for (folder, entry) in places.into_iter().filter(|_| staying.contains(&key)) {
            edits.entry(folder).or_default().push((key, Some(entry)));
        }
    }
    Ok(edits)
}
