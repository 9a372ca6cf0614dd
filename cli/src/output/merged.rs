//! What a merge did to the Maildir, and what it left undone.

use mailvc_store::merge::Flagged;
use mailvc_store::object::Conflict;
use serde_json::{Value, json};

use super::conflicts;
use super::format::of;
use super::recorded::{flags_json, flags_line};
use super::{GuardStop, Page, Transitioned};
use crate::error::{Exit, Problem};

/// How many conflicts are named without `-v`.
const MOST: usize = 10;

/// What a merge did.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Whose line it was.
    pub(crate) name: String,
    /// What changed; none if there was nothing to merge, or all of it is held.
    pub(crate) done: Option<Transitioned>,
    /// What waits for a yes.
    pub(crate) stop: Option<GuardStop>,
    /// What had to be decided.
    pub(crate) conflicts: Vec<Conflict>,
    /// The folders of which over half gets other flags.
    pub(crate) flagged: Vec<Flagged>,
    /// The devices whose snapshots it brings.
    pub(crate) makers: Vec<String>,
}

impl Merged {
    /// Whether the Maildir is as it was.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.done.as_ref().is_none_or(Transitioned::is_unchanged)
    }

    /// For people.
    pub(crate) fn human(&self, page: &mut Page) {
        if let Some(done) = &self.done {
            done.human(page, &format!("merge of {}", self.name));
        }
        if !self.conflicts.is_empty() {
            let number = of(self.conflicts.len() as u64, "conflict");
            page.line(format!("{number}, decided without loss"));
            page.lines(MOST, self.conflicts.iter().map(conflicts::line));
        }
        let who = format!("by {}", self.makers.join(", "));
        let lines = self.flagged.iter().map(|it| flags_line(it, &who));
        page.lines(MOST, lines);
        if let Some(stop) = &self.stop {
            stop.human(page);
        }
    }

    /// How a run ends that did this.
    pub(crate) fn exit(&self) -> Exit {
        if self.stop.is_some() {
            Exit::Problem(Problem::Guard)
        } else {
            Exit::Done
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "line": self.name,
            "done": self.done.as_ref().map(Transitioned::json),
            "held": self.stop.as_ref().map(GuardStop::json),
            "flagged": self.flagged.iter().map(flags_json).collect::<Vec<_>>(),
            "devices": self.makers,
            "conflicts": self.conflicts.iter().map(conflicts::json).collect::<Vec<_>>(),
        })
    }
}
