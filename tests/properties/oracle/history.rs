//! History as a list: every snapshot with all of its ancestors. Bases are found by comparing whole
//! sets, and merged with each other one by one.

use std::collections::{BTreeMap, BTreeSet};

use mailvc_store::object::{ObjectKey, SnapshotId};

use super::merge::merge;
use super::state::State;

/// More best common ancestors than this are no base.
const MAX_BASES: usize = 16;

/// A snapshot of the model.
#[derive(Debug, Clone)]
pub(super) struct Past {
    /// Itself among them.
    pub(super) ancestors: BTreeSet<SnapshotId>,
    pub(super) generation: u64,
    pub(super) time: i64,
    pub(super) state: State,
    /// What its trees start from.
    pub(super) trees: BTreeSet<ObjectKey>,
    /// Whether its trees are stored.
    pub(super) stored: bool,
}

/// All snapshots.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) all: BTreeMap<SnapshotId, Past>,
}

/// What a merge is made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// A snapshot's state, or what several came to: so many of them.
    Of(usize, State),
    /// There is one, but it cannot be had: the sides are united.
    Lost,
}

impl Base {
    /// The state, empty if there is none.
    pub(super) fn state(self) -> State {
        match self {
            Self::Of(_, state) => state,
            Self::Lost => State::default(),
        }
    }
}

impl History {
    /// Whether one is the other, or among its ancestors.
    pub(super) fn has(&self, later: SnapshotId, earlier: SnapshotId) -> bool {
        self.all[&later].ancestors.contains(&earlier)
    }

    /// What two snapshots are merged over.
    pub(super) fn base(&self, a: SnapshotId, b: SnapshotId) -> Base {
        let [a, b] = [a, b].map(|id| &self.all[&id].ancestors);
        self.united(&self.best(a, b), &mut BTreeMap::new())
    }

    /// The ancestors of both that are no ancestors of another of them, in ascending order.
    fn best(&self, a: &BTreeSet<SnapshotId>, b: &BTreeSet<SnapshotId>) -> Vec<SnapshotId> {
        let common: Vec<SnapshotId> = a.intersection(b).copied().collect();
        let under = |id| {
            common
                .iter()
                .any(|&other| other != id && self.has(other, id))
        };
        let best = common.iter().filter(|&&id| !under(id));
        best.copied().collect()
    }

    /// Several snapshots merged with each other, from the first on.
    fn united(&self, list: &[SnapshotId], known: &mut BTreeMap<Vec<SnapshotId>, Base>) -> Base {
        if list.len() > MAX_BASES || list.iter().any(|id| !self.all[id].stored) {
            return Base::Lost;
        }
        let Some((last, others)) = list.split_last() else {
            return Base::Of(0, State::default());
        };
        let last = &self.all[last];
        if others.is_empty() {
            return Base::Of(1, last.state.clone());
        }
        if let Some(base) = known.get(list) {
            return base.clone();
        }
        let below = others.iter().flat_map(|id| &self.all[id].ancestors);
        let best = self.best(&below.copied().collect(), &last.ancestors);
        let base = match (self.united(others, known), self.united(&best, known)) {
            (Base::Of(..), Base::Lost) | (Base::Lost, _) => Base::Lost,
            (Base::Of(_, others), Base::Of(_, base)) => {
                Base::Of(list.len(), merge(&base, &others, &last.state).0)
            }
        };
        known.insert(list.to_vec(), base.clone());
        base
    }
}
