//! Merges two snapshots. The result is a function of the two and their ancestors: no clock, no
//! device and no setting has a say, so that every device makes the same snapshot of them.

use super::base::Bases;
use super::map::{Merged, merge_over};
use super::{MergeError, RULES};
use crate::graph;
use crate::object::{Kind, MAX_CONFLICTS, Snapshot, SnapshotId, SnapshotKind, TreeId};
use crate::odb::{ObjectRead, ObjectWrite, Overlay};

/// How two snapshots become one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub enum Outcome {
    /// They are one already.
    Same,
    /// The second is an ancestor of the first, which is the result.
    AFirst,
    /// The first is an ancestor of the second, which is the result.
    BFirst,
    /// Their merge; it is stored, as are its trees.
    Merged(Snapshot),
}

/// Merges two snapshots, whatever their order.
///
/// Their base is their best common ancestor. Several are first merged with each other, in memory.
/// Without one, or where it cannot be had (see [`missing_bases`]), all that either side has is
/// kept: what was deleted comes back, nothing is lost.
pub fn merge_snapshots(
    odb: &dyn ObjectWrite,
    a: SnapshotId,
    b: SnapshotId,
) -> Result<Outcome, MergeError> {
    if a == b {
        return Ok(Outcome::Same);
    }
    if graph::is_ancestor(odb, b, a)? {
        return Ok(Outcome::AFirst);
    }
    if graph::is_ancestor(odb, a, b)? {
        return Ok(Outcome::BFirst);
    }
    let pair = in_order(a, b);
    let scratch = Overlay::new(odb);
    let base = Bases::new(&scratch).of(pair)?;
    merge_pair(&scratch, odb, pair, base.as_deref()).map(Outcome::Merged)
}

/// The id that a merge snapshot must have, made anew from its parents; its trees are stored then.
/// Where it differs from the snapshot's own, that is not the merge that it says it is.
pub fn recompute(odb: &dyn ObjectWrite, snapshot: &Snapshot) -> Result<SnapshotId, MergeError> {
    let id = snapshot.id();
    let &[a, b] = snapshot.parents.as_slice() else {
        return Err(MergeError::NoMerge { id });
    };
    if snapshot.kind != SnapshotKind::Merge {
        return Err(MergeError::NoMerge { id });
    }
    if snapshot.merge_rules != RULES {
        let rules = snapshot.merge_rules;
        return Err(MergeError::Rules { id, rules });
    }
    match merge_snapshots(odb, a, b)? {
        Outcome::Merged(merged) => Ok(merged.id()),
        _ => Err(MergeError::NoMerge { id }),
    }
}

/// Snapshots whose trees the merge of two would need for its base and that are not stored here.
///
/// Who has a peer to ask should fetch them, and ask again, for there may be more, before it merges:
/// without them deletions are undone, and who has them comes to another snapshot.
pub fn missing_bases(
    odb: &dyn ObjectRead,
    a: SnapshotId,
    b: SnapshotId,
) -> Result<Vec<SnapshotId>, MergeError> {
    let scratch = Overlay::new(odb);
    let mut bases = Bases::new(&scratch);
    bases.of(in_order(a, b))?;
    Ok(bases.missing())
}

pub(super) fn in_order(a: SnapshotId, b: SnapshotId) -> [SnapshotId; 2] {
    [a.min(b), a.max(b)]
}

/// Merges two snapshots of which neither is the other's ancestor, and stores the result.
pub(super) fn merge_pair(
    read: &dyn ObjectRead,
    write: &dyn ObjectWrite,
    parents: [SnapshotId; 2],
    base: Option<&Snapshot>,
) -> Result<Snapshot, MergeError> {
    let sides = [
        graph::load(read, parents[0])?,
        graph::load(read, parents[1])?,
    ];
    let folders = [sides[0].folders, sides[1].folders];
    let merged = merge_over(read, write, base.map(|base| base.folders), folders)?;
    let snapshot = Snapshot {
        tags: merge_tags(base, &sides)?,
        parents: parents.to_vec(),
        ..compose(merged, &sides)
    };
    write.write(Kind::Snapshot, &snapshot.encode())?;
    Ok(snapshot)
}

fn compose(merged: Merged, [a, b]: &[Snapshot; 2]) -> Snapshot {
    let conflicts_total = merged.conflicts.len() as u64;
    let mut conflicts = merged.conflicts;
    conflicts.truncate(MAX_CONFLICTS);
    Snapshot {
        kind: SnapshotKind::Merge,
        generation: a.generation.max(b.generation).saturating_add(1),
        parents: Vec::new(),
        folders: merged.folders,
        tags: None,
        device: None,
        device_name: String::new(),
        time: a.time.max(b.time),
        sums: merged.map.sums(),
        merge_rules: RULES,
        conflicts,
        conflicts_total,
        message: String::new(),
    }
}

/// Until tags are merged one by one, only one side may have changed them.
fn merge_tags(
    base: Option<&Snapshot>,
    [a, b]: &[Snapshot; 2],
) -> Result<Option<TreeId>, MergeError> {
    match base {
        _ if a.tags == b.tags => Ok(a.tags),
        Some(base) if a.tags == base.tags => Ok(b.tags),
        Some(base) if b.tags == base.tags => Ok(a.tags),
        None if a.tags.is_none() || b.tags.is_none() => Ok(a.tags.or(b.tags)),
        _ => Err(MergeError::Tags),
    }
}
