//! What a session with another device did, on both ends.

use mailvc_store::object::{BlobId, Occasion};
use mailvc_transport::remote::Report as Call;
use serde_json::{Value, json};

use super::format::{bytes, of};
use super::{Merged, Output, Page, Recorded, Report};
use crate::error::{Exit, Failure, Problem};

/// Messages that the other end's guard holds, on one occasion.
#[derive(Debug)]
pub(crate) struct HeldThere {
    /// To what a yes would be given.
    pub(crate) occasion: Occasion,
    /// Which messages.
    pub(crate) messages: Vec<BlobId>,
    /// A line for each, if every name is wanted.
    pub(crate) names: Vec<String>,
    /// Whether a yes of this device counts there.
    pub(crate) may_answer: bool,
}

impl HeldThere {
    /// How many.
    pub(crate) fn number(&self) -> u64 {
        self.messages.len() as u64
    }

    /// What happened to them there, and the command that allows it there.
    fn words(&self) -> (&'static str, &'static str) {
        match self.occasion {
            Occasion::Missing(_) => ("missing", "mailvc snapshot"),
            Occasion::Line(_) => ("merge", "mailvc merge"),
        }
    }

    fn human(&self, page: &mut Page, (remote, device, own): (&str, &str, &str)) {
        let number = self.number();
        let what = of(number, "message");
        let what = match self.occasion {
            Occasion::Missing(_) => format!("{what} missing in its Maildir"),
            Occasion::Line(_) => format!("{what} that would leave its Maildir"),
        };
        page.line(format!("Held at {device}: {what}"));
        for name in &self.names {
            page.line(format!("  - {name}"));
        }
        page.line(format!("  look: mailvc sync {remote} -v"));
        let allow = format!("--yes-delete {number}");
        if self.may_answer {
            page.line(format!(
                "  allow exactly this: mailvc sync {remote} {allow}"
            ));
        } else {
            let (_, there) = self.words();
            page.line(format!("  allow exactly this, there: {there} {allow}"));
            page.line(format!(
                "  or let this device answer, there: mailvc trust add {own} --approve"
            ));
        }
    }

    fn json(&self) -> Value {
        let ids = self.messages.iter().map(ToString::to_string);
        json!({
            "situation": self.words().0,
            "leaving": self.number(),
            "ids": ids.collect::<Vec<_>>(),
            "may_answer": self.may_answer,
        })
    }
}

/// A session with one remote.
#[derive(Debug)]
pub(crate) struct Session {
    /// The remote's name.
    pub(crate) remote: String,
    /// What crossed the line, and what the server said.
    pub(crate) call: Call,
    /// What recording the Maildir found, if it was.
    pub(crate) recorded: Option<Recorded>,
    /// What the merge did, if there was one.
    pub(crate) merged: Option<Merged>,
    /// What the other end's guard holds.
    pub(crate) there: Vec<HeldThere>,
    /// What this device is called.
    pub(crate) own: String,
    /// Whether this end is now where the other one is.
    pub(crate) in_step: bool,
}

impl Session {
    /// Comes after another one with the same remote: what that one did is told as well.
    pub(crate) fn follow(&mut self, earlier: Self) {
        let idle = |merged: &Merged| merged.is_unchanged() && merged.stop.is_none();
        if self.merged.as_ref().is_none_or(idle) {
            self.merged = earlier.merged.filter(|merged| merged.stop.is_none());
        }
    }

    /// For people.
    fn human(&self, page: &mut Page) {
        let session = &self.call.session;
        if let Some(note) = &self.call.note {
            page.note(note);
        }
        if let Some((device, true)) = &self.call.outcome.met {
            page.line(format!(
                "met {} (device {}): trusted from now on",
                device.name,
                device.id.short()
            ));
        }
        if session.peer.enrolled {
            page.line(format!(
                "{} trusts this device from now on",
                session.peer.name
            ));
        }
        for note in session.accepted.iter().flat_map(|accepted| &accepted.notes) {
            page.line(format!("{}: {note}", self.remote));
        }
        if let Some(merged) = &self.merged {
            merged.human(page);
        }
        self.there(page);
        let traffic = session.received.bytes + session.sent.bytes;
        let messages = session.received.messages + session.sent.messages;
        if self.in_step && messages == 0 && self.unchanged() {
            page.note(format!("{}: in step", self.remote));
        } else {
            let step = if self.in_step {
                "in step"
            } else {
                "not in step yet"
            };
            page.note(format!(
                "{}: {step}; {} received, {} sent, {} on the line",
                self.remote,
                of(session.received.messages, "message"),
                of(session.sent.messages, "message"),
                bytes(traffic)
            ));
        }
    }

    fn unchanged(&self) -> bool {
        self.merged.as_ref().is_none_or(Merged::is_unchanged)
    }

    /// What the other device did with what it got.
    fn there(&self, page: &mut Page) {
        if let Some(done) = &self.call.session.done {
            if !done.text.is_empty() && done.settled {
                page.note(format!("{}: {}", self.call.session.peer.name, done.text));
            }
            // Of a Maildir that never held still nothing can be told but the number.
            if done.held > 0 && self.there.is_empty() {
                page.line(format!(
                    "Held at {}: {}; `mailvc status` there says more",
                    self.call.session.peer.name,
                    of(done.held, "message")
                ));
            }
        }
        let device = self.call.session.peer.name.as_str();
        for held in &self.there {
            held.human(page, (&self.remote, device, &self.own));
        }
    }

    /// How a run ends that had this session.
    pub(crate) fn exit(&self) -> Exit {
        let held_there = self
            .call
            .session
            .done
            .as_ref()
            .is_some_and(|done| done.held > 0);
        let mut exit = if held_there {
            Exit::Problem(Problem::Guard)
        } else {
            Exit::Done
        };
        if let Some(recorded) = &self.recorded {
            exit = exit.worst(recorded.exit());
        }
        if let Some(merged) = &self.merged {
            exit = exit.worst(merged.exit());
        }
        exit
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let session = &self.call.session;
        let traffic = |traffic: &mailvc_transport::protocol::Traffic| {
            json!({
                "snapshots": traffic.snapshots,
                "messages": traffic.messages,
                "bytes": traffic.bytes,
            })
        };
        json!({
            "remote": self.remote,
            "device": session.peer.device.to_string(),
            "device_name": session.peer.name,
            "in_step": self.in_step,
            "received": traffic(&session.received),
            "sent": traffic(&session.sent),
            "notes": session.accepted.as_ref().map(|accepted| accepted.notes.clone()),
            "held_there": session.done.as_ref().map(|done| done.held),
            "waits_there": self.there.iter().map(HeldThere::json).collect::<Vec<_>>(),
            "recorded": self.recorded.as_ref().map(Recorded::json),
            "merged": self.merged.as_ref().map(Merged::json),
        })
    }
}

/// Sessions with one remote or several.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// What recording the Maildir found before anybody was called.
    pub(crate) recorded: Option<Recorded>,
    /// Those that were had.
    pub(crate) had: Vec<Session>,
    /// Remotes with which there was none, and why.
    pub(crate) failed: Vec<(String, Failure)>,
}

impl From<Session> for Sessions {
    fn from(mut session: Session) -> Self {
        Self {
            recorded: session.recorded.take(),
            had: vec![session],
            failed: Vec::new(),
        }
    }
}

impl Report for Sessions {
    fn human(&self, page: &mut Page) {
        // A session looks at the Maildir again; what waits is told once.
        let again = self
            .had
            .iter()
            .find_map(|session| session.recorded.as_ref());
        if let Some(recorded) = self.recorded.as_ref().or(again) {
            recorded.warn(page);
        }
        for session in &self.had {
            session.human(page);
        }
        for (name, failure) in &self.failed {
            page.line(format!("{name}: {}", Output::sentence(failure)));
        }
    }

    fn json(&self) -> Value {
        let failed: Vec<Value> = self
            .failed
            .iter()
            .map(|(name, failure)| json!({ "remote": name, "error": failure.what }))
            .collect();
        json!({
            "recorded": self.recorded.as_ref().map(Recorded::json),
            "sessions": self.had.iter().map(Session::json).collect::<Vec<_>>(),
            "failed": failed,
        })
    }

    fn exit(&self) -> Exit {
        let recorded = self.recorded.iter().map(Recorded::exit);
        let failed = self
            .failed
            .iter()
            .map(|(_, failure)| Exit::Problem(failure.problem));
        let sessions = self.had.iter().map(Session::exit);
        recorded
            .chain(sessions)
            .chain(failed)
            .fold(Exit::Done, Exit::worst)
    }
}
