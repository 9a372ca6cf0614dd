use mailvc_store::merge::{self, Leaving, LeavingMessage};
use mailvc_store::object::{FolderMap, SnapshotId};
use mailvc_store::odb::ObjectRead;
use mailvc_store::repo::{
    Held, Locked, RepoError, Repository, SnapshotReport, SnapshotRequest, Transition,
};
use mailvc_store::worktree::plan;

use super::{Context, line, title};
use crate::error::Failure;
use crate::output::{Changes, GuardStop, Recorded, Situation, Transitioned};

/// Records the Maildir before something is done to it.
pub(crate) fn record(context: &Context, locked: &Locked<'_>) -> Result<SnapshotReport, Failure> {
    let request = SnapshotRequest {
        dry_run: context.dry_run(),
        ..SnapshotRequest::default()
    };
    Ok(locked.snapshot(&request)?)
}

/// Records it before what is missing or damaged is brought back: every file's size and times are
/// looked at, and nothing is recorded as deleted. Given again after it was cut short, the command
/// must find what is missing still missing.
pub(crate) fn record_what_is_there(
    context: &Context,
    locked: &Locked<'_>,
) -> Result<SnapshotReport, Failure> {
    let request = SnapshotRequest {
        dry_run: context.dry_run(),
        thorough: true,
        keep_missing: true,
        ..SnapshotRequest::default()
    };
    Ok(locked.snapshot(&request)?)
}

/// What recording found, as it is told. The changes are taken out of the report: they may be many.
pub(crate) fn recorded(
    context: &Context,
    odb: &dyn ObjectRead,
    report: &mut SnapshotReport,
) -> Result<Recorded, Failure> {
    let told = context.output().is_verbose() || context.dry_run();
    let changes = std::mem::take(&mut report.changes);
    let mut changes = Changes::in_passing(changes, told);
    if context.output().is_verbose() {
        changes.entitle(true, &|id| title(odb, id));
    }
    Ok(Recorded {
        new: report.new,
        changes,
        stop: missing(context, odb, report)?,
        flagged: report.flagged.clone(),
        problems: report.problems.clone(),
    })
}

/// What is missing in the Maildir and waits for a yes.
fn missing(
    context: &Context,
    odb: &dyn ObjectRead,
    report: &SnapshotReport,
) -> Result<Option<GuardStop>, Failure> {
    if report.held.reasons.is_empty() {
        return Ok(None);
    }
    let held = report.held.clone();
    Ok(Some(GuardStop {
        situation: Situation::Missing,
        names: names(context, odb, &held.leaving),
        leaving: held.leaving,
        reasons: held.reasons,
        snapshot: report.id.map(|id| line(odb, id)).transpose()?,
        said: context.yes(),
        look: "mailvc status -v".to_owned(),
        command: "mailvc snapshot".to_owned(),
        back: "mailvc restore".to_owned(),
    }))
}

/// A line for each message that would leave, if every name is wanted.
fn names(context: &Context, odb: &dyn ObjectRead, leaving: &Leaving) -> Vec<String> {
    if !context.output().is_verbose() {
        return Vec::new();
    }
    let name = |message: &LeavingMessage| {
        let folders: Vec<String> = message.folders.iter().map(ToString::to_string).collect();
        let blob = message.key.blob;
        let title = title(odb, blob);
        format!("{}  {}  {title}", folders.join(", "), blob.short())
    };
    leaving.messages.iter().map(name).collect()
}

/// What a command did to the Maildir, as it is told.
pub(crate) fn transitioned(
    context: &Context,
    odb: &dyn ObjectRead,
    done: Transition,
) -> Transitioned {
    let told = context.output().is_verbose() || context.dry_run();
    let mut changes = Changes::in_passing(done.plan, told);
    if context.output().is_verbose() {
        changes.entitle(true, &|id| title(odb, id));
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
    (context, locked): (&Context, &Locked<'_>),
    recorded: &SnapshotReport,
    (name, command, keep): (&'static str, String, String),
    error: RepoError,
) -> Result<GuardStop, Failure> {
    let RepoError::WouldRemove(leaving) = error else {
        return Err(error.into());
    };
    Ok(GuardStop {
        situation: Situation::GoingBack(name),
        names: names(context, locked.odb(), &leaving),
        leaving: *leaving,
        reasons: Vec::new(),
        snapshot: recorded.id.map(|id| line(locked.odb(), id)).transpose()?,
        said: None,
        look: format!("{command} --dry-run -v"),
        back: keep,
        command,
    })
}

/// What a merge of the line `tip` holds back; `command` is the one that merged.
pub(crate) fn merge_stop(
    (context, repo): (&Context, &Repository),
    tip: SnapshotId,
    (whose, command): (&str, &str),
    held: Held,
) -> Result<Option<GuardStop>, Failure> {
    let number = held.count();
    let (Some(first), Some(local)) = (held.leaving.messages.first(), repo.local()?) else {
        return Ok(None);
    };
    let removed = repo.removed_by(local, tip, first.key)?;
    let look = match removed {
        Some(by) if removes_all(repo, by, &held.leaving)? => {
            format!("mailvc diff {0}~1 {0}", by.short())
        }
        _ => format!("mailvc diff local {}", tip.short()),
    };
    Ok(Some(GuardStop {
        situation: Situation::Merge(whose.to_owned()),
        names: names(context, repo.odb(), &held.leaving),
        said: context.yes().filter(|said| *said != number),
        leaving: held.leaving,
        reasons: held.reasons,
        snapshot: removed.map(|id| line(repo.odb(), id)).transpose()?,
        look,
        command: command.to_owned(),
        back: format!("{command} --keep-newer"),
    }))
}

/// Whether one snapshot removed all of it.
fn removes_all(repo: &Repository, by: SnapshotId, leaving: &Leaving) -> Result<bool, Failure> {
    let removed = merge::deeds(repo.odb(), &repo.snapshot(by)?)?.removed;
    let mut messages = leaving.messages.iter();
    Ok(messages.all(|message| removed.binary_search(&message.key).is_ok()))
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
