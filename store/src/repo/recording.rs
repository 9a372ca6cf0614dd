//! Recording the Maildir as a snapshot.

mod admitting;
mod making;

use std::collections::BTreeSet;
use std::io::Write as _;

use crate::maildir::FolderPath;
use crate::merge::{self, Flagged};
use crate::object::{FolderMap, FolderMapId, Kind, Occasion, SnapshotId, SnapshotKind};
use crate::odb::{Batch, ObjectWrite};
use crate::time::Timestamp;
use crate::tree;
use crate::worktree::{Depth, Mend, Plan, Problem, Scan, Scanner, plan};

use super::{Locked, RepoError, Repository};

use admitting::Admitted;
pub use admitting::{Held, HeldReason};
pub(super) use admitting::{count_replaced, leaving};
pub(super) use making::Draft;

/// After so many scans, one lists every directory whatever its times say.
const LIST_ALL: u64 = 24;
/// After so many, one compares every file's size and times.
const STAT_ALL: u64 = 240;

/// How to record.
#[derive(Debug, Clone, Default)]
pub struct SnapshotRequest {
    /// What to say of it.
    pub message: String,
    /// How many disappearances the person allows.
    pub yes: Option<u64>,
    /// Whether what is missing is left for later, because it is about to be brought back.
    pub keep_missing: bool,
    /// Whether every file's size and times are to be compared.
    pub thorough: bool,
    /// Whether to find out only, and record nothing.
    pub dry_run: bool,
}

/// What recording found and did.
#[derive(Debug)]
pub struct SnapshotReport {
    /// The snapshot that stands for the Maildir now; none if nothing was ever recorded and there
    /// is nothing to record. In a dry run the one before.
    pub id: Option<SnapshotId>,
    /// Whether it is new.
    pub new: bool,
    /// What changed since the last one.
    pub changes: Plan,
    /// What is missing but not recorded as deleted.
    pub held: Held,
    /// The folders of which over half has other flags than before: a warning.
    pub flagged: Vec<Flagged>,
    /// What was strange in the Maildir.
    pub problems: Vec<Problem>,
    /// The files that were damaged in place, each with what mends it; in `found` they are whole.
    pub damaged: Vec<Mend>,
    /// The folders that could not be looked into; in `found` they are as they were.
    pub hidden: BTreeSet<FolderPath>,
    /// The Maildir as it is, which lacks what is held.
    pub found: FolderMap,
    /// What `local` is now; in a dry run what it would be, which only dry runs can read.
    pub(super) state: Option<SnapshotId>,
}

impl Locked<'_> {
    /// Looks at the Maildir and records it if it changed.
    pub fn snapshot(&self, request: &SnapshotRequest) -> Result<SnapshotReport, RepoError> {
        let local = self.repo.local()?;
        let before = self.repo.folders_or_none(local)?;
        let batch = self.work(request.dry_run)?;
        let mut scan = self.scan(&before, request, &batch)?;
        let Admitted { map, held, allowed } =
            self.admit(&batch, (local, &before), &scan, request)?;
        admitting::keep_doubt(&mut scan, &held);
        let changed = match local {
            Some(_) => map != before,
            None => !is_blank(&map),
        };
        let mut report = SnapshotReport {
            id: local,
            new: changed,
            changes: Plan::default(),
            held,
            problems: scan.problems,
            flagged: Vec::new(),
            damaged: scan.damaged,
            hidden: scan.hidden,
            found: scan.map,
            state: local,
        };
        if changed {
            let known = write_map(&*batch, &before)?;
            let folders = write_map_like(&*batch, &map, Some(known))?;
            report.flagged = merge::flagged(&*batch, known, folders)?;
            let parents = local.into_iter().collect();
            let draft = Draft {
                kind: SnapshotKind::Snapshot,
                parents,
                message: &request.message,
            };
            report.state = Some(self.repo.write_snapshot(&*batch, &draft, folders)?);
        }
        if request.dry_run {
            report.changes = plan(&*batch, &before, &map)?;
            return Ok(report);
        }
        report.id = report.state;
        batch.finish()?;
        self.index.update(&scan.rows)?;
        drop(scan.rows);
        if let Some(id) = report.id.filter(|_| changed) {
            if !allowed.is_empty() {
                self.repo.give_yes(Occasion::Line(id), allowed)?;
            }
            self.repo.move_local(local, id, self.command, "snapshot")?;
        }
        // Only now: of very many messages neither the rows nor the pack's are in memory any more.
        report.changes = plan(self.repo.odb(), &before, &map)?;
        Ok(report)
    }

    fn scan(
        &self,
        local: &FolderMap,
        request: &SnapshotRequest,
        batch: &Batch<'_>,
    ) -> Result<Scan, RepoError> {
        let count = self.count_scan(request.dry_run)?;
        let depth = if request.thorough || count == STAT_ALL {
            Depth::Stat
        } else if count.is_multiple_of(LIST_ALL) {
            Depth::List
        } else {
            Depth::Changed
        };
        let scanner = Scanner {
            maildir: &self.maildir,
            index: &self.index,
            local,
            depth,
            dry_run: request.dry_run,
            progress: self.progress,
        };
        Ok(scanner.scan(batch)?)
    }

    /// Counts the scans since the last full one, from 1; a clock that went back counts as the turn
    /// of a listing. The count is the length of a file that is never waited for: what a crash
    /// takes from it only puts a full look off.
    fn count_scan(&self, dry_run: bool) -> Result<u64, RepoError> {
        let (fs, path) = (self.repo.fs(), self.repo.layout().scans());
        let known = fs.lstat(&path).ok();
        let mut count = known.map_or(1, |stat| stat.size.saturating_add(1));
        let now = Timestamp::now().0;
        if known.is_some_and(|stat| stat.mtime() > now) {
            count = count.next_multiple_of(LIST_ALL);
        }
        let count = count.min(STAT_ALL);
        if !dry_run {
            let kept = if count == STAT_ALL {
                fs.remove_file(&path)
            } else {
                fs.append(&path).and_then(|mut file| file.write_all(b"."))
            };
            kept.map_err(RepoError::at(path))?;
        }
        Ok(count)
    }
}

/// Whether a map says nothing worth recording: no messages and no folder but the root.
pub(super) fn is_blank(map: &FolderMap) -> bool {
    map.sums().entries == 0 && map.folders.keys().all(FolderPath::is_root)
}

/// Stores a folder map.
pub(super) fn write_map(odb: &dyn ObjectWrite, map: &FolderMap) -> Result<FolderMapId, RepoError> {
    write_map_like(odb, map, None)
}

/// Stores a folder map as its difference from another one, which is stored: nearly all folders are
/// the same from one snapshot to the next.
pub(super) fn write_map_like(
    odb: &dyn ObjectWrite,
    map: &FolderMap,
    other: Option<FolderMapId>,
) -> Result<FolderMapId, RepoError> {
    let key = odb.write_delta(Kind::FolderMap, &map.encode(), other.map(Into::into))?;
    Ok(FolderMapId::new(key.hash))
}

/// The root of an empty folder's tree, stored.
pub(super) fn empty_tree(odb: &dyn ObjectWrite) -> Result<crate::object::TreeId, RepoError> {
    Ok(tree::empty(odb)?)
}
