//! Which disappearances count as deletions. All others stay recorded as they were.

use std::collections::{BTreeMap, BTreeSet};

use crate::maildir::FolderPath;
use crate::merge::{self, Leaving, Reason, Verdict};
use crate::object::{BlobId, FolderMap, FolderMapId, SnapshotId};
use crate::odb::{Batch, ObjectRead};
use crate::worktree::Scan;
use crate::{graph, mime, tree};

use super::{Locked, RepoError, SnapshotRequest, write_map, write_map_like};

/// Why a deletion waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReason {
    /// It is one of too many.
    Guard(Reason),
    /// The Maildir never held still while it was looked at.
    Restless,
    /// The folder was replaced or renamed, or cannot be looked into.
    Doubtful,
    /// Something could not be read this time, and it may be there.
    Failed,
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

    /// Whether one of them lay in a folder.
    fn concerns(&self, folder: &FolderPath) -> bool {
        let mut messages = self.leaving.messages.iter();
        messages.any(|message| message.folders.contains(folder))
    }
}

/// What became of what is missing.
pub(super) struct Admitted {
    /// What the Maildir is recorded as.
    pub(super) map: FolderMap,
    /// What is not recorded as deleted.
    pub(super) held: Held,
    /// What the person allowed to leave that would have been held.
    pub(super) allowed: Vec<BlobId>,
}

/// Which messages wait, and why; or which were allowed to leave.
enum Doubt {
    None,
    Held(Held),
    Allowed(Vec<BlobId>),
}

impl Locked<'_> {
    /// Decides which disappearances count: all others stay as they were.
    pub(super) fn admit(
        &self,
        batch: &Batch<'_>,
        (local, before): (Option<SnapshotId>, &FolderMap),
        scan: &Scan,
        request: &SnapshotRequest,
    ) -> Result<Admitted, RepoError> {
        let all = |allowed| Admitted {
            map: scan.map.clone(),
            held: Held::default(),
            allowed,
        };
        let Some(local) = local.filter(|_| !before.folders.is_empty()) else {
            return Ok(all(Vec::new()));
        };
        let before_id = write_map(batch, before)?;
        let after_id = write_map_like(batch, &scan.map, Some(before_id))?;
        let leaving = leaving(batch, before_id, after_id)?;
        // Copies of messages that stay elsewhere wait only with others, or where all does.
        let all_waits = request.keep_missing || !scan.consistent || scan.failed();
        let only_copies = leaving.messages.is_empty() && leaving.replaced == 0;
        if only_copies && (leaving.thinned.is_empty() || !all_waits) {
            return Ok(all(Vec::new()));
        }
        let held = if request.keep_missing {
            Held {
                leaving,
                reasons: Vec::new(),
            }
        } else {
            match self.doubt((batch, local), (before, scan), leaving, request.yes)? {
                Doubt::None => return Ok(all(Vec::new())),
                Doubt::Allowed(allowed) => return Ok(all(allowed)),
                Doubt::Held(held) => held,
            }
        };
        let folders = merge::withhold(batch, before_id, after_id, &held.leaving)?;
        Ok(Admitted {
            map: graph::load_map(batch, folders)?,
            held,
            allowed: Vec::new(),
        })
    }

    /// Which of the messages that are missing are not taken for deleted, and why.
    fn doubt(
        &self,
        (batch, local): (&Batch<'_>, SnapshotId),
        (before, scan): (&FolderMap, &Scan),
        leaving: Leaving,
        yes: Option<u64>,
    ) -> Result<Doubt, RepoError> {
        if !scan.consistent {
            let reasons = vec![HeldReason::Restless];
            return Ok(Doubt::Held(Held { leaving, reasons }));
        }
        let mut held = self.suspicious(batch, (before, scan), &leaving)?;
        if held.reasons.is_empty() {
            return Ok(Doubt::None);
        }
        let allowed = self.repo.allowed_missing(batch, local)?;
        if !allowed.is_empty() {
            let mut rest = leaving.without(&allowed);
            count_replaced(batch, &mut rest);
            held = self.suspicious(batch, (before, scan), &rest)?;
        }
        Ok(if held.reasons.is_empty() {
            Doubt::None
        } else if yes == Some(held.count()) {
            Doubt::Allowed(held.leaving.blobs().collect())
        } else {
            Doubt::Held(held)
        })
    }

    /// What the guard does not let go, else what is missing in folders that are not to be trusted.
    fn suspicious(
        &self,
        batch: &Batch<'_>,
        (before, scan): (&FolderMap, &Scan),
        leaving: &Leaving,
    ) -> Result<Held, RepoError> {
        let limits = self.repo.config().guard.limits();
        if let Verdict::Stop { reasons } = merge::judge(&limits, leaving, false) {
            return Ok(Held {
                leaving: leaving.clone(),
                reasons: reasons.into_iter().map(HeldReason::Guard).collect(),
            });
        }
        if scan.failed() {
            return Ok(Held {
                leaving: leaving.clone(),
                reasons: vec![HeldReason::Failed],
            });
        }
        let mut doubtful: BTreeSet<&FolderPath> = scan.doubtful().collect();
        let renamed = self.renamed_folders(batch, (before, &scan.map), leaving)?;
        doubtful.extend(renamed.iter());
        let mut held = leaving.clone();
        held.messages
            .retain(|message| message.folders.iter().any(|path| doubtful.contains(path)));
        if held.messages.is_empty() {
            return Ok(Held::default());
        }
        Ok(Held {
            leaving: held,
            reasons: vec![HeldReason::Doubtful],
        })
    }

    /// Folders that are gone while at least half of their messages are elsewhere: renamed ones.
    /// What of them is found nowhere was not deleted by anybody's wish. How many there were is
    /// what the last listing found: of what waits, only the rest is still recorded.
    fn renamed_folders(
        &self,
        batch: &Batch<'_>,
        (before, after): (&FolderMap, &FolderMap),
        leaving: &Leaving,
    ) -> Result<BTreeSet<FolderPath>, RepoError> {
        let listed: BTreeMap<_, _> = self.index.folders()?.into_iter().collect();
        let mut renamed = BTreeSet::new();
        for (path, folder) in &before.folders {
            if after.folders.contains_key(path) {
                continue;
            }
            let mut entries = folder.sums.entries;
            if let Some(tree) = listed.get(path).and_then(|row| row.tree) {
                // A tree that is not stored any more says nothing.
                let listed = tree::sums(batch, tree).map_or(0, |sums| sums.entries);
                entries = entries.max(listed);
            }
            let messages = leaving.messages.iter();
            let lost = messages.filter(|message| message.folders.contains(path));
            if lost.count() as u64 * 2 <= entries {
                renamed.insert(path.clone());
            }
        }
        Ok(renamed)
    }
}

/// Where messages wait in a folder that is not to be trusted, the index is told nothing of it: what
/// it knows is what tells so, and without it the next look would take them for deleted.
pub(super) fn keep_doubt(scan: &mut Scan, held: &Held) {
    let doubtful: BTreeSet<FolderPath> = scan.doubtful().cloned().collect();
    scan.rows.retain(|change| {
        let trusted = change.row.is_some() && !doubtful.contains(&change.path);
        trusted || !held.concerns(&change.path)
    });
}

/// What would leave, and how much of it other versions of the same messages replace.
pub(in crate::repo) fn leaving(
    odb: &dyn ObjectRead,
    before: FolderMapId,
    after: FolderMapId,
) -> Result<Leaving, RepoError> {
    let mut leaving = merge::leaving(odb, before, after)?;
    count_replaced(odb, &mut leaving);
    Ok(leaving)
}

/// Counts how much of what would leave other versions of the same messages replace.
pub(in crate::repo) fn count_replaced(odb: &dyn ObjectRead, leaving: &mut Leaving) {
    leaving.count_replaced(&mut |blob| {
        let bytes = odb.read(blob.into()).ok()?;
        mime::message_id(&bytes[..bytes.len().min(mime::HEAD)])
    });
}
