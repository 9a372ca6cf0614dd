use super::GraphError;
use super::link::Link;
use super::walk::{Paint, Walk};
use crate::object::SnapshotId;
use crate::odb::ObjectRead;

/// Whether `ancestor` is `of`, or one of its ancestors.
pub fn is_ancestor(
    odb: &dyn ObjectRead,
    ancestor: SnapshotId,
    of: SnapshotId,
) -> Result<bool, GraphError> {
    if ancestor == of {
        return Ok(true);
    }
    let floor = Link::load(odb, ancestor)?.generation;
    let mut walk = Walk::new(odb, 0);
    walk.start(of, 0)?;
    while let Some((link, _)) = walk.take() {
        if link.id == ancestor {
            return Ok(true);
        }
        // Everything that is left, and all that is under it, is as low as this or lower.
        if link.generation > floor {
            walk.descend(&link, 0)?;
        }
    }
    Ok(false)
}

const UNDER_A: Paint = 1;
const UNDER_B: Paint = 2;
/// It lies under a common ancestor.
const STALE: Paint = 4;

/// The best common ancestors of two snapshots, in ascending order of their ids: those that are
/// ancestors of no other. One of the two is its own ancestor; snapshots with no history in common
/// have none.
pub fn merge_bases(
    odb: &dyn ObjectRead,
    a: SnapshotId,
    b: SnapshotId,
) -> Result<Vec<SnapshotId>, GraphError> {
    let mut walk = Walk::new(odb, STALE);
    walk.start(a, UNDER_A)?;
    walk.start(b, UNDER_B)?;
    let mut bases = Vec::new();
    while walk.is_open() {
        let Some((link, mut paint)) = walk.take() else {
            break;
        };
        if paint == UNDER_A | UNDER_B {
            bases.push(link.id);
            paint |= STALE;
        }
        walk.descend(&link, paint)?;
    }
    bases.sort_unstable();
    Ok(bases)
}

/// It is wanted: the tip, or an ancestor of it.
const WANTED: Paint = 1;
/// The other side has it.
const HAD: Paint = 2;

/// The snapshots that somebody lacks who has `haves` and all of their ancestors, to have `tip` and
/// all of its ancestors: parents before children, by (generation, id). Those of `haves` that are
/// not stored here say nothing and are passed over.
pub fn missing(
    odb: &dyn ObjectRead,
    tip: SnapshotId,
    haves: &[SnapshotId],
) -> Result<Vec<SnapshotId>, GraphError> {
    let mut walk = Walk::new(odb, HAD);
    walk.start(tip, WANTED)?;
    for &have in haves {
        if odb.contains(have.into())? {
            walk.start(have, HAD)?;
        }
    }
    let mut missing = Vec::new();
    while walk.is_open() {
        let Some((link, paint)) = walk.take() else {
            break;
        };
        if paint == WANTED {
            missing.push(link.id);
        }
        walk.descend(&link, paint)?;
    }
    missing.reverse();
    Ok(missing)
}
