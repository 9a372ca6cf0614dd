//! What was seen as a folder map, and as rows for the index.

use std::collections::BTreeMap;

use super::{Scan, Scanner, State, Work};
use crate::index::{DirStamp, FolderChange, FolderRow};
use crate::maildir::FolderPath;
use crate::object::{Folder, FolderMap};
use crate::odb::Batch;
use crate::worktree::trees::Difference;
use crate::worktree::{Mend, WorktreeError, trees};

impl Scanner<'_> {
    pub(super) fn finish(
        &self,
        batch: &Batch<'_>,
        state: State,
        known: &BTreeMap<FolderPath, FolderRow>,
        consistent: bool,
    ) -> Result<Scan, WorktreeError> {
        let damaged = damaged(&state);
        let mut map = FolderMap {
            subscriptions: self.maildir.subscriptions()?,
            ..FolderMap::default()
        };
        let mut rows = Vec::new();
        for (path, work) in state.works {
            let local = self.local.folders.get(&path);
            let listed = work.listed_at.sides();
            let mut folder = match work.row.tree {
                Some(tree) if !listed.any() => match local {
                    Some(local) if local.tree == tree => *local,
                    _ => trees::folder(batch, tree)?,
                },
                _ => self.tree(batch, &work)?,
            };
            if let Some(local) = local.filter(|local| local.tree != folder.tree) {
                folder = trees::adopt_kept(batch, local.tree, folder)?;
            }
            map.folders.insert(path.clone(), folder);
            let row = row_after(&work, folder, consistent);
            if row != work.row || !work.found.is_empty() || !work.gone.is_empty() {
                let (found, mut gone) = (work.found, work.gone);
                gone.retain(|name, _| !found.contains_key(name));
                rows.push(FolderChange {
                    path,
                    row: Some(row),
                    put: found.into_iter().collect(),
                    remove: gone.into_keys().collect(),
                });
            }
        }
        let is_hidden = |path: &FolderPath| state.hidden.iter().any(|top| is_within(path, top));
        for (path, folder) in &self.local.folders {
            if is_hidden(path) && !map.folders.contains_key(path) {
                map.folders.insert(path.clone(), *folder);
            }
        }
        for path in known.keys().filter(|path| !map.folders.contains_key(*path)) {
            let gone = FolderChange {
                path: path.clone(),
                row: None,
                put: Vec::new(),
                remove: Vec::new(),
            };
            rows.push(gone);
        }
        Ok(Scan {
            map,
            problems: state.problems,
            damaged,
            hidden: state.hidden,
            consistent,
            rows,
            read: state.read,
        })
    }
}

impl Scanner<'_> {
    /// The tree of a folder that was listed.
    fn tree(&self, batch: &Batch<'_>, work: &Work) -> Result<Folder, WorktreeError> {
        let difference = Difference {
            gone: &work.gone,
            found: &work.found,
        };
        if let Some(tree) = work.row.tree {
            let base = trees::folder(batch, tree)?;
            // Else the tree is of other files than the index's, whatever the reason.
            let same = work.files == Some(base.sums.copies);
            if same && let Some(folder) = trees::update(batch, &work.folder, (base, difference))? {
                return Ok(folder);
            }
        }
        trees::build(batch, &work.folder, (self.index, difference))
    }
}

/// What the index is to know of a folder.
fn row_after(work: &Work, folder: Folder, consistent: bool) -> FolderRow {
    let unsettle = |stamp: Option<DirStamp>| {
        stamp.map(|stamp| DirStamp {
            settled: stamp.settled && consistent && !work.unread,
            ..stamp
        })
    };
    let listed = work.listed_at.sides();
    let mut row = FolderRow {
        tree: Some(folder.tree),
        scans: work.row.scans + u64::from(listed.any()),
        ..work.row
    };
    if listed.cur {
        row.cur = unsettle(work.stamps.cur);
    }
    if listed.new {
        row.new = unsettle(work.stamps.new);
    }
    row
}

/// What mends the files that were damaged, and that the last look still found to be so.
fn damaged(state: &State) -> Vec<Mend> {
    let works = state.works.iter();
    let damaged = works.flat_map(|(folder, work)| {
        work.damaged
            .iter()
            .map(move |(name, found)| (folder, name, found))
    });
    damaged
        .map(|(folder, name, (known, found))| Mend {
            folder: folder.clone(),
            name: name.clone(),
            key: trees::key_of(known),
            size: known.size,
            copy: trees::copy_of(name, known),
            found: *found,
            written: false,
        })
        .collect()
}

/// Whether `path` is `top` or lies below it.
fn is_within(path: &FolderPath, top: &FolderPath) -> bool {
    top.is_root()
        || path == top
        || path
            .as_bytes()
            .strip_prefix(top.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"/"))
}
