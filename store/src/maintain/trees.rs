//! The trees of the history. Of each folder the tree that was checked last is remembered; the
//! next one, a little older, is checked by what differs.

use std::collections::{BTreeMap, HashSet};

use super::finding::{Blame, Place};
use super::verify::Run;
use crate::graph;
use crate::maildir::FolderPath;
use crate::object::{Entry, EntryKey, Folder, Snapshot, SnapshotId, Sums, TreeId};
use crate::odb::OdbError;
use crate::tree::{self, TreeError};

/// What was checked already.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// Trees that are whole, and what they hold.
    whole: HashSet<(TreeId, Sums)>,
    /// Trees that are not; those who name them are told of, but they are not read again.
    broken: HashSet<TreeId>,
    /// The tree of each folder that was found whole last.
    last: BTreeMap<FolderPath, TreeId>,
}

impl Run<'_> {
    /// Checks a snapshot's folder map, and of its trees what no newer snapshot has.
    pub(super) fn folders(&mut self, id: SnapshotId, snapshot: &Snapshot, trees: &mut Trees) {
        let place = |folder: Option<&FolderPath>| Place {
            snapshot: id,
            folder: folder.cloned(),
        };
        let map = match graph::load_map(self.verifier.odb, snapshot.folders) {
            Ok(map) => map,
            Err(error) => {
                let key = snapshot.folders.into();
                return self.blame((key, error).into(), Some(place(None)));
            }
        };
        if map.sums() != snapshot.sums {
            let what = "its counts are not those of its folders".to_owned();
            self.blame(Blame::Object(id.into(), what), Some(place(None)));
        }
        for (path, folder) in &map.folders {
            if self.is_cancelled() {
                return;
            }
            self.tree(*folder, (path, &place(Some(path))), trees);
        }
    }

    fn tree(&mut self, folder: Folder, (path, place): (&FolderPath, &Place), trees: &mut Trees) {
        let Folder { tree: root, sums } = folder;
        if trees.whole.contains(&(root, sums)) || trees.broken.contains(&root) {
            return;
        }
        let done = match trees.last.get(path) {
            Some(&newer) => self.differing(newer, folder, place),
            None => self.whole(folder, place),
        };
        match done {
            Ok(()) => {
                trees.whole.insert((root, sums));
                trees.last.insert(path.clone(), root);
            }
            Err(error) => {
                trees.broken.insert(root);
                self.blame((root.into(), error).into(), Some(place.clone()));
            }
        }
    }

    fn whole(&mut self, folder: Folder, place: &Place) -> Result<(), TreeError> {
        let odb = self.verifier.odb;
        tree::check(odb, folder.tree, folder.sums, &mut |key, entry| {
            self.message(key, entry, place);
        })
    }

    /// Every node that `newer`, which is whole, does not have in the same place is read, and
    /// checked against its place.
    fn differing(&mut self, newer: TreeId, folder: Folder, place: &Place) -> Result<(), TreeError> {
        let odb = self.verifier.odb;
        for change in tree::diff(odb, newer, folder.tree) {
            let change = change?;
            if let Some(entry) = change.after {
                self.message(change.key, &entry, place);
            }
        }
        if tree::sums(odb, folder.tree)? == folder.sums {
            return Ok(());
        }
        Err(TreeError::Misplaced {
            id: folder.tree,
            what: "the folder map's sums are not its own",
        })
    }

    fn message(&mut self, key: EntryKey, entry: &Entry, place: &Place) {
        self.report.messages += 1;
        let object = key.blob.into();
        if self.note_place(object, Some(place.clone())) {
            return;
        }
        let what = match self.verifier.odb.blob_size(key.blob) {
            Ok(Some(size)) if size == entry.size => return,
            Ok(Some(size)) => format!("it has {size} bytes, and the tree says {}", entry.size),
            Ok(None) => {
                let missing = OdbError::Missing(object);
                return self.blame((object, missing).into(), Some(place.clone()));
            }
            Err(error) => return self.blame((object, error).into(), Some(place.clone())),
        };
        self.blame(Blame::Object(object, what), Some(place.clone()));
    }
}
