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

/// The snapshots to send to a peer with this tip and these haves, parents first. What the peer
/// named and isn't known here says nothing.
pub(super) fn lacking(
    odb: &dyn ObjectRead,
    tip: Option<SnapshotId>,
    peer_has: impl IntoIterator<Item = SnapshotId>,
) -> Result<Vec<SnapshotId>, SessionError> {
    let Some(tip) = tip else {
        return Ok(Vec::new());
    };
    let haves: Vec<SnapshotId> = peer_has.into_iter().collect();
    Ok(graph::missing(odb, tip, &haves)?)
}
