use mailvc_store::odb::ObjectRead;
use mailvc_store::repo::{Repository, SnapshotReport};

use super::{Context, line, title};
use crate::error::Failure;
use crate::output::{Changes, GuardStop, Recorded, Situation};

/// What recording found, as it is told. `before` is what `local` was.
pub(crate) fn recorded(
    context: &Context,
    repo: &Repository,
    report: &SnapshotReport,
) -> Result<Recorded, Failure> {
    let mut changes = Changes::new(report.changes.clone());
    let odb: &dyn ObjectRead = repo.odb();
    if context.output().is_verbose() {
        changes.entitle(true, &|id| title(odb, id));
    }
    Ok(Recorded {
        changes,
        stop: stop_missing(repo, report)?,
        problems: report.problems.clone(),
    })
}

/// What is missing in the Maildir and waits for a yes.
pub(crate) fn stop_missing(
    repo: &Repository,
    report: &SnapshotReport,
) -> Result<Option<GuardStop>, Failure> {
    if report.held.reasons.is_empty() {
        return Ok(None);
    }
    let snapshot = match report.id {
        Some(id) => Some(line(repo, id)?),
        None => None,
    };
    Ok(Some(GuardStop {
        situation: Situation::Missing,
        leaving: report.held.leaving.clone(),
        reasons: report.held.reasons.clone(),
        snapshot,
        look: "mailvc status -v".to_owned(),
        command: "mailvc snapshot".to_owned(),
        back: "mailvc restore".to_owned(),
    }))
}
