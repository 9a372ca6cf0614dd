//! Between the model's states and what the store keeps of them.

use std::collections::BTreeMap;

use mailvc_store::maildir::{Flags, FolderPath};
use mailvc_store::object::{
    BlobId, Conflict, Copies, Day, Entry, EntryKey, Folder, FolderMap, FolderMapId, Keyword, Kind,
    MessageCopy,
};
use mailvc_store::odb::{MemoryOdb, ObjectWrite};
use mailvc_store::{graph, tree};

use super::merge::Decision;
use super::state::{Copy, Held, State};

/// The key of a message.
pub(super) fn key(message: u64) -> EntryKey {
    EntryKey {
        day: Day((message % 3) as u16),
        blob: BlobId::of(&message.to_le_bytes()),
    }
}

pub(super) fn path(folder: &str) -> FolderPath {
    FolderPath::new(folder.as_bytes()).expect("a folder")
}

fn entry(message: u64, held: &Held) -> Entry {
    Entry {
        size: 10 + message,
        copies: Copies::collect(held.copies.iter().map(copy)).expect("copies"),
        kept: held.kept,
    }
}

fn copy(copy: &Copy) -> MessageCopy {
    let keyword = |mark: &&str| Some(Keyword::new(mark.strip_prefix('+')?.as_bytes()));
    let keywords = copy.marks.iter().filter_map(keyword);
    let letters = copy.marks.iter().filter(|mark| mark.len() == 1);
    let info: String = letters.copied().chain([copy.tail]).collect();
    MessageCopy {
        recent: copy.marks.contains("new"),
        flags: Flags::from_info(info.as_bytes()),
        keywords: keywords.collect::<Result<_, _>>().expect("keywords"),
        mtime: copy.time,
    }
}

/// Stores a state.
pub(super) fn store(odb: &MemoryOdb, state: &State) -> FolderMap {
    let mut folders: BTreeMap<&str, Vec<(EntryKey, Option<Entry>)>> = BTreeMap::new();
    for &folder in &state.folders {
        folders.insert(folder, Vec::new());
    }
    for (&message, places) in &state.mail {
        for (&folder, held) in places {
            let edits = folders.entry(folder).or_default();
            edits.push((key(message), Some(entry(message, held))));
        }
    }
    let mut map = FolderMap::default();
    for (folder, edits) in folders {
        let empty = tree::empty(odb).expect("memory");
        let (tree, sums) = tree::edit(odb, empty, edits).expect("memory");
        map.folders.insert(path(folder), Folder { tree, sums });
    }
    let lines = state.lines.iter();
    map.subscriptions = lines.map(|line| line.as_bytes().to_vec()).collect();
    odb.write(Kind::FolderMap, &map.encode()).expect("memory");
    map
}

/// The id of a folder map.
pub(super) fn id(map: &FolderMap) -> FolderMapId {
    FolderMapId::of(&map.encode())
}

/// A decision as a snapshot records it.
pub(super) fn conflict(&(folder, message, kind): &Decision) -> Conflict {
    let of_a_folder = EntryKey {
        day: Day(0),
        blob: BlobId::new([0; 32]),
    };
    Conflict {
        folder: path(folder),
        key: message.map_or(of_a_folder, key),
        kind,
    }
}

/// All that a stored state says, for people who look for a difference.
pub(super) fn describe(odb: &MemoryOdb, id: FolderMapId) -> String {
    let map = graph::load_map(odb, id).expect("stored");
    let mut lines = vec![format!("subscriptions {:?}", map.subscriptions)];
    for (path, folder) in &map.folders {
        lines.push(format!("{path}:"));
        for entry in tree::entries(odb, folder.tree) {
            let (key, entry) = entry.expect("stored");
            lines.push(format!("  {} {entry:?}", key.blob.short()));
        }
    }
    lines.join("\n")
}
