//! What recording the Maildir found: what changed, what is held, what is strange.

use mailvc_store::merge::Flagged;
use mailvc_store::worktree::{Problem, ProblemKind};
use serde_json::{Value, json};

use super::format::{count, of};
use super::{Changes, GuardStop, Page, json as parts};
use crate::error::{self, Exit};

/// How many strange things are named without `-v`.
const MOST: usize = 10;

/// What recording the Maildir found.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// Whether there was anything to record.
    pub(crate) new: bool,
    /// What changed since the last snapshot.
    pub(crate) changes: Changes,
    /// What is missing, but not recorded as deleted.
    pub(crate) stop: Option<GuardStop>,
    /// The folders of which over half has other flags.
    pub(crate) flagged: Vec<Flagged>,
    /// What was strange in the Maildir.
    pub(crate) problems: Vec<Problem>,
}

impl Recorded {
    /// That the Maildir was recorded before something was done to it, if it had changed.
    pub(crate) fn before(&self, page: &mut Page, dry_run: bool) {
        if self.new {
            let what = if dry_run {
                "would first be recorded"
            } else {
                "recorded first"
            };
            page.note(format!("{what}: {}", self.changes.line()));
        }
    }

    /// What is held and what is strange.
    pub(crate) fn warn(&self, page: &mut Page) {
        page.lines(MOST, self.problems.iter().map(sentence));
        let here = |it| flags_line(it, "here");
        page.lines(MOST, self.flagged.iter().map(here));
        if let Some(stop) = &self.stop {
            stop.human(page);
        }
    }

    /// How a run ends that found this.
    pub(crate) fn exit(&self) -> Exit {
        let damaged = |problem: &Problem| matches!(problem.kind, ProblemKind::Damaged(_));
        let held = self.stop.is_some();
        let mut exit = Exit::Done;
        if self.problems.iter().any(damaged) {
            exit = exit.worst(Exit::Problem(error::Problem::Damage));
        }
        if held {
            exit = exit.worst(Exit::Problem(error::Problem::Guard));
        }
        exit
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|problem| {
                let (kind, id) = match &problem.kind {
                    ProblemKind::DanglingSymlink => ("dangling-symlink", None),
                    ProblemKind::Unreadable(_) => ("unreadable", None),
                    ProblemKind::Failed(_) => ("failed", None),
                    ProblemKind::FolderName => ("folder-name", None),
                    ProblemKind::NotAFile => ("not-a-file", None),
                    ProblemKind::Damaged(id) => ("damaged", Some(id.to_string())),
                    ProblemKind::Replaced => ("replaced", None),
                };
                json!({
                    "kind": kind,
                    "path": problem.path.to_string_lossy(),
                    "folder": problem.folder.as_ref().map(parts::folder),
                    "id": id,
                })
            })
            .collect();
        json!({
            "new": self.new,
            "changes": self.changes.json(),
            "held": self.stop.as_ref().map(GuardStop::json),
            "flagged": self.flagged.iter().map(flags_json).collect::<Vec<_>>(),
            "problems": problems,
        })
    }
}

/// That most of a folder's flags changed, in a line, and who did it.
pub(super) fn flags_line(flagged: &Flagged, who: &str) -> String {
    format!(
        "Note: {} of {} in {} have other flags (changed {who})",
        count(flagged.changed),
        of(flagged.total, "message"),
        flagged.folder
    )
}

/// The same for programs.
pub(super) fn flags_json(flagged: &Flagged) -> Value {
    json!({
        "folder": parts::folder(&flagged.folder),
        "changed": flagged.changed,
        "messages": flagged.total,
    })
}

fn sentence(problem: &Problem) -> String {
    let path = problem.path.display();
    match &problem.kind {
        ProblemKind::DanglingSymlink => {
            format!("{path}: a link to nowhere; what was behind it is not taken for deleted")
        }
        ProblemKind::Unreadable(why) => {
            format!("{path}: {why}; what was in it is not taken for deleted")
        }
        ProblemKind::Failed(why) => {
            format!("{path}: {why}; nothing that is missing is taken for deleted")
        }
        ProblemKind::FolderName => {
            format!("{path}: no snapshot can hold such a folder name; left alone")
        }
        ProblemKind::NotAFile => format!("{path}: not a file; left alone"),
        ProblemKind::Damaged(id) => format!(
            "{path}: emptied or cut short; the store keeps the whole message ({})",
            id.short()
        ),
        ProblemKind::Replaced => format!(
            "{path}: half of its files were replaced, as by a restored backup; what is missing in \
             it is not taken for deleted"
        ),
    }
}
