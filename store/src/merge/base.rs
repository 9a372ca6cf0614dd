//! The one state that two snapshots are compared with, where history offers one, several or none.

use std::collections::BTreeMap;

use super::MergeError;
use super::snapshot::{in_order, merge_pair};
use crate::object::{Snapshot, SnapshotId};
use crate::odb::{ObjectRead, OdbError, Overlay};
use crate::{graph, tree};

/// More best common ancestors than this are not merged with each other.
const MAX_BASES: usize = 16;
/// So many merges of ancestors at most are made for one merge. The bound is part of the rules.
const MAX_VIRTUAL: usize = 1024;

/// Finds bases. Several best common ancestors are merged in ascending order of their ids, each
/// pair over its own base, found likewise. These merges are never kept: they live in an overlay.
pub(super) struct Bases<'a> {
    odb: &'a Overlay<'a>,
    /// Those found so far whose trees are not stored; with any, there is no base.
    missing: Vec<SnapshotId>,
    merged: BTreeMap<[SnapshotId; 2], SnapshotId>,
}

/// What there is to know, or to do, of the base of a pair.
enum Step {
    /// The base; none if the histories have nothing in common.
    Base(Option<Box<Snapshot>>),
    /// These two have to be merged first.
    Needs([SnapshotId; 2]),
    /// There is one, but it cannot be had.
    Unknown,
}

impl<'a> Bases<'a> {
    pub(super) fn new(odb: &'a Overlay<'a>) -> Self {
        Self {
            odb,
            missing: Vec::new(),
            merged: BTreeMap::new(),
        }
    }

    /// The base of two snapshots; `None` if all that either has must count as new.
    ///
    /// Where an ancestor's own base cannot be had, this one cannot either: a made-up base that has
    /// too much in it would turn what one side added since into a deletion by the other.
    pub(super) fn of(
        &mut self,
        pair: [SnapshotId; 2],
    ) -> Result<Option<Box<Snapshot>>, MergeError> {
        // A stack of our own: the ancestors of ancestors may go deep.
        let mut pending = vec![pair];
        while let Some(&pair) = pending.last() {
            match self.step(pair)? {
                Step::Unknown => return Ok(None),
                Step::Needs(_) if pending.len() + self.merged.len() > MAX_VIRTUAL => {
                    return Ok(None);
                }
                Step::Needs(first) => pending.push(first),
                Step::Base(base) => {
                    pending.pop();
                    if pending.is_empty() {
                        return Ok(base);
                    }
                    let merged = merge_pair(self.odb, self.odb, pair, base.as_deref())?;
                    self.merged.insert(pair, merged.id());
                }
            }
        }
        Ok(None)
    }

    /// What was missed by [`Bases::of`].
    pub(super) fn missing(self) -> Vec<SnapshotId> {
        self.missing
    }

    fn step(&mut self, [a, b]: [SnapshotId; 2]) -> Result<Step, MergeError> {
        let bases = graph::merge_bases(self.odb, a, b)?;
        if bases.len() > MAX_BASES {
            return Ok(Step::Unknown);
        }
        for &base in &bases {
            if !trees_are_stored(self.odb, base)? {
                self.missing.push(base);
            }
        }
        if !self.missing.is_empty() {
            return Ok(Step::Unknown);
        }
        let mut bases = bases.into_iter();
        let Some(mut all) = bases.next() else {
            return Ok(Step::Base(None));
        };
        for next in bases {
            let pair = in_order(all, next);
            match self.merged.get(&pair) {
                Some(&merged) => all = merged,
                None => return Ok(Step::Needs(pair)),
            }
        }
        Ok(Step::Base(Some(Box::new(graph::load(self.odb, all)?))))
    }
}

/// Whether a snapshot's trees were not dropped. A tree is dropped from its root down; one that has
/// its root and lacks other nodes is damaged, which is an error where they are read.
fn trees_are_stored(odb: &dyn ObjectRead, id: SnapshotId) -> Result<bool, MergeError> {
    let folders = graph::load(odb, id)?.folders;
    if !odb.contains(folders.into())? {
        return Ok(false);
    }
    let map = graph::load_map(odb, folders)?;
    let mut trees = map.folders.values().map(|folder| folder.tree);
    let stored = trees.try_fold(true, |all, id| {
        Ok::<_, OdbError>(all && (id == tree::empty_id() || odb.contains(id.into())?))
    })?;
    Ok(stored)
}
