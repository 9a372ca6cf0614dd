//! What a command did to the Maildir, in one line, and how to undo it.

use mailvc_store::object::SnapshotId;
use mailvc_store::worktree::{Applied, ApplyNote};
use serde_json::{Value, json};

use super::json as parts;
use super::{Changes, Page, format::count};

/// How many notes are shown without `-v`.
const MOST: usize = 10;

/// What a command did to the Maildir.
#[derive(Debug)]
pub(crate) struct Transitioned {
    /// Whether it only says what it would do.
    pub(crate) dry_run: bool,
    /// `local` before.
    pub(crate) from: Option<SnapshotId>,
    /// `local` now; none if it did not move: nothing changed, or files were only mended.
    pub(crate) to: Option<SnapshotId>,
    /// The steps.
    pub(crate) changes: Changes,
    /// In a dry run: how many messages leave for good.
    pub(crate) leaving: u64,
    /// What was carried out.
    pub(crate) applied: Applied,
}

impl Transitioned {
    /// Whether the Maildir is as it was.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.changes.line().is_empty()
    }

    /// For people; `name` is what was done, such as `checkout 3f2a9c81b0`.
    pub(crate) fn human(&self, page: &mut Page, name: &str) {
        if self.dry_run {
            let line = self.changes.line();
            let what = if line.is_empty() { "nothing" } else { &line };
            page.line(format!("{name} would change in the Maildir: {what}"));
            if self.leaving > 0 {
                let number = self.leaving;
                page.line(format!(
                    "  {} in no folder afterwards: it takes --yes-delete {number}",
                    super::of(number, "message")
                ));
            }
        } else if !self.is_unchanged() {
            let undo = if self.from.is_some() && self.to.is_some() {
                "; undo with `mailvc undo`"
            } else {
                ""
            };
            page.note(format!("{name}: {}{undo}", self.done()));
        } else {
            page.note(format!("{name}: the Maildir is so already"));
        }
        if page.is_verbose() {
            self.changes.names(page);
        }
        page.lines(MOST, self.applied.notes.iter().map(note));
    }

    /// What was carried out, in words.
    fn done(&self) -> String {
        let applied = &self.applied;
        let parts: Vec<String> = [
            (applied.added, "new"),
            (applied.removed, "gone"),
            (applied.mended, "mended"),
            (applied.moved, "moved"),
            (applied.changed, "flags"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(number)))
        .collect();
        if parts.is_empty() {
            "no file changed".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let applied = &self.applied;
        json!({
            "dry_run": self.dry_run,
            "from": self.from.map(|id| id.to_string()),
            "to": self.to.map(|id| id.to_string()),
            "changes": self.changes.json(),
            "leaving": self.leaving,
            "applied": {
                "new": applied.added,
                "gone": applied.removed,
                "mended": applied.mended,
                "moved": applied.moved,
                "flags": applied.changed,
            },
            "notes": applied.notes.iter().map(note_json).collect::<Vec<_>>(),
        })
    }
}

fn note(note: &ApplyNote) -> String {
    match note {
        ApplyNote::OtherContent(path) => format!(
            "  {}: held something else than expected; it stays",
            path.display()
        ),
        ApplyNote::NotInStore(path) => format!(
            "  {}: the store does not return it whole; it stays",
            path.display()
        ),
        ApplyNote::ChangedMeanwhile(path) => format!(
            "  {}: somebody changed or moved it meanwhile; that stands",
            path.display()
        ),
        ApplyNote::FolderKept(folder) => format!("  folder {folder}: not empty; it stays"),
    }
}

fn note_json(note: &ApplyNote) -> Value {
    let (kind, path) = match note {
        ApplyNote::OtherContent(path) => ("other-content", path),
        ApplyNote::NotInStore(path) => ("not-in-store", path),
        ApplyNote::ChangedMeanwhile(path) => ("changed-meanwhile", path),
        ApplyNote::FolderKept(folder) => {
            return json!({ "kind": "folder-kept", "folder": parts::folder(folder) });
        }
    };
    json!({ "kind": kind, "path": path.to_string_lossy() })
}
