//! Merging another device's line into the Maildir, under the guard.

use crate::graph;
use crate::merge::{self, Flagged, Leaving, Outcome, Verdict};
use crate::object::{Conflict, FolderMapId, Kind, Occasion, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{Batch, ObjectWrite};

use super::budget::Tally;
use super::recording::{Draft, count_replaced, leaving};
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
    /// The folders of which over half gets other flags: a warning.
    pub flagged: Vec<Flagged>,
    /// The names of the other devices whose snapshots it brings.
    pub makers: Vec<String>,
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
            let before = graph::load(&*batch, local)?.folders;
            report.flagged = merge::flagged(&*batch, before, candidate.snapshot.folders)?;
            match self.guarded(&batch, (local, before), candidate, request, &mut report)? {
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
        (local, before): (SnapshotId, FolderMapId),
        candidate: Candidate,
        request: &MergeRequest,
        report: &mut MergeReport,
    ) -> Result<Option<Candidate>, RepoError> {
        let after = candidate.snapshot.folders;
        let tally = self.repo.tally(batch, local, candidate.id)?;
        report.makers.clone_from(&tally.makers);
        let mut leaving = leaving(batch, before, after)?;
        let mut reasons = self.objections(&leaving, &tally);
        let mut yes = false;
        if !reasons.is_empty() {
            let lines = (local, request.tip);
            let allowed = self.repo.allowed_by_line(batch, lines)?;
            leaving = leaving.without(&allowed);
            count_replaced(batch, &mut leaving);
            reasons = self.objections(&leaving, &tally);
            yes = leaving.messages.is_empty();
        }
        let said = request.yes == Some(leaving.messages.len() as u64);
        if reasons.is_empty() || said {
            if !request.dry_run {
                if !reasons.is_empty() {
                    let occasion = Occasion::Line(request.tip);
                    self.repo.give_yes(occasion, leaving.blobs())?;
                }
                self.repo.keep_tally(tally, yes || !reasons.is_empty())?;
            }
            return Ok(Some(candidate));
        }
        let folders = merge::withhold(batch, before, after, &leaving)?;
        if request.keep_newer {
            let keys: Vec<_> = leaving.messages.iter().map(|m| m.key).collect();
            let kept = merge::keep(batch, folders, &keys, &[before, after])?;
            if !request.dry_run {
                self.repo.keep_tally(tally, true)?;
            }
            return self
                .drafted(batch, SnapshotKind::Restore, candidate.id, kept)
                .map(Some);
        }
        report.held = Held { leaving, reasons };
        if folders == before {
            return Ok(None);
        }
        self.drafted(batch, SnapshotKind::Snapshot, local, folders)
            .map(Some)
    }

    /// Why these messages may not leave without a yes; nothing if they may.
    fn objections(&self, leaving: &Leaving, tally: &Tally) -> Vec<HeldReason> {
        if leaving.messages.is_empty() {
            return Vec::new();
        }
        let limits = self.repo.config().guard.limits();
        // What a return to an earlier state removes was not deleted by anybody who looked at it
        // here.
        let mut blobs = leaving.blobs();
        let back = blobs.any(|blob| tally.gone_back.contains(&blob));
        let mut reasons = match merge::judge(&limits, leaving, back) {
            Verdict::Stop { reasons } => reasons,
            Verdict::Pass => Vec::new(),
        };
        reasons.extend(tally.exceeded(limits.budget));
        reasons.into_iter().map(HeldReason::Guard).collect()
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
