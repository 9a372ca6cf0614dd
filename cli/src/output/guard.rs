//! What the guard holds back: how many of how many, where, since when, and what can be done.

use std::collections::BTreeMap;

use mailvc_store::maildir::FolderPath;
use mailvc_store::merge::{Leaving, Reason};
use mailvc_store::repo::HeldReason;
use serde_json::{Value, json};

use super::format::{count, of};
use super::{Page, SnapshotLine, json as parts};

/// How many folders are named without `-v`.
const MOST: usize = 4;

/// In what the messages would be lost.
#[derive(Debug, Clone)]
pub(crate) enum Situation {
    /// They are missing in the Maildir.
    Missing,
    /// Another line lacks them; the words say whose.
    Merge(String),
    /// The state to go to lacks them; the word is the command.
    GoingBack(&'static str),
}

impl Situation {
    /// The word for it, and whose line is merged.
    pub(crate) fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Missing => ("missing", None),
            Self::Merge(whose) => ("merge", Some(whose)),
            Self::GoingBack(command) => (command, None),
        }
    }
}

/// Messages whose deletion waits for a yes.
#[derive(Debug)]
pub(crate) struct GuardStop {
    /// In what.
    pub(crate) situation: Situation,
    /// Which messages.
    pub(crate) leaving: Leaving,
    /// Which limits were passed.
    pub(crate) reasons: Vec<HeldReason>,
    /// The snapshot that has them last, or the one that removed them.
    pub(crate) snapshot: Option<SnapshotLine>,
    /// The number that was allowed, if it was another.
    pub(crate) said: Option<u64>,
    /// A line for each message, if every name is wanted.
    pub(crate) names: Vec<String>,
    /// The command that shows them.
    pub(crate) look: String,
    /// The command that allows exactly this, without `--yes-delete N`.
    pub(crate) command: String,
    /// The command that keeps them or brings them back; empty if there is none.
    pub(crate) back: String,
}

impl GuardStop {
    fn number(&self) -> u64 {
        self.leaving.messages.len() as u64
    }

    /// A yes changes nothing while the Maildir cannot be seen in one piece.
    fn can_be_allowed(&self) -> bool {
        !self.reasons.contains(&HeldReason::Restless)
    }

    fn allow(&self) -> String {
        format!("{} --yes-delete {}", self.command, self.number())
    }

    fn headline(&self) -> String {
        let number = count(self.number());
        let total = of(self.leaving.total, "message");
        match &self.situation {
            Situation::Missing => format!(
                "Held: {number} of {total} are missing in the Maildir and not recorded as deleted"
            ),
            Situation::Merge(whose) => format!(
                "Held: {number} of {total} would leave this Maildir by merging {whose}; all else \
                 goes on"
            ),
            Situation::GoingBack(command) => format!(
                "Stopped: `{command}` would remove {number} of {total}; nothing was changed"
            ),
        }
    }

    /// The folders in a line; with `all` every one.
    fn places(&self, all: bool) -> String {
        let folders = self.folders();
        let shown = if all { folders.len() } else { MOST };
        let name = |folder: &FolderPath| match folder.to_string() {
            root if root.is_empty() => "INBOX".to_owned(),
            name => name,
        };
        let mut places: Vec<String> = folders
            .iter()
            .take(shown)
            .map(|(folder, leaving, total)| {
                format!("{} {} of {}", name(folder), count(*leaving), count(*total))
            })
            .collect();
        if folders.len() > shown {
            let rest = (folders.len() - shown) as u64;
            places.push(format!("{} (-v)", of(rest, "more folder")));
        }
        places.join(", ")
    }

    /// Folders with what would leave them, and what they have in all.
    fn folders(&self) -> Vec<(&FolderPath, u64, u64)> {
        let mut of_folder: BTreeMap<&FolderPath, u64> = BTreeMap::new();
        for folder in self.leaving.messages.iter().flat_map(|m| &m.folders) {
            *of_folder.entry(folder).or_default() += 1;
        }
        let total = |folder| self.leaving.folder_totals.get(folder).copied().unwrap_or(0);
        let mut folders: Vec<_> = of_folder
            .into_iter()
            .map(|(folder, leaving)| (folder, leaving, total(folder)))
            .collect();
        folders.sort_by_key(|&(_, leaving, _)| std::cmp::Reverse(leaving));
        folders
    }

    /// For people.
    pub(crate) fn human(&self, page: &mut Page) {
        page.line(self.headline());
        page.line(format!("  in: {}", self.places(page.is_verbose())));
        let reasons: Vec<String> = self.reasons.iter().map(because).collect();
        if !reasons.is_empty() {
            page.line(format!("  why: {}", reasons.join("; ")));
        }
        for name in &self.names {
            page.line(format!("  - {name}"));
        }
        if let Some(snapshot) = &self.snapshot {
            let label = match self.situation {
                Situation::Merge(_) => "removed by",
                _ => "last seen in",
            };
            page.line(format!("  {label}: {}", snapshot.name()));
        }
        if let Some(said) = self.said {
            page.line(format!("  --yes-delete {said} is not that number"));
        }
        page.line(format!("  look: {}", self.look));
        if self.can_be_allowed() {
            page.line(format!("  allow exactly this: {}", self.allow()));
        }
        if !self.back.is_empty() {
            let label = match self.situation {
                Situation::Missing => "have them back",
                _ => "keep them",
            };
            page.line(format!("  {label}: {}", self.back));
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let (situation, whose) = self.situation.words();
        let folders: Vec<Value> = self
            .folders()
            .into_iter()
            .map(|(folder, leaving, total)| {
                json!({ "folder": parts::folder(folder), "leaving": leaving, "messages": total })
            })
            .collect();
        json!({
            "situation": situation,
            "line": whose,
            "leaving": self.number(),
            "messages": self.leaving.total,
            "replaced": self.leaving.replaced,
            "folders": folders,
            "reasons": self.reasons.iter().map(reason_word).collect::<Vec<_>>(),
            "snapshot": self.snapshot.as_ref().map(SnapshotLine::json),
            "ids": self.leaving.messages.iter().map(|m| m.key.blob.to_string()).collect::<Vec<_>>(),
            "look": self.look,
            "allow": self.can_be_allowed().then(|| self.allow()),
            "back": self.back,
        })
    }
}

fn because(reason: &HeldReason) -> String {
    match reason {
        HeldReason::Restless => "the Maildir never held still: run it again".to_owned(),
        HeldReason::Doubtful => {
            "their folder was renamed or replaced, or cannot be looked into".to_owned()
        }
        HeldReason::Failed => "not all could be read, and they may be there".to_owned(),
        HeldReason::Guard(reason) => match reason {
            Reason::Anything { .. } => "it goes back to an earlier state".to_owned(),
            Reason::Many { .. } => "a great many".to_owned(),
            Reason::OfTree { .. } => "a large share of all mail".to_owned(),
            Reason::OfFolder { folder, .. } => format!("a large share of {folder}"),
            Reason::Replaced { replaced } => {
                format!("others with the same Message-ID take the place of {replaced}")
            }
            Reason::Budget {
                name,
                deleted,
                allowed,
                ..
            } => format!(
                "{name} has deleted {} bit by bit, {} are allowed",
                count(*deleted),
                count(*allowed)
            ),
        },
    }
}

fn reason_word(reason: &HeldReason) -> &'static str {
    match reason {
        HeldReason::Restless => "restless",
        HeldReason::Doubtful => "doubtful",
        HeldReason::Failed => "failed",
        HeldReason::Guard(reason) => match reason {
            Reason::Anything { .. } => "going-back",
            Reason::Many { .. } => "many",
            Reason::OfTree { .. } => "share-of-all",
            Reason::OfFolder { .. } => "share-of-folder",
            Reason::Replaced { .. } => "replaced",
            Reason::Budget { .. } => "budget",
        },
    }
}
