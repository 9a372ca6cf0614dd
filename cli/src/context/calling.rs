use mailvc_store::repo::{Alarm, Repository};

use super::Context;
use crate::output::{GuardStop, Merged, Recorded};

/// Calls for somebody if something was stopped, by the log and the program of the settings. The
/// caller holds no lock: a program may take its time.
pub(crate) fn call_out_stop(context: &Context, repo: &Repository, stop: Option<&GuardStop>) {
    let Some(stop) = stop.filter(|_| !context.dry_run()) else {
        return;
    };
    let own = repo.config().device.as_str();
    let (situation, whose) = stop.situation.words();
    repo.stopped(&Alarm {
        situation,
        leaving: &stop.leaving,
        device: whose.unwrap_or(own),
    });
}

/// The same for what recording the Maildir found.
pub(crate) fn call_out(context: &Context, repo: &Repository, recorded: &Recorded) {
    call_out_stop(context, repo, recorded.stop.as_ref());
    if !context.dry_run() {
        repo.flags_changed(&recorded.flagged, &[repo.config().device.clone()]);
    }
}

/// The same for a merge.
pub(crate) fn call_out_merge(context: &Context, repo: &Repository, merged: &Merged) {
    call_out_stop(context, repo, merged.stop.as_ref());
    if !context.dry_run() {
        repo.flags_changed(&merged.flagged, &merged.makers);
    }
}
