use std::collections::HashSet;

use mailvc_store::graph;
use mailvc_store::object::SnapshotId;
use mailvc_store::odb::ObjectRead;

use super::SessionError;
use crate::wire::MAX_HAVES;

/// How many of the snapshots that refs name are mentioned.
const KNOWN: usize = 6;
/// How far back ancestors are mentioned: a walk that costs the same however long the history is.
/// Peers that parted longer ago meet at what their refs remember of one another.
const REACH: usize = 512;

/// The snapshots to mention beside the tip: what the refs name, then ancestors of the tip at
/// distances that double.
pub(super) fn haves(
    odb: &dyn ObjectRead,
    tip: Option<SnapshotId>,
    known: Vec<SnapshotId>,
) -> Result<Vec<SnapshotId>, SessionError> {
    let mut haves = Vec::new();
    let mut mention = |id: SnapshotId, max: usize| {
        if haves.len() < max && Some(id) != tip && !haves.contains(&id) {
            haves.push(id);
        }
    };
    for id in known {
        mention(id, KNOWN);
    }
    for (distance, ancestor) in graph::ancestors(odb, tip).take(REACH + 1).enumerate() {
        let (id, _) = ancestor?;
        if distance.is_power_of_two() {
            mention(id, MAX_HAVES);
        }
    }
    Ok(haves)
}

/// The snapshots to describe in one round, parents first.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    /// All of them are ancestors of the last.
    pub(super) snapshots: Vec<SnapshotId>,
    /// Whether others are lacking as well, for which the round has no room.
    pub(super) is_part: bool,
}

/// What a peer with this tip and these haves lacks: all of it, or as much as `most` allows. What
/// the peer named and isn't known here says nothing.
pub(super) fn lacking(
    odb: &dyn ObjectRead,
    tip: Option<SnapshotId>,
    peer_has: impl IntoIterator<Item = SnapshotId>,
    most: u64,
) -> Result<Lacking, SessionError> {
    let Some(tip) = tip else {
        return Ok(Lacking::default());
    };
    let haves: Vec<SnapshotId> = peer_has.into_iter().collect();
    let mut snapshots = graph::missing(odb, tip, &haves)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let is_part = snapshots.len() > most;
    if is_part {
        snapshots.truncate(most);
        snapshots = with_ancestors(odb, &snapshots)?;
    }
    Ok(Lacking { snapshots, is_part })
}

/// The last of these snapshots, which come parents first, with those of them from which it
/// descends. Others would be heads of their own, of which the peer could not say whose they are.
fn with_ancestors(
    odb: &dyn ObjectRead,
    snapshots: &[SnapshotId],
) -> Result<Vec<SnapshotId>, SessionError> {
    let mut ancestors: HashSet<SnapshotId> = snapshots.last().copied().into_iter().collect();
    let mut kept = Vec::new();
    for &id in snapshots.iter().rev() {
        if ancestors.remove(&id) {
            ancestors.extend(graph::load(odb, id)?.parents);
            kept.push(id);
        }
    }
    kept.reverse();
    Ok(kept)
}
