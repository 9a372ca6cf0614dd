//! The graph of snapshots, past whatever of it is missing.

use std::collections::HashSet;

use super::finding::Place;
use super::trees::Trees;
use super::verify::{Judge, Run};
use crate::graph;
use crate::object::{Snapshot, SnapshotId};
use crate::progress::Phase;

impl Run<'_> {
    /// Checks all snapshots that can be reached, newest first.
    pub(super) fn history(&mut self, tips: &[SnapshotId], judge: &mut Judge<'_>) {
        let order = self.reachable(tips);
        let total = order.len() as u64;
        self.report.snapshots = total;
        self.verifier.progress.begin(Phase::Check, Some(total));
        let mut trees = Trees::default();
        for id in order {
            if self.is_cancelled() {
                return;
            }
            // Its findings, if any, are those of the walk.
            if let Ok(snapshot) = graph::load(self.verifier.odb, id) {
                self.snapshot(id, &snapshot, judge);
                self.folders(id, &snapshot, &mut trees);
            }
            self.verifier.progress.advance(1, 0);
        }
    }

    /// All snapshots that can be reached, the highest generation first.
    fn reachable(&mut self, tips: &[SnapshotId]) -> Vec<SnapshotId> {
        let mut seen: HashSet<SnapshotId> = tips.iter().copied().collect();
        let mut open: Vec<(SnapshotId, Option<SnapshotId>)> =
            tips.iter().map(|&id| (id, None)).collect();
        let mut order = Vec::new();
        while let Some((id, child)) = open.pop() {
            match graph::load(self.verifier.odb, id) {
                Ok(snapshot) => {
                    order.push((snapshot.generation, id));
                    let new = snapshot.parents.into_iter().filter(|it| seen.insert(*it));
                    open.extend(new.map(|parent| (parent, Some(id))));
                }
                Err(error) => {
                    let snapshot = child.unwrap_or(id);
                    let folder = None;
                    let place = Some(Place { snapshot, folder });
                    self.blame((id.into(), error).into(), place);
                }
            }
        }
        order.sort_unstable_by(|a, b| b.cmp(a));
        order.into_iter().map(|(_, id)| id).collect()
    }

    fn snapshot(&mut self, id: SnapshotId, snapshot: &Snapshot, judge: &mut Judge<'_>) {
        let folder = None;
        let place = Place {
            snapshot: id,
            folder,
        };
        match graph::check_parents(self.verifier.odb, snapshot) {
            Ok(()) => {
                if let Some(what) = judge(id, snapshot) {
                    let finding = super::Finding::Snapshot { id, what };
                    self.report.findings.push(finding);
                }
            }
            Err(error) => self.blame((id.into(), error).into(), Some(place)),
        }
    }
}
