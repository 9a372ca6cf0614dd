//! Which disappearances count as deletions. All others stay recorded as they were.

use std::collections::BTreeSet;

use crate::maildir::FolderPath;
use crate::merge::{self, Leaving, Reason, Verdict};
use crate::object::{FolderMap, FolderMapId};
use crate::odb::{Batch, ObjectRead};
use crate::worktree::Scan;
use crate::{graph, mime};

use super::{Locked, RepoError, SnapshotRequest, write_map};

/// Why a deletion waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReason {
    /// It is one of too many.
    Guard(Reason),
    /// The Maildir never held still while it was looked at.
    Restless,
    /// The folder was replaced or renamed, or cannot be looked into.
    Doubtful,
}

/// Messages that are missing in the Maildir and whose deletion is not recorded.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Which.
    pub leaving: Leaving,
    /// Why, for people; empty if it was asked for.
    pub reasons: Vec<HeldReason>,
}

impl Held {
    /// How many messages.
    pub fn count(&self) -> u64 {
        self.leaving.messages.len() as u64
    }
}

impl Locked<'_> {
    /// Decides which disappearances count: all others stay as they were.
    pub(super) fn admit(
        &self,
        batch: &Batch<'_>,
        before: &FolderMap,
        scan: &Scan,
        request: &SnapshotRequest,
    ) -> Result<(FolderMap, Held), RepoError> {
        if before.folders.is_empty() {
            return Ok((scan.map.clone(), Held::default()));
        }
        let before_id = write_map(batch, before)?;
        let after_id = write_map(batch, &scan.map)?;
        let leaving = leaving(batch, before_id, after_id)?;
        let count = leaving.messages.len() as u64;
        // Copies of messages that stay elsewhere wait only with others, or where all does.
        let all_waits = request.keep_missing || !scan.consistent;
        let only_copies = count == 0 && leaving.replaced == 0;
        if only_copies && (leaving.thinned.is_empty() || !all_waits) {
            return Ok((scan.map.clone(), Held::default()));
        }
        let (held, reasons) = if request.keep_missing {
            (leaving, Vec::new())
        } else {
            self.doubt(scan, &leaving, before, request)
        };
        if held.messages.is_empty() && held.thinned.is_empty() && reasons.is_empty() {
            return Ok((scan.map.clone(), Held::default()));
        }
        let folders = merge::withhold(batch, before_id, after_id, &held)?;
        Ok((
            graph::load_map(batch, folders)?,
            Held {
                leaving: held,
                reasons,
            },
        ))
    }

    /// Which of the messages that are missing are not taken for deleted, and why.
    fn doubt(
        &self,
        scan: &Scan,
        leaving: &Leaving,
        before: &FolderMap,
        request: &SnapshotRequest,
    ) -> (Leaving, Vec<HeldReason>) {
        let count = leaving.messages.len() as u64;
        if !scan.consistent {
            return (leaving.clone(), vec![HeldReason::Restless]);
        }
        match request.yes {
            Some(asked) if asked == count => return (Leaving::default(), Vec::new()),
            _ => {}
        }
        let limits = self.repo.config().guard.limits();
        if let Verdict::Stop { reasons } = merge::judge(&limits, leaving, false) {
            let reasons = reasons.into_iter().map(HeldReason::Guard).collect();
            return (leaving.clone(), reasons);
        }
        let mut doubtful: BTreeSet<&FolderPath> = scan.doubtful().collect();
        let renamed = renamed_folders(before, &scan.map, leaving);
        doubtful.extend(renamed.iter());
        let mut held = leaving.clone();
        held.messages
            .retain(|message| message.folders.iter().any(|path| doubtful.contains(path)));
        if held.messages.is_empty() {
            return (Leaving::default(), Vec::new());
        }
        (held, vec![HeldReason::Doubtful])
    }
}

/// Folders that are gone while at least half of their messages are elsewhere: renamed ones. What
/// of them is found nowhere was not deleted by anybody's wish.
fn renamed_folders(
    before: &FolderMap,
    after: &FolderMap,
    leaving: &Leaving,
) -> BTreeSet<FolderPath> {
    let gone = before
        .folders
        .iter()
        .filter(|(path, _)| !after.folders.contains_key(*path));
    gone.filter(|(path, folder)| {
        let lost = leaving
            .messages
            .iter()
            .filter(|message| message.folders.contains(path))
            .count();
        lost as u64 * 2 <= folder.sums.entries
    })
    .map(|(path, _)| path.clone())
    .collect()
}

/// What would leave, and how much of it other versions of the same messages replace.
pub(in crate::repo) fn leaving(
    odb: &dyn ObjectRead,
    before: FolderMapId,
    after: FolderMapId,
) -> Result<Leaving, RepoError> {
    let mut leaving = merge::leaving(odb, before, after)?;
    leaving.count_replaced(&mut |blob| {
        let bytes = odb.read(blob.into()).ok()?;
        mime::message_id(&bytes[..bytes.len().min(mime::HEAD)])
    });
    Ok(leaving)
}
