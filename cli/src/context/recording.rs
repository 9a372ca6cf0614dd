use mailvc_store::object::{FolderMap, SnapshotId};
use mailvc_store::repo::{
    Held, Locked, RepoError, Repository, SnapshotReport, SnapshotRequest, Transition,
};
use mailvc_store::worktree::plan;

use super::{Context, line, title};
use crate::error::Failure;
use crate::output::{Changes, GuardStop, Recorded, Situation, SnapshotLine, Transitioned};

/// Records the Maildir before something is done to it.
pub(crate) fn record(context: &Context, locked: &Locked<'_>) -> Result<SnapshotReport, Failure> {
    let request = SnapshotRequest {
        dry_run: context.dry_run(),
        ..SnapshotRequest::default()
    };
    Ok(locked.snapshot(&request)?)
}

/// What recording found, as it is told.
pub(crate) fn recorded(
    context: &Context,
    locked: &Locked<'_>,
    report: &SnapshotReport,
) -> Result<Recorded, Failure> {
    let mut changes = Changes::new(report.changes.clone());
    if context.output().is_verbose() {
        changes.entitle(true, &|id| title(locked.odb(), id));
    }
    let last = match report.id {
        Some(id) => Some(line(locked.odb(), id)?),
        None => None,
    };
    Ok(Recorded {
        new: report.new,
        changes,
        stop: missing(report, last),
        problems: report.problems.clone(),
    })
}

/// What is missing in the Maildir and waits for a yes.
fn missing(report: &SnapshotReport, snapshot: Option<SnapshotLine>) -> Option<GuardStop> {
    if report.held.reasons.is_empty() {
        return None;
    }
    Some(GuardStop {
        situation: Situation::Missing,
        leaving: report.held.leaving.clone(),
        reasons: report.held.reasons.clone(),
        snapshot,
        look: "mailvc status -v".to_owned(),
        command: "mailvc snapshot".to_owned(),
        back: "mailvc restore".to_owned(),
    })
}

/// What a command did to the Maildir, as it is told.
pub(crate) fn transitioned(
    context: &Context,
    locked: &Locked<'_>,
    done: Transition,
) -> Transitioned {
    let mut changes = Changes::new(done.plan);
    if context.output().is_verbose() {
        changes.entitle(true, &|id| title(locked.odb(), id));
    }
    Transitioned {
        dry_run: context.dry_run(),
        from: done.from,
        to: done.to,
        changes,
        leaving: done.leaving,
        applied: done.applied,
    }
}

/// A return to an earlier state that would remove messages which nobody allowed to go. `name` is
/// the command's word, `command` the whole, `keep` the one that keeps them.
pub(crate) fn refused(
    locked: &Locked<'_>,
    recorded: &SnapshotReport,
    (name, command, keep): (&'static str, String, String),
    error: RepoError,
) -> Result<GuardStop, Failure> {
    let RepoError::WouldRemove(leaving) = error else {
        return Err(error.into());
    };
    let snapshot = match recorded.id {
        Some(id) => Some(line(locked.odb(), id)?),
        None => None,
    };
    Ok(GuardStop {
        situation: Situation::GoingBack(name),
        leaving: *leaving,
        reasons: Vec::new(),
        snapshot,
        look: format!("{command} --dry-run -v"),
        back: keep,
        command,
    })
}

/// What a merge holds back; `command` is the one that merged.
pub(crate) fn merge_stop(
    repo: &Repository,
    (local, tip): (Option<SnapshotId>, SnapshotId),
    (whose, command): (&str, String),
    held: Held,
) -> Result<Option<GuardStop>, Failure> {
    let (Some(first), Some(local)) = (held.leaving.messages.first(), local) else {
        return Ok(None);
    };
    let snapshot = match repo.removed_by(local, tip, first.key)? {
        Some(id) => Some(line(repo.odb(), id)?),
        None => None,
    };
    Ok(Some(GuardStop {
        situation: Situation::Merge(whose.to_owned()),
        leaving: held.leaving,
        reasons: held.reasons,
        snapshot,
        look: format!("mailvc diff local {}", tip.short()),
        back: format!("{command} --keep-newer"),
        command,
    }))
}

/// What differs between two states, with the names of those messages that will be shown.
pub(crate) fn changes(
    context: &Context,
    repo: &Repository,
    (before, after): (&FolderMap, &FolderMap),
) -> Result<Changes, Failure> {
    let mut changes = Changes::new(plan(repo.odb(), before, after)?);
    changes.entitle(context.output().is_verbose(), &|id| title(repo.odb(), id));
    Ok(changes)
}
