//! Mass changes of flags: nothing is lost by them, but somebody should know.

use std::collections::BTreeSet;

use super::MergeError;
use crate::graph;
use crate::maildir::FolderPath;
use crate::object::{Entry, FolderMapId, Keyword, TreeId};
use crate::odb::ObjectRead;
use crate::tree;

/// Folders with so many messages or fewer are flagged as a whole every day.
const FEW: u64 = 20;

/// A folder of which over half has other flags than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// The folder.
    pub folder: FolderPath,
    /// How many messages have other flags.
    pub changed: u64,
    /// Out of so many.
    pub total: u64,
}

/// The folders of more than twenty messages in which a step changed the flags of over half. It is
/// worth a warning, and never stops anything: flags can be taken back.
pub fn flagged(
    odb: &dyn ObjectRead,
    before: FolderMapId,
    after: FolderMapId,
) -> Result<Vec<Flagged>, MergeError> {
    if before == after {
        return Ok(Vec::new());
    }
    let before = graph::load_map(odb, before)?;
    let after = graph::load_map(odb, after)?;
    let mut found = Vec::new();
    for (path, was) in &before.folders {
        let total = was.sums.entries;
        let now = after.folders.get(path).map(|now| now.tree);
        let Some(now) = now.filter(|now| *now != was.tree && total > FEW) else {
            continue;
        };
        let changed = changed(odb, was.tree, now)?;
        if changed > total / 2 {
            found.push(Flagged {
                folder: path.clone(),
                changed,
                total,
            });
        }
    }
    Ok(found)
}

fn changed(odb: &dyn ObjectRead, before: TreeId, after: TreeId) -> Result<u64, MergeError> {
    let mut count = 0;
    for change in tree::diff(odb, before, after) {
        let change = change?;
        if let (Some(before), Some(after)) = (&change.before, &change.after) {
            count += u64::from(flags(before) != flags(after));
        }
    }
    Ok(count)
}

/// What a mail client shows of the copies, without the bit and the time that change by being
/// looked at.
fn flags(entry: &Entry) -> BTreeSet<(&[u8], &[Keyword])> {
    let runs = entry.copies.runs().iter();
    runs.map(|(copy, _)| (copy.flags.letters(), copy.keywords.as_slice()))
        .collect()
}
