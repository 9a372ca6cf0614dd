//! Merging another device's line into the Maildir, under the guard.

use crate::graph;
use crate::merge::{self, Outcome, Verdict};
use crate::object::{Conflict, FolderMapId, Kind, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{Batch, ObjectRead, ObjectWrite};

use super::recording::{Draft, leaving};
use super::{Applying, Held, HeldReason, Locked, RepoError, SnapshotReport, Transition};

/// What to merge, and what is allowed.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// The line to merge.
    pub tip: SnapshotId,
    /// For the log: whose it is.
    pub why: String,
    /// How many deletions the person allows.
    pub yes: Option<u64>,
    /// Whether messages that would leave are to be kept, here and everywhere.
    pub keep_newer: bool,
    /// Whether to find out only.
    pub dry_run: bool,
}

/// What merging did.
#[derive(Debug, Default)]
pub struct MergeReport {
    /// What happened to the Maildir; none if there was nothing to merge.
    pub transition: Option<Transition>,
    /// Deletions that wait for a yes.
    pub held: Held,
    /// What the merge had to decide.
    pub conflicts: Vec<Conflict>,
}

/// Where `local` is to go.
struct Candidate {
    id: SnapshotId,
    snapshot: Snapshot,
}

impl Locked<'_> {
    /// Merges a line into the state that was just recorded, and applies it. Additions and flags
    /// are never held up by deletions that are.
    pub fn merge(
        &self,
        recorded: &SnapshotReport,
        request: &MergeRequest,
    ) -> Result<MergeReport, RepoError> {
        let batch = self.work(request.dry_run)?;
        let mut report = MergeReport::default();
        let Some(mut candidate) = self.candidate(&batch, recorded.state, request.tip)? else {
            return Ok(report);
        };
        report.conflicts.clone_from(&candidate.snapshot.conflicts);
        if let Some(local) = recorded.state {
            match self.guarded(&batch, local, candidate, request, &mut report.held)? {
                Some(allowed) => candidate = allowed,
                None => return Ok(report),
            }
        }
        let record = Applying {
            from: recorded.state,
            to: candidate.id,
            why: request.why.clone(),
        };
        let done = self.transition_or_plan(batch, recorded, (&record, &[]), request.dry_run)?;
        report.transition = Some(done);
        Ok(report)
    }

    /// What the two lines make together; `None` if the other one has nothing new.
    fn candidate(
        &self,
        batch: &Batch<'_>,
        local: Option<SnapshotId>,
        tip: SnapshotId,
    ) -> Result<Option<Candidate>, RepoError> {
        let at = |id| -> Result<_, RepoError> {
            Ok(Some(Candidate {
                id,
                snapshot: graph::load(batch, id)?,
            }))
        };
        let Some(local) = local else { return at(tip) };
        match merge::merge_snapshots(batch, local, tip)? {
            Outcome::Same | Outcome::AFirst => Ok(None),
            Outcome::BFirst => at(tip),
            Outcome::Merged(snapshot) => {
                let bytes = snapshot.encode();
                let id = SnapshotId::new(batch.write(Kind::Snapshot, &bytes)?.hash);
                self.repo.write_signature(batch, id, &bytes)?;
                Ok(Some(Candidate { id, snapshot }))
            }
        }
    }

    /// The candidate if the guard lets it pass, or was told to; else a snapshot of this line that
    /// takes everything but the deletions, if there is anything but deletions.
    fn guarded(
        &self,
        batch: &Batch<'_>,
        local: SnapshotId,
        candidate: Candidate,
        request: &MergeRequest,
        held: &mut Held,
    ) -> Result<Option<Candidate>, RepoError> {
        let before = graph::load(batch, local)?.folders;
        let after = candidate.snapshot.folders;
        let leaving = leaving(batch, before, after)?;
        let strict = !leaving.messages.is_empty() && goes_back(batch, local, request.tip)?;
        let limits = self.repo.config().guard.limits();
        let count = leaving.messages.len() as u64;
        let Verdict::Stop { reasons } = merge::judge(&limits, &leaving, strict) else {
            return Ok(Some(candidate));
        };
        if request.yes == Some(count) {
            return Ok(Some(candidate));
        }
        let folders = merge::withhold(batch, before, after, &leaving)?;
        let reasons = reasons.into_iter().map(HeldReason::Guard).collect();
        let held_now = Held { leaving, reasons };
        if request.keep_newer {
            let keys: Vec<_> = held_now.leaving.messages.iter().map(|m| m.key).collect();
            let kept = merge::keep(batch, folders, &keys, &[before, after])?;
            return self
                .drafted(batch, SnapshotKind::Restore, candidate.id, kept)
                .map(Some);
        }
        *held = held_now;
        if folders == before {
            return Ok(None);
        }
        self.drafted(batch, SnapshotKind::Snapshot, local, folders)
            .map(Some)
    }

    fn drafted(
        &self,
        batch: &Batch<'_>,
        kind: SnapshotKind,
        parent: SnapshotId,
        folders: FolderMapId,
    ) -> Result<Candidate, RepoError> {
        let draft = Draft {
            kind,
            parents: vec![parent],
            message: "",
        };
        let id = self.repo.write_snapshot(batch, &draft, folders)?;
        Ok(Candidate {
            id,
            snapshot: graph::load(batch, id)?,
        })
    }
}

/// Whether the other line brings a return to an earlier state: what that removes was not
/// deleted by anybody who looked at it here.
fn goes_back(odb: &dyn ObjectRead, local: SnapshotId, tip: SnapshotId) -> Result<bool, RepoError> {
    for id in graph::missing(odb, tip, &[local])? {
        let kind = graph::load(odb, id)?.kind;
        if matches!(kind, SnapshotKind::Checkout | SnapshotKind::Undo) {
            return Ok(true);
        }
    }
    Ok(false)
}
