//! What was seen as a folder map, and as rows for the index.

use std::collections::BTreeMap;

use super::{Scan, Scanner, State};
use crate::index::{FileRow, FolderChange, FolderRow};
use crate::maildir::FolderPath;
use crate::object::FolderMap;
use crate::odb::Batch;
use crate::worktree::files::{self, Name};
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
            let mut folder = match (work.listed_at, work.row.tree) {
                (0, Some(tree)) => match local {
                    Some(local) if local.tree == tree => *local,
                    _ => trees::folder(batch, tree)?,
                },
                (_, base) => trees::update(batch, &path, base, (&work.indexed, &work.rows))?,
            };
            if let Some(local) = local.filter(|local| local.tree != folder.tree) {
                folder = trees::adopt_kept(batch, local.tree, folder)?;
            }
            map.folders.insert(path.clone(), folder);
            if work.listed_at > 0 || work.row.tree != Some(folder.tree) {
                let (put, remove) = files::difference(&work.indexed, &work.rows);
                let unsettle = |stamp: Option<crate::index::DirStamp>| {
                    stamp.map(|stamp| crate::index::DirStamp {
                        settled: stamp.settled && consistent,
                        ..stamp
                    })
                };
                let row = if work.listed_at > 0 {
                    FolderRow {
                        cur: unsettle(work.stamps.cur),
                        new: unsettle(work.stamps.new),
                        tree: Some(folder.tree),
                        scans: work.row.scans + 1,
                    }
                } else {
                    FolderRow {
                        tree: Some(folder.tree),
                        ..work.row
                    }
                };
                if !(put.is_empty() && remove.is_empty() && row == work.row) {
                    rows.push(FolderChange {
                        path,
                        row: Some(row),
                        put,
                        remove,
                    });
                }
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

/// What mends the files that were damaged, and that the last look still found to be so.
fn damaged(state: &State) -> Vec<Mend> {
    let is_there = |folder: &FolderPath, name: &Name, known: &FileRow| {
        let rows = state.works.get(folder).map(|work| &work.rows);
        rows.is_some_and(|rows| {
            let at = rows.binary_search_by(|(found, _)| found.cmp(name));
            at.is_ok_and(|at| rows[at].1 == *known)
        })
    };
    let damaged = state.damaged.iter();
    damaged
        .filter(|((folder, name), (known, _))| is_there(folder, name, known))
        .map(|((folder, name), (known, found))| Mend {
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
