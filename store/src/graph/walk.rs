use std::collections::{BTreeSet, HashMap};

use super::link::Link;
use super::{GraphError, load};
use crate::object::{Snapshot, SnapshotId};
use crate::odb::ObjectRead;

/// What a walk knows of a snapshot: bits whose meaning is the walk's own. A snapshot's paint is
/// that of all its descendants that the walk has passed.
pub(super) type Paint = u8;

/// A walk down the graph, highest (generation, id) first, that passes paint on from children to
/// parents.
///
/// All descendants of a snapshot stand above it, so that its paint is complete when it is taken,
/// and it need not be remembered after: memory is that of the frontier.
pub(super) struct Walk<'a> {
    odb: &'a dyn ObjectRead,
    /// A snapshot with one of these bits has no say in how long the walk goes on.
    closed: Paint,
    order: BTreeSet<(u64, SnapshotId)>,
    waiting: HashMap<SnapshotId, (Link, Paint)>,
    /// How many of those waiting have no bit of `closed`.
    open: usize,
}

impl<'a> Walk<'a> {
    /// A walk that has nowhere to go yet.
    pub(super) fn new(odb: &'a dyn ObjectRead, closed: Paint) -> Self {
        Self {
            odb,
            closed,
            order: BTreeSet::new(),
            waiting: HashMap::new(),
            open: 0,
        }
    }

    /// Starts at `id`, too.
    pub(super) fn start(&mut self, id: SnapshotId, paint: Paint) -> Result<(), GraphError> {
        let link = Link::load(self.odb, id)?;
        self.wait(link, paint);
        Ok(())
    }

    /// Goes on to the parents of a snapshot that was taken.
    pub(super) fn descend(&mut self, from: &Link, paint: Paint) -> Result<(), GraphError> {
        for parent in from.parents(self.odb)? {
            self.wait(parent, paint);
        }
        Ok(())
    }

    /// Takes the highest snapshot that waits.
    pub(super) fn take(&mut self) -> Option<(Link, Paint)> {
        let (_, id) = self.order.pop_last()?;
        let (link, paint) = self.waiting.remove(&id)?;
        self.open -= usize::from(self.is_open_with(paint));
        Some((link, paint))
    }

    /// Whether a snapshot waits that is not closed; if none does, none will.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    fn is_open_with(&self, paint: Paint) -> bool {
        paint & self.closed == 0
    }

    /// Lets a snapshot wait, or paints it over if it does.
    fn wait(&mut self, link: Link, paint: Paint) {
        let (id, generation) = (link.id, link.generation);
        let earlier = self.waiting.remove(&id).map(|(_, paint)| paint);
        if let Some(earlier) = earlier {
            self.open -= usize::from(self.is_open_with(earlier));
        }
        let paint = paint | earlier.unwrap_or(0);
        self.open += usize::from(self.is_open_with(paint));
        self.order.insert((generation, id));
        self.waiting.insert(id, (link, paint));
    }
}

/// Snapshots and all of their ancestors, see [`ancestors`].
pub struct Ancestors<'a> {
    walk: Walk<'a>,
    /// Where to start; emptied by the first step.
    tips: Vec<SnapshotId>,
}

/// `tips` and all of their ancestors, each once, highest (generation, id) first: no snapshot comes
/// before its descendants. The first error is the last item.
pub fn ancestors(
    odb: &dyn ObjectRead,
    tips: impl IntoIterator<Item = SnapshotId>,
) -> Ancestors<'_> {
    Ancestors {
        walk: Walk::new(odb, 0),
        tips: tips.into_iter().collect(),
    }
}

impl Ancestors<'_> {
    fn step(&mut self) -> Result<Option<(SnapshotId, Snapshot)>, GraphError> {
        for tip in std::mem::take(&mut self.tips) {
            self.walk.start(tip, 0)?;
        }
        let Some((link, paint)) = self.walk.take() else {
            return Ok(None);
        };
        self.walk.descend(&link, paint)?;
        let snapshot = load(self.walk.odb, link.id)?;
        Ok(Some((link.id, snapshot)))
    }
}

impl Iterator for Ancestors<'_> {
    type Item = Result<(SnapshotId, Snapshot), GraphError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.walk = Walk::new(self.walk.odb, 0);
        }
        step.transpose()
    }
}
