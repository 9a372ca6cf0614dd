//! Recording the Maildir as a snapshot, and deciding which disappearances count.

use std::collections::BTreeSet;

use crate::maildir::FolderPath;
use crate::merge::{self, Leaving, Reason, Verdict};
use crate::object::{
    FolderMap, FolderMapId, Kind, SignatureId, Snapshot, SnapshotId, SnapshotKind,
};
use crate::odb::{Batch, ObjectRead, ObjectWrite};
use crate::refs::{Expected, LogEntry, RefEdit, RefName};
use crate::sign::Signer;
use crate::time::Timestamp;
use crate::worktree::{Depth, Mend, Plan, Problem, Scan, Scanner, plan};
use crate::{graph, mime, tree};

use super::{Locked, RepoError, Repository};

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
    /// Whether every file's size and times are to be compared.
    pub thorough: bool,
    /// Whether to find out only, and record nothing.
    pub dry_run: bool,
}

/// Why a deletion waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReason {
    /// It is one of too many.
    Guard(Reason),
    /// The Maildir never held still while it was looked at.
    Restless,
    /// The folder was replaced or renamed, or cannot be looked into.
    Doubtful,
}

/// Messages that are missing in the Maildir and whose deletion is not recorded.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Which.
    pub leaving: Leaving,
    /// Why, for people.
    pub reasons: Vec<HeldReason>,
}

impl Held {
    /// How many messages.
    pub fn count(&self) -> u64 {
        self.leaving.messages.len() as u64
    }
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
        let scan = self.scan(&before, request, &batch)?;
        let (map, held) = self.admit(&batch, &before, &scan, request)?;
        let changes = plan(&*batch, &before, &map)?;
        let changed = match local {
            Some(_) => map != before,
            None => !is_blank(&map),
        };
        let mut report = SnapshotReport {
            id: local,
            new: changed,
            changes,
            held,
            problems: scan.problems,
            damaged: scan.damaged,
            hidden: scan.hidden,
            found: scan.map,
            state: local,
        };
        if changed {
            let folders = write_map(&*batch, &map)?;
            let parents = local.into_iter().collect();
            let draft = Draft {
                kind: SnapshotKind::Snapshot,
                parents,
                message: &request.message,
            };
            report.state = Some(self.repo.write_snapshot(&*batch, &draft, folders)?);
        }
        if request.dry_run {
            return Ok(report);
        }
        report.id = report.state;
        batch.finish()?;
        self.index.update(&scan.rows)?;
        if let Some(id) = report.id.filter(|_| changed) {
            self.repo.move_local(local, id, self.command, "snapshot")?;
        }
        Ok(report)
    }

    fn scan(
        &self,
        local: &FolderMap,
        request: &SnapshotRequest,
        batch: &Batch<'_>,
    ) -> Result<Scan, RepoError> {
        let count = self.count_scan(request.dry_run)?;
        let depth = if request.thorough || count.is_multiple_of(STAT_ALL) {
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
            progress: self.progress,
        };
        Ok(scanner.scan(batch)?)
    }

    /// Counts the scans, from 1; a clock that went back counts as the turn of a full one.
    fn count_scan(&self, dry_run: bool) -> Result<u64, RepoError> {
        const KEY: &str = "scans";
        let stored = self.index.meta_get(KEY)?.unwrap_or_default();
        let number = |range: std::ops::Range<usize>| {
            stored
                .get(range)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        let (mut count, watermark) = (number(0..8).saturating_add(1), number(8..16));
        let now = Timestamp::now().0.max(0) as u64;
        if now < watermark {
            count = count.next_multiple_of(LIST_ALL);
        }
        if !dry_run {
            let value = [count.to_le_bytes(), now.to_le_bytes()].concat();
            self.index.meta_put(KEY, &value)?;
        }
        Ok(count)
    }

    /// Decides which disappearances count: all others stay as they were.
    fn admit(
        &self,
        batch: &Batch<'_>,
        before: &FolderMap,
        scan: &Scan,
        request: &SnapshotRequest,
    ) -> Result<(FolderMap, Held), RepoError> {
        if before.folders.is_empty() {
            return Ok((scan.map.clone(), Held::default()));
        }
        let before_id = write_map(batch, before)?;
        let after_id = write_map(batch, &scan.map)?;
        let leaving = leaving(batch, before_id, after_id)?;
        let count = leaving.messages.len() as u64;
        if count == 0 && leaving.replaced == 0 {
            return Ok((scan.map.clone(), Held::default()));
        }
        let (held, reasons) = self.doubt(scan, &leaving, before, request);
        if reasons.is_empty() {
            return Ok((scan.map.clone(), Held::default()));
        }
        let folders = merge::withhold(batch, before_id, after_id, &held)?;
        Ok((
            graph::load_map(batch, folders)?,
            Held {
                leaving: held,
                reasons,
            },
        ))
    }

    /// Which of the messages that are missing are not taken for deleted, and why.
    fn doubt(
        &self,
        scan: &Scan,
        leaving: &Leaving,
        before: &FolderMap,
        request: &SnapshotRequest,
    ) -> (Leaving, Vec<HeldReason>) {
        let count = leaving.messages.len() as u64;
        if !scan.consistent {
            return (leaving.clone(), vec![HeldReason::Restless]);
        }
        match request.yes {
            Some(asked) if asked == count => return (Leaving::default(), Vec::new()),
            _ => {}
        }
        let limits = self.repo.config().guard.limits();
        if let Verdict::Stop { reasons } = merge::judge(&limits, leaving, false) {
            let reasons = reasons.into_iter().map(HeldReason::Guard).collect();
            return (leaving.clone(), reasons);
        }
        let mut doubtful: BTreeSet<&FolderPath> = scan.doubtful().collect();
        let renamed = renamed_folders(before, &scan.map, leaving);
        doubtful.extend(renamed.iter());
        let mut held = leaving.clone();
        held.messages
            .retain(|message| message.folders.iter().any(|path| doubtful.contains(path)));
        let nothing = held.messages.is_empty();
        let reasons = if nothing {
            Vec::new()
        } else {
            vec![HeldReason::Doubtful]
        };
        (held, reasons)
    }
}

/// Folders that are gone while at least half of their messages are elsewhere: renamed ones. What
/// of them is found nowhere was not deleted by anybody's wish.
fn renamed_folders(
    before: &FolderMap,
    after: &FolderMap,
    leaving: &Leaving,
) -> BTreeSet<FolderPath> {
    let gone = before
        .folders
        .iter()
        .filter(|(path, _)| !after.folders.contains_key(*path));
    gone.filter(|(path, folder)| {
        let lost = leaving
            .messages
            .iter()
            .filter(|message| message.folders.contains(path))
            .count();
        lost as u64 * 2 <= folder.sums.entries
    })
    .map(|(path, _)| path.clone())
    .collect()
}

/// What would leave, and how much of it other versions of the same messages replace.
pub(super) fn leaving(
    odb: &dyn ObjectRead,
    before: FolderMapId,
    after: FolderMapId,
) -> Result<Leaving, RepoError> {
    let mut leaving = merge::leaving(odb, before, after)?;
    leaving.count_replaced(&mut |blob| {
        let bytes = odb.read(blob.into()).ok()?;
        mime::message_id(&bytes[..bytes.len().min(mime::HEAD)])
    });
    Ok(leaving)
}

/// Whether a map says nothing worth recording: no messages and no folder but the root.
pub(super) fn is_blank(map: &FolderMap) -> bool {
    map.sums().entries == 0 && map.folders.keys().all(FolderPath::is_root)
}

/// Stores a folder map.
pub(super) fn write_map(odb: &dyn ObjectWrite, map: &FolderMap) -> Result<FolderMapId, RepoError> {
    let key = odb.write(Kind::FolderMap, &map.encode())?;
    Ok(FolderMapId::new(key.hash))
}

/// A snapshot that is about to be made.
pub(super) struct Draft<'a> {
    pub(super) kind: SnapshotKind,
    pub(super) parents: Vec<SnapshotId>,
    pub(super) message: &'a str,
}

impl Repository {
    /// Makes and signs a snapshot of this device.
    pub(super) fn write_snapshot(
        &self,
        odb: &dyn ObjectWrite,
        draft: &Draft<'_>,
        folders: FolderMapId,
    ) -> Result<SnapshotId, RepoError> {
        let mut parents = draft.parents.clone();
        parents.sort_unstable();
        parents.dedup();
        let mut generation = 1;
        for parent in &parents {
            generation = generation.max(graph::load(odb, *parent)?.generation + 1);
        }
        let snapshot = Snapshot {
            kind: draft.kind,
            generation,
            parents,
            folders,
            tags: None,
            device: Some(self.device_id()?),
            device_name: self.config().device.clone(),
            time: Timestamp::now(),
            sums: graph::load_map(odb, folders)?.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: draft.message.chars().take(1000).collect(),
        };
        let bytes = snapshot.encode();
        let id = SnapshotId::new(odb.write(Kind::Snapshot, &bytes)?.hash);
        self.write_signature(odb, id, &bytes)?;
        Ok(id)
    }

    /// Signs a snapshot and stores the signature: the ids of snapshot and device, then the SSHSIG.
    pub(super) fn write_signature(
        &self,
        odb: &dyn ObjectWrite,
        id: SnapshotId,
        snapshot: &[u8],
    ) -> Result<(), RepoError> {
        let device = self.device_id()?;
        if odb.contains(SignatureId::of(id, device).into())? {
            return Ok(());
        }
        let sshsig = self.device_key()?.sign(snapshot)?;
        let bytes = [id.as_bytes().as_slice(), device.as_bytes(), &sshsig].concat();
        odb.write(Kind::Signature, &bytes)?;
        Ok(())
    }

    /// Moves `local`, if it is still where it was.
    pub(super) fn move_local(
        &self,
        from: Option<SnapshotId>,
        to: SnapshotId,
        who: &str,
        why: &str,
    ) -> Result<(), RepoError> {
        let expected = from.map_or(Expected::Missing, Expected::Is);
        let edit = RefEdit {
            name: RefName::Local,
            expected,
            new: Some(to),
        };
        Ok(self.refs().update(&[edit], &LogEntry { who, why })?)
    }
}

/// The root of an empty folder's tree, stored.
pub(super) fn empty_tree(odb: &dyn ObjectWrite) -> Result<crate::object::TreeId, RepoError> {
    Ok(tree::empty(odb)?)
}
