//! Which messages changed between states, and how, over all folders at once: the differences of
//! many folder trees, brought together by message. What did not change is never read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::maildir::FolderPath;
use crate::object::{Entry, EntryKey, FolderMap, TreeId};
use crate::odb::ObjectRead;
use crate::tree::{self, Change, Diff, TreeError};

/// A state, and the one that came of it.
pub(super) type Step<'a> = (&'a FolderMap, &'a FolderMap);

/// What a step did to a message: the entries before and after in each folder where they differ.
pub(super) type Moves<'a> = BTreeMap<&'a FolderPath, (Option<Entry>, Option<Entry>)>;

/// A message that at least one of `N` steps changed.
pub(super) struct Touched<'a, const N: usize> {
    pub(super) key: EntryKey,
    pub(super) steps: [Moves<'a>; N],
}

/// Yields the messages that steps changed, in the order of their keys.
pub(super) struct AllTouched<'a, const N: usize> {
    sources: Vec<Source<'a>>,
    /// The next change of each source that has one.
    heap: BinaryHeap<Reverse<(EntryKey, usize)>>,
}

struct Source<'a> {
    step: usize,
    folder: &'a FolderPath,
    changes: Diff<'a>,
    next: Option<Change>,
}

impl<'a, const N: usize> AllTouched<'a, N> {
    pub(super) fn new(odb: &'a dyn ObjectRead, steps: [Step<'a>; N]) -> Result<Self, TreeError> {
        let mut all = Self {
            sources: Vec::new(),
            heap: BinaryHeap::new(),
        };
        for (step, (before, after)) in steps.into_iter().enumerate() {
            for folder in folders([before, after]) {
                let (before, after) = (tree_of(before, folder), tree_of(after, folder));
                if before != after {
                    all.sources.push(Source {
                        step,
                        folder,
                        changes: tree::diff(odb, before, after),
                        next: None,
                    });
                    all.advance(all.sources.len() - 1)?;
                }
            }
        }
        Ok(all)
    }

    /// Takes the change that a source stands at, and has it go on to the next.
    fn advance(&mut self, at: usize) -> Result<Option<Change>, TreeError> {
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(None);
        };
        let next = source.changes.next().transpose()?;
        if let Some(change) = &next {
            self.heap.push(Reverse((change.key, at)));
        }
        Ok(std::mem::replace(&mut source.next, next))
    }

    fn gather(&mut self, key: EntryKey) -> Result<Touched<'a, N>, TreeError> {
        let mut steps = std::array::from_fn(|_| Moves::new());
        while let Some(&Reverse((next, at))) = self.heap.peek() {
            if next != key {
                break;
            }
            self.heap.pop();
            let change = self.advance(at)?;
            if let (Some(change), Some(source)) = (change, self.sources.get(at)) {
                steps[source.step].insert(source.folder, (change.before, change.after));
            }
        }
        Ok(Touched { key, steps })
    }
}

impl<'a, const N: usize> Iterator for AllTouched<'a, N> {
    type Item = Result<Touched<'a, N>, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((key, _)) = *self.heap.peek()?;
        let touched = self.gather(key);
        if touched.is_err() {
            self.heap.clear();
        }
        Some(touched)
    }
}

/// The folders of any of these states.
pub(super) fn folders<const N: usize>(maps: [&FolderMap; N]) -> BTreeSet<&FolderPath> {
    maps.into_iter()
        .flat_map(|map| map.folders.keys())
        .collect()
}

fn tree_of(map: &FolderMap, folder: &FolderPath) -> TreeId {
    let folder = map.folders.get(folder);
    folder.map_or_else(tree::empty_id, |folder| folder.tree)
}

/// Where those of `keys` lie that a state has: one call of `found` for each folder and message.
pub(super) fn locate<'a>(
    odb: &dyn ObjectRead,
    map: &'a FolderMap,
    keys: &[EntryKey],
    mut found: impl FnMut(&'a FolderPath, EntryKey, Entry),
) -> Result<(), TreeError> {
    for (path, folder) in &map.folders {
        for (key, entry) in tree::get_all(odb, folder.tree, keys.iter().copied())? {
            found(path, key, entry);
        }
    }
    Ok(())
}
