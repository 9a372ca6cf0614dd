//! What a session with another device did, on both ends.

use mailvc_transport::remote::Report as Call;
use serde_json::{Value, json};

use super::format::{bytes, of};
use super::{Merged, Page, Recorded};
use crate::error::{Exit, Problem};

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
    /// Whether this end is now where the other one is.
    pub(crate) in_step: bool,
}

impl Session {
    /// For people.
    pub(crate) fn human(&self, page: &mut Page) {
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
        if let Some(recorded) = &self.recorded {
            recorded.warn(page);
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
            if done.held > 0 {
                page.line(format!(
                    "Held at {}: {} would leave the Maildir there; `mailvc sync` there says more",
                    self.call.session.peer.name,
                    of(done.held, "message")
                ));
            }
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
            "recorded": self.recorded.as_ref().map(Recorded::json),
            "merged": self.merged.as_ref().map(Merged::json),
        })
    }
}
