//! Going back: to an earlier state (`checkout`), before the last change (`undo`), or for what is
//! missing alone (`restore`).

mod restoring;

use std::collections::BTreeSet;

use crate::maildir::FolderPath;
use crate::merge;
use crate::object::{
    Entry, EntryKey, Folder, FolderMap, FolderMapId, Snapshot, SnapshotId, SnapshotKind, Sums,
};
use crate::odb::{Batch, ObjectRead};
use crate::refs::{LogRecord, RefName};
use crate::{graph, tree};

pub use restoring::{RestoreRequest, Selection};
pub(super) use restoring::{assemble, last_places};

use super::locked::Work;
use super::recording::{Draft, empty_tree, write_map};
use super::{Applying, Locked, RepoError, Repository, SnapshotReport, Transition};

/// What to go back to.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// The state.
    pub target: SnapshotId,
    /// The one folder that is concerned, if not all.
    pub folder: Option<FolderPath>,
    /// Whether messages that the state lacks stay.
    pub keep_newer: bool,
    /// How many messages the person allows to leave.
    pub yes: Option<u64>,
    /// Whether to find out only.
    pub dry_run: bool,
}

/// A state that the Maildir is to be given.
struct Target {
    kind: SnapshotKind,
    map: FolderMap,
    why: String,
}

impl Locked<'_> {
    /// Makes the Maildir what it was. What would leave it must have been allowed, by number.
    pub fn checkout(
        &self,
        recorded: &SnapshotReport,
        request: &CheckoutRequest,
    ) -> Result<Transition, RepoError> {
        let batch = self.work(request.dry_run)?;
        let local = folders(&*batch, recorded.id.ok_or(RepoError::Empty)?)?;
        let mut map = folders(&*batch, request.target)?;
        if let Some(only) = &request.folder {
            let wanted = map.folders.get(only).copied();
            map = local.clone();
            match wanted {
                Some(folder) => map.folders.insert(only.clone(), folder),
                None => map.folders.remove(only),
            };
        }
        if request.keep_newer {
            let (before, after) = (write_map(&*batch, &local)?, write_map(&*batch, &map)?);
            let leaving = merge::leaving(&*batch, before, after)?;
            map = graph::load_map(&*batch, merge::withhold(&*batch, before, after, &leaving)?)?;
        }
        let why = format!("checkout {}", request.target.short());
        let target = Target {
            kind: SnapshotKind::Checkout,
            map,
            why,
        };
        self.go(batch, recorded, target, (request.yes, request.dry_run))
    }

    /// Takes back what the last change made, and leaves what came since.
    pub fn undo(
        &self,
        recorded: &SnapshotReport,
        yes: Option<u64>,
        dry_run: bool,
    ) -> Result<Transition, RepoError> {
        let record = self.repo.undoable()?.ok_or(RepoError::NothingToUndo)?;
        let (Some(old), Some(new)) = (record.old, record.new) else {
            return Err(RepoError::NothingToUndo);
        };
        let batch = self.work(dry_run)?;
        let local = recorded.id.ok_or(RepoError::Empty)?;
        let folders =
            |id| -> Result<FolderMapId, RepoError> { Ok(graph::load(&*batch, id)?.folders) };
        let merged =
            merge::merge_maps(&*batch, Some(folders(new)?), folders(local)?, folders(old)?)?;
        let why = format!("undo {}", record.why);
        let target = Target {
            kind: SnapshotKind::Undo,
            map: merged.map,
            why,
        };
        self.go(batch, recorded, target, (yes, dry_run))
    }

    /// Records `target` as a snapshot and takes the Maildir there.
    fn go(
        &self,
        batch: Work<'_, '_>,
        recorded: &SnapshotReport,
        target: Target,
        (yes, dry_run): (Option<u64>, bool),
    ) -> Result<Transition, RepoError> {
        let local = recorded.id.ok_or(RepoError::Empty)?;
        let before: Snapshot = graph::load(&*batch, local)?;
        let before_map = graph::load_map(&*batch, before.folders)?;
        let generation = before.generation + 1;
        let map = bring_back(
            &batch,
            (&before_map, &recorded.found),
            target.map,
            generation,
        )?;
        let after = write_map(&*batch, &map)?;
        let leaving = merge::leaving(&*batch, before.folders, after)?;
        let count = leaving.messages.len() as u64;
        match yes {
            Some(asked) if asked != count => {
                return Err(RepoError::WrongYes {
                    asked,
                    actual: count,
                });
            }
            None if count > 0 && !dry_run => {
                return Err(RepoError::WouldRemove(Box::new(leaving)));
            }
            _ => {}
        }
        if dry_run || map == recorded.found {
            let plan = crate::worktree::plan(&*batch, &recorded.found, &map)?;
            return Ok(Transition {
                from: Some(local),
                to: None,
                plan,
                leaving: count,
                ..Transition::default()
            });
        }
        let draft = Draft {
            kind: target.kind,
            parents: vec![local],
            message: "",
        };
        let to = self.repo.write_snapshot(&*batch, &draft, after)?;
        batch.finish()?;
        let record = Applying {
            from: Some(local),
            to,
            why: target.why,
        };
        self.transition(&recorded.found, &record)
    }
}

/// A snapshot's folders, wherever it is stored.
fn folders(odb: &dyn ObjectRead, id: SnapshotId) -> Result<FolderMap, RepoError> {
    Ok(graph::load_map(odb, graph::load(odb, id)?.folders)?)
}

impl Repository {
    /// The last change of the Maildir that was not just somebody's own work in it.
    pub fn undoable(&self) -> Result<Option<LogRecord>, RepoError> {
        let log = self.refs().log(&RefName::Local)?;
        Ok(log
            .into_iter()
            .find(|record| record.old.is_some() && record.why != "snapshot"))
    }
}

/// `target`, with `kept` raised to `generation` on all messages that it brings back, and nowhere
/// lower than it is now.
fn bring_back(
    batch: &Batch<'_>,
    (local, found): (&FolderMap, &FolderMap),
    target: FolderMap,
    generation: u64,
) -> Result<FolderMap, RepoError> {
    let mut map = target.clone();
    let empty = empty_tree(batch)?;
    for (path, folder) in &target.folders {
        let mut edits: Vec<(EntryKey, Option<Entry>)> = Vec::new();
        let mut returning = BTreeSet::new();
        let seen = found.folders.get(path).map_or(empty, |folder| folder.tree);
        for change in tree::diff(batch, seen, folder.tree) {
            let change = change?;
            if let (None, Some(after)) = (change.before, change.after) {
                returning.insert(change.key);
                edits.push((
                    change.key,
                    Some(Entry {
                        kept: generation,
                        ..after
                    }),
                ));
            }
        }
        let now = local.folders.get(path).map_or(empty, |folder| folder.tree);
        for change in tree::diff(batch, now, folder.tree) {
            let change = change?;
            if let (Some(before), Some(after)) = (change.before, change.after)
                && before.kept > after.kept
                && !returning.contains(&change.key)
            {
                edits.push((
                    change.key,
                    Some(Entry {
                        kept: before.kept,
                        ..after
                    }),
                ));
            }
        }
        if !edits.is_empty() {
            let (tree, sums): (_, Sums) = tree::edit(batch, folder.tree, edits)?;
            map.folders.insert(path.clone(), Folder { tree, sums });
        }
    }
    Ok(map)
}
