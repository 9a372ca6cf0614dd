//! A snapshot in a line.

use mailvc_store::object::{Snapshot, SnapshotId, SnapshotKind};
use mailvc_store::repo::Signed;
use serde_json::{Value, json};

use super::format::{day_time, of};
use super::json as parts;

/// Who vouches for a snapshot, as JSON has it.
pub(crate) fn signed_word(signed: &Signed) -> &'static str {
    match signed {
        Signed::Merge => "merge",
        Signed::Trusted(_) => "trusted",
        Signed::Revoked => "revoked",
        Signed::Unknown => "unknown",
        Signed::Bad => "bad",
    }
}

/// Who vouches for a snapshot, as people are told.
pub(crate) fn signed_sentence(signed: &Signed) -> String {
    match signed {
        Signed::Merge => "none needed: every device computes the same merge".to_owned(),
        Signed::Trusted(name) => format!("good, by {name}"),
        Signed::Revoked => "by a device that is trusted no more".to_owned(),
        Signed::Unknown => "by a device that is not trusted here".to_owned(),
        Signed::Bad => "MISSING OR WRONG".to_owned(),
    }
}

/// A snapshot, to be told in a line.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotLine {
    /// Its id.
    pub(crate) id: SnapshotId,
    /// Itself.
    pub(crate) snapshot: Snapshot,
    /// The refs that are there.
    pub(crate) refs: Vec<String>,
}

impl SnapshotLine {
    /// Who made it: a device's name, or that it is a merge.
    pub(crate) fn maker(&self) -> &str {
        if self.snapshot.device.is_some() {
            &self.snapshot.device_name
        } else {
            "(merge)"
        }
    }

    /// `3f2a9c81b0  2026-06-28 16:30  laptop`.
    pub(crate) fn name(&self) -> String {
        let time = day_time(self.snapshot.time);
        format!("{}  {time}  {}", self.id.short(), self.maker())
    }

    /// The whole line.
    pub(crate) fn line(&self) -> String {
        let snapshot = &self.snapshot;
        let mut parts = vec![self.name()];
        if !matches!(snapshot.kind, SnapshotKind::Snapshot | SnapshotKind::Merge) {
            parts.push(snapshot.kind.name().to_owned());
        }
        parts.push(of(snapshot.sums.entries, "message"));
        if snapshot.conflicts_total > 0 {
            parts.push(of(snapshot.conflicts_total, "conflict"));
        }
        if !snapshot.message.is_empty() {
            parts.push(format!("“{}”", snapshot.message));
        }
        if !self.refs.is_empty() {
            parts.push(format!("({})", self.refs.join(", ")));
        }
        parts.join("  ")
    }

    /// All of it for programs.
    pub(crate) fn json(&self) -> Value {
        let snapshot = &self.snapshot;
        json!({
            "id": self.id.to_string(),
            "kind": snapshot.kind.name(),
            "parents": snapshot.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "generation": snapshot.generation,
            "device": snapshot.device.map(|device| device.to_string()),
            "device_name": snapshot.device_name,
            "time": parts::time(snapshot.time),
            "messages": snapshot.sums.entries,
            "copies": snapshot.sums.copies,
            "bytes": snapshot.sums.bytes,
            "conflicts": snapshot.conflicts_total,
            "message": snapshot.message,
            "refs": self.refs,
        })
    }
}
