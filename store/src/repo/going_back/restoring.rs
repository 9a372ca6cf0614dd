//! Bringing messages back that the Maildir lacks.

use std::collections::{BTreeMap, BTreeSet};

use crate::maildir::FolderPath;
use crate::merge::{self, MessagePlaces};
use crate::object::{BlobId, Entry, EntryKey, Folder, FolderMap, SnapshotId, SnapshotKind};
use crate::odb::{Batch, ObjectRead, ObjectWrite};
use crate::worktree::Mend;
use crate::{graph, tree};

use super::super::recording::empty_tree;
use super::{Back, Locked, RepoError, Repository, SnapshotReport, Target, Transition, folders_of};

/// Which messages to bring back.
#[derive(Debug, Clone)]
pub enum Selection {
    /// All that the state has.
    All,
    /// Those of one folder.
    Folder(FolderPath),
    /// These, from the state or else from the newest that has them.
    Messages(BTreeSet<EntryKey>),
}

/// What to bring back.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The state; `local` if not given.
    pub from: Option<SnapshotId>,
    /// Which of its messages.
    pub selection: Selection,
    /// Whether to find out only.
    pub dry_run: bool,
}

/// What is to be put into each folder.
type Edits = BTreeMap<FolderPath, Vec<(EntryKey, Option<Entry>)>>;

impl Locked<'_> {
    /// Brings messages back: of each content as many copies as the Maildir has fewer than the
    /// state, into the folders that lack them. Mends the damaged files among them that were
    /// recorded, for which the Maildir must have been looked at thoroughly. Removes nothing else.
    pub fn restore(
        &self,
        recorded: &SnapshotReport,
        request: &RestoreRequest,
    ) -> Result<Transition, RepoError> {
        let local = recorded.state.ok_or(RepoError::Empty)?;
        let from = request.from.unwrap_or(local);
        let batch = self.work(request.dry_run)?;
        let wanted = wanted(&*batch, from, &recorded.found, &request.selection)?;
        let mut edits = Edits::new();
        let mut back = BTreeSet::new();
        let mut here = all_places(&*batch, &recorded.found, wanted.keys())?;
        for (key, state) in wanted {
            let now = here.remove(&key).unwrap_or_default();
            for (path, entry) in merge::give_back(&state, &now) {
                back.insert((path.clone(), key));
                edits.entry(path).or_default().push((key, Some(entry)));
            }
        }
        let mut map = folders_of(&*batch, local)?;
        put(&batch, &mut map, edits)?;
        let why = format!("restore from {}", from.short());
        let target = Target {
            kind: SnapshotKind::Restore,
            map,
            back: Back::Messages(back),
            mend: damaged(recorded, &request.selection),
            why,
        };
        self.go(batch, recorded, target, (None, request.dry_run))
    }
}

/// The damaged files that are meant. Their messages are in the state that the Maildir is in,
/// whichever the others come from.
fn damaged(recorded: &SnapshotReport, selection: &Selection) -> Vec<Mend> {
    let meant = |mend: &&Mend| match selection {
        Selection::All => true,
        Selection::Folder(only) => mend.folder == *only,
        Selection::Messages(keys) => keys.contains(&mend.key),
    };
    recorded.damaged.iter().filter(meant).cloned().collect()
}

/// The messages to look at, each with its places in the state.
fn wanted(
    odb: &dyn ObjectRead,
    from: SnapshotId,
    found: &FolderMap,
    selection: &Selection,
) -> Result<BTreeMap<EntryKey, MessagePlaces>, RepoError> {
    let state = folders_of(odb, from)?;
    let only = match selection {
        Selection::Messages(keys) => return last_places(odb, from, keys),
        Selection::Folder(path) => Some(path),
        Selection::All => None,
    };
    let mut wanted = all_places(odb, &state, &fewer(odb, found, &state, only)?)?;
    if let Some(only) = only {
        for places in wanted.values_mut() {
            places.retain(|path, _| path == only);
        }
    }
    Ok(wanted)
}

/// Where messages were in the newest state, from `from` backward, that has each. Those that no
/// state has are nowhere.
pub(in crate::repo) fn last_places(
    odb: &dyn ObjectRead,
    from: SnapshotId,
    keys: &BTreeSet<EntryKey>,
) -> Result<BTreeMap<EntryKey, MessagePlaces>, RepoError> {
    let mut found: BTreeMap<EntryKey, MessagePlaces> = BTreeMap::new();
    let mut open = keys.clone();
    for ancestor in graph::ancestors(odb, [from]) {
        if open.is_empty() {
            break;
        }
        let (_, snapshot) = ancestor?;
        let map = graph::load_map(odb, snapshot.folders)?;
        for (path, folder) in &map.folders {
            for (key, entry) in tree::get_all(odb, folder.tree, open.iter().copied())? {
                found.entry(key).or_default().insert(path.clone(), entry);
            }
        }
        open.retain(|key| !found.contains_key(key));
    }
    Ok(found)
}

/// A folder map of messages, each in its places.
pub(in crate::repo) fn assemble(
    odb: &dyn ObjectWrite,
    messages: BTreeMap<EntryKey, MessagePlaces>,
) -> Result<FolderMap, RepoError> {
    let mut edits = Edits::new();
    for (key, places) in messages {
        for (path, entry) in places {
            edits.entry(path).or_default().push((key, Some(entry)));
        }
    }
    let mut map = FolderMap::default();
    for (path, edits) in edits {
        let (tree, sums) = tree::edit(odb, tree::empty(odb)?, edits)?;
        map.folders.insert(path, Folder { tree, sums });
    }
    Ok(map)
}

/// The messages of which some folder holds fewer copies than in the state.
fn fewer(
    odb: &dyn ObjectRead,
    found: &FolderMap,
    state: &FolderMap,
    only: Option<&FolderPath>,
) -> Result<BTreeSet<EntryKey>, RepoError> {
    let mut keys = BTreeSet::new();
    for (path, folder) in &state.folders {
        if only.is_some_and(|only| only != path) {
            continue;
        }
        let now = found
            .folders
            .get(path)
            .map_or_else(tree::empty_id, |folder| folder.tree);
        for change in tree::diff(odb, now, folder.tree) {
            let change = change?;
            let count = |entry: &Option<Entry>| entry.as_ref().map_or(0, |e| e.copies.count());
            if count(&change.before) < count(&change.after) {
                keys.insert(change.key);
            }
        }
    }
    Ok(keys)
}

/// Where messages lie in a state; each folder is walked once. Those that it lacks are nowhere.
fn all_places<'k>(
    odb: &dyn ObjectRead,
    map: &FolderMap,
    keys: impl IntoIterator<Item = &'k EntryKey, IntoIter: Clone>,
) -> Result<BTreeMap<EntryKey, MessagePlaces>, RepoError> {
    let keys = keys.into_iter();
    let mut found: BTreeMap<EntryKey, MessagePlaces> = BTreeMap::new();
    for (path, folder) in &map.folders {
        for (key, entry) in tree::get_all(odb, folder.tree, keys.clone().copied())? {
            found.entry(key).or_default().insert(path.clone(), entry);
        }
    }
    Ok(found)
}

fn put(batch: &Batch<'_>, map: &mut FolderMap, edits: Edits) -> Result<(), RepoError> {
    for (path, edits) in edits {
        let root = match map.folders.get(&path) {
            Some(folder) => folder.tree,
            None => empty_tree(batch)?,
        };
        let (tree, sums) = tree::edit(batch, root, edits)?;
        map.folders.insert(path, Folder { tree, sums });
    }
    Ok(())
}

impl Repository {
    /// The key of a stored message: its day is read from its own header.
    pub fn entry_key(&self, blob: BlobId) -> Result<EntryKey, RepoError> {
        let bytes = self.odb().read(blob.into())?;
        let head = &bytes[..bytes.len().min(crate::mime::HEAD)];
        Ok(EntryKey {
            day: crate::object::Day(crate::mime::day(head)),
            blob,
        })
    }
}
