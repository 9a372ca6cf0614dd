//! Going back: to an earlier state (`checkout`), before the last change (`undo`), or for what is
//! missing alone (`restore`).

mod restoring;

use std::collections::{BTreeMap, BTreeSet};

use crate::maildir::FolderPath;
use crate::merge;
use crate::object::{
    BlobId, Entry, EntryKey, Folder, FolderMap, FolderMapId, Occasion, SnapshotId, SnapshotKind,
    Sums,
};
use crate::odb::Batch;
use crate::refs::{LogRecord, RefName};
use crate::worktree::Mend;
use crate::{graph, tree};

pub use restoring::{RestoreRequest, Selection};
pub(super) use restoring::{assemble, last_places};

use super::locked::Work;
use super::recording::{Draft, write_map, write_map_like};
use super::{Applying, Locked, RepoError, Repository, SnapshotReport, Transition, folders_of};

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
    back: Back,
    /// The damaged files to mend.
    mend: Vec<Mend>,
    why: String,
}

/// Which messages are asked back.
enum Back {
    None,
    All,
    Folder(FolderPath),
    Messages(BTreeSet<(FolderPath, EntryKey)>),
}

impl Back {
    fn holds(&self, path: &FolderPath, key: EntryKey) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Folder(only) => only == path,
            Self::Messages(places) => places.contains(&(path.clone(), key)),
        }
    }
}

impl Locked<'_> {
    /// Makes the Maildir what it was. What would leave it must have been allowed, by number.
    pub fn checkout(
        &self,
        recorded: &SnapshotReport,
        request: &CheckoutRequest,
    ) -> Result<Transition, RepoError> {
        let batch = self.work(request.dry_run)?;
        let local = match recorded.state {
            Some(local) => folders_of(&*batch, local)?,
            None => FolderMap::default(),
        };
        let mut map = self.repo.folders(request.target)?;
        if let Some(only) = &request.folder {
            let wanted = map.folders.get(only).copied();
            map = local.clone();
            match wanted {
                Some(folder) => map.folders.insert(only.clone(), folder),
                None => map.folders.remove(only),
            };
        }
        if request.keep_newer {
            let before = write_map(&*batch, &local)?;
            let after = write_map_like(&*batch, &map, Some(before))?;
            let leaving = merge::leaving(&*batch, before, after)?;
            map = graph::load_map(&*batch, merge::withhold(&*batch, before, after, &leaving)?)?;
        }
        let why = format!("checkout {}", request.target.short());
        let target = Target {
            kind: SnapshotKind::Checkout,
            map,
            back: request.folder.clone().map_or(Back::All, Back::Folder),
            mend: Vec::new(),
            why,
        };
        self.go(batch, recorded, target, (request.yes, request.dry_run))
    }

    /// Takes back what the last change made, and leaves what came since. An undo that was cut
    /// off, and that this lock has ended, is the one that is asked for: it is not undone.
    pub fn undo(
        &self,
        recorded: &SnapshotReport,
        yes: Option<u64>,
        dry_run: bool,
    ) -> Result<Transition, RepoError> {
        if let Some(done) = self.finished.take()
            && graph::load(self.odb(), done.to)?.kind == SnapshotKind::Undo
        {
            return Ok(Transition {
                from: done.from,
                to: Some(done.to),
                ..Transition::default()
            });
        }
        let record = self.repo.undoable()?.ok_or(RepoError::NothingToUndo)?;
        let (Some(old), Some(new)) = (record.old, record.new) else {
            return Err(RepoError::NothingToUndo);
        };
        let batch = self.work(dry_run)?;
        let local = recorded.state.ok_or(RepoError::Empty)?;
        let folders =
            |id| -> Result<FolderMapId, RepoError> { Ok(graph::load(&*batch, id)?.folders) };
        let merged =
            merge::merge_maps(&*batch, Some(folders(new)?), folders(local)?, folders(old)?)?;
        let why = format!("undo {}", record.why);
        let target = Target {
            kind: SnapshotKind::Undo,
            map: merged.map,
            back: Back::None,
            mend: Vec::new(),
            why,
        };
        self.go(batch, recorded, target, (yes, dry_run))
    }

    /// Records `target` as a snapshot, if it is another state, and takes the Maildir there.
    fn go(
        &self,
        batch: Work<'_, '_>,
        recorded: &SnapshotReport,
        target: Target,
        (yes, dry_run): (Option<u64>, bool),
    ) -> Result<Transition, RepoError> {
        let local = recorded.state.ok_or(RepoError::Empty)?;
        let before = graph::load(&*batch, local)?;
        let before_map = graph::load_map(&*batch, before.folders)?;
        let map = bring_back(
            &batch,
            (&before_map, &recorded.found),
            &target,
            before.generation + 1,
        )?;
        let after = write_map_like(&*batch, &map, Some(before.folders))?;
        let leaving = merge::leaving(&*batch, before.folders, after)?;
        let count = leaving.messages.len() as u64;
        let blobs: Vec<BlobId> = leaving.blobs().collect();
        check_yes(yes, leaving, dry_run)?;
        let Target {
            kind, mend, why, ..
        } = target;
        if map == before_map && mend.is_empty() {
            let from = recorded.id;
            return Ok(Transition {
                from,
                ..Transition::default()
            });
        }
        let draft = Draft {
            kind,
            parents: vec![local],
            message: "",
        };
        // Files that are mended say what the snapshot says of them already.
        let to = if map == before_map {
            local
        } else {
            self.repo.write_snapshot(&*batch, &draft, after)?
        };
        if !blobs.is_empty() && !dry_run {
            self.repo.give_yes(Occasion::Line(to), blobs)?;
        }
        let record = Applying {
            from: Some(local),
            to,
            why,
        };
        Ok(Transition {
            leaving: count,
            ..self.transition_or_plan(batch, recorded, (&record, &mend), dry_run)?
        })
    }
}

/// Whether as many messages may leave as would. None may always: a command that was cut short and
/// is given again finds its work done.
fn check_yes(yes: Option<u64>, leaving: merge::Leaving, dry_run: bool) -> Result<(), RepoError> {
    let actual = leaving.messages.len() as u64;
    match yes {
        Some(asked) if asked != actual && actual > 0 => Err(RepoError::WrongYes { asked, actual }),
        None if actual > 0 && !dry_run => Err(RepoError::WouldRemove(Box::new(leaving))),
        _ => Ok(()),
    }
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

fn count(entry: Option<&Entry>) -> u64 {
    entry.map_or(0, |entry| entry.copies.count())
}

/// The target, with `kept` raised to `generation` on all messages that it brings back, and nowhere
/// lower than it is now.
fn bring_back(
    batch: &Batch<'_>,
    (local, found): (&FolderMap, &FolderMap),
    target: &Target,
    generation: u64,
) -> Result<FolderMap, RepoError> {
    let mut map = target.map.clone();
    let tree_in = |map: &FolderMap, path: &FolderPath| {
        let folder = map.folders.get(path);
        folder.map_or_else(tree::empty_id, |folder| folder.tree)
    };
    for (path, folder) in &target.map.folders {
        let now = tree_in(local, path);
        let mut edits: BTreeMap<EntryKey, Option<Entry>> = BTreeMap::new();
        for change in tree::diff(batch, tree_in(found, path), folder.tree) {
            let change = change?;
            let Some(mut after) = change.after else {
                continue;
            };
            let wanted = after.copies.count();
            if count(change.before.as_ref()) >= wanted {
                continue;
            }
            // What is missing here although `local` has it is held by the guard: nobody has
            // decided about it yet, and whoever did not ask for it does not get it.
            let asked = target.back.holds(path, change.key);
            if asked || count(tree::get(batch, now, change.key)?.as_ref()) < wanted {
                after.kept = generation;
                edits.insert(change.key, Some(after));
            }
        }
        for change in tree::diff(batch, now, folder.tree) {
            let change = change?;
            if let (Some(before), Some(mut after)) = (change.before, change.after)
                && before.kept > after.kept
            {
                after.kept = before.kept;
                edits.entry(change.key).or_insert(Some(after));
            }
        }
        if !edits.is_empty() {
            let (tree, sums): (_, Sums) = tree::edit(batch, folder.tree, edits)?;
            map.folders.insert(path.clone(), Folder { tree, sums });
        }
    }
    Ok(map)
}
