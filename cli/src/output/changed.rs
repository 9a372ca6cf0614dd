//! What a command has to say that records the Maildir and then changes it.

use serde_json::{Value, json};

use super::{GuardStop, Page, Recorded, Report, Transitioned};
use crate::error::{Exit, Problem};

/// A Maildir that was recorded and then changed.
#[derive(Debug)]
pub(crate) struct Changed {
    /// What was done, such as `checkout 3f2a9c81b0`.
    name: String,
    /// What recording found.
    pub(crate) recorded: Recorded,
    /// What was done.
    pub(crate) done: Option<Transitioned>,
    /// Why it was not.
    pub(crate) stop: Option<GuardStop>,
    /// What was asked for and is not stored.
    pub(crate) unknown: Vec<String>,
}

impl Changed {
    /// Recorded, and not changed yet.
    pub(crate) fn new(name: String, recorded: Recorded) -> Self {
        Self {
            name,
            recorded,
            done: None,
            stop: None,
            unknown: Vec::new(),
        }
    }
}

impl Report for Changed {
    fn human(&self, page: &mut Page) {
        let dry_run = self.done.as_ref().is_some_and(|done| done.dry_run);
        self.recorded.before(page, dry_run);
        if let Some(done) = &self.done {
            done.human(page, &self.name);
        }
        for id in &self.unknown {
            page.line(format!("not stored: {id}"));
        }
        self.recorded.warn(page);
        if let Some(stop) = &self.stop {
            stop.human(page);
        }
    }

    fn json(&self) -> Value {
        json!({
            "recorded": self.recorded.json(),
            "done": self.done.as_ref().map(Transitioned::json),
            "stopped": self.stop.as_ref().map(GuardStop::json),
            "unknown": self.unknown,
        })
    }

    fn exit(&self) -> Exit {
        let mut exit = self.recorded.exit();
        if self.stop.is_some() {
            exit = exit.worst(Exit::Problem(Problem::Guard));
        }
        if !self.unknown.is_empty() {
            exit = exit.worst(Exit::Problem(Problem::Error));
        }
        exit
    }
}
