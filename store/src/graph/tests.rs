use std::collections::BTreeSet;

use super::*;
use crate::object::{DeviceId, Kind, SnapshotKind, Sums};
use crate::odb::{MemoryOdb, ObjectWrite};
use crate::time::Timestamp;

/// A graph whose snapshots have numbers.
#[derive(Default)]
struct Graph {
    odb: MemoryOdb,
    ids: Vec<SnapshotId>,
    parents: Vec<Vec<usize>>,
    generations: Vec<u64>,
}

impl Graph {
    /// A snapshot with these parents; its number.
    fn add(&mut self, parents: &[usize]) -> usize {
        let highest = parents.iter().map(|&parent| self.generations[parent]).max();
        self.claim(parents, highest.unwrap_or(0) + 1)
    }

    /// A snapshot that says that it is of this generation.
    fn claim(&mut self, parents: &[usize], generation: u64) -> usize {
        let ids: BTreeSet<_> = parents.iter().map(|&parent| self.ids[parent]).collect();
        let number = self.ids.len();
        let snapshot = Snapshot {
            kind: SnapshotKind::Snapshot,
            generation,
            parents: ids.into_iter().collect(),
            folders: FolderMapId::new([0; 32]),
            tags: None,
            device: Some(DeviceId::new([1; 32])),
            device_name: String::new(),
            time: Timestamp(number as i64),
            sums: Sums::default(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: String::new(),
        };
        let bytes = snapshot.encode();
        self.odb.write(Kind::Snapshot, &bytes).expect("memory");
        self.ids.push(snapshot.id());
        self.parents.push(parents.to_vec());
        self.generations.push(generation);
        number
    }

    /// A snapshot and all its ancestors, by the definition.
    fn line(&self, of: usize) -> BTreeSet<usize> {
        let above = self.parents[of]
            .iter()
            .flat_map(|&parent| self.line(parent));
        above.chain([of]).collect()
    }

    /// The best common ancestors, by the definition.
    fn best(&self, a: usize, b: usize) -> BTreeSet<SnapshotId> {
        let common: BTreeSet<_> = self.line(a).intersection(&self.line(b)).copied().collect();
        let beneath = |one: usize, other: usize| one != other && self.line(other).contains(&one);
        let best = |one: &&usize| !common.iter().any(|&other| beneath(**one, other));
        common
            .iter()
            .filter(best)
            .map(|&one| self.ids[one])
            .collect()
    }

    fn bases(&self, a: usize, b: usize) -> Vec<SnapshotId> {
        merge_bases(&self.odb, self.ids[a], self.ids[b]).expect("reads")
    }
}

/// A graph in which lines part and join at random, the same on every run.
fn tangle(seed: u64, size: usize) -> Graph {
    let mut graph = Graph::default();
    let mut state = seed;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    for number in 0..size {
        let mut parents = BTreeSet::new();
        for _ in 0..[0, 1, 1, 2, 2, 3][below(6)] {
            if number > 0 {
                parents.insert(number - 1 - below(number.min(6)));
            }
        }
        graph.add(&parents.into_iter().collect::<Vec<_>>());
    }
    graph
}

#[test]
fn relations_in_tangled_graphs_are_those_of_the_definition() {
    for seed in 0..12 {
        let graph = tangle(seed, 18);
        for a in 0..18 {
            for b in 0..18 {
                let related = is_ancestor(&graph.odb, graph.ids[a], graph.ids[b]);
                assert_eq!(related.expect("reads"), graph.line(b).contains(&a));
                let bases = graph.bases(a, b);
                assert!(bases.is_sorted());
                assert_eq!(
                    BTreeSet::from_iter(bases),
                    graph.best(a, b),
                    "{a} and {b} of {seed}"
                );
            }
        }
    }
}

#[test]
fn what_is_missing_comes_parents_first_and_nothing_else_comes() {
    for seed in 0..40 {
        let graph = tangle(seed, 30);
        let (tip, haves) = (29, [seed as usize % 29, 17]);
        let mut ids = haves.map(|have| graph.ids[have]).to_vec();
        ids.push(SnapshotId::new([9; 32]));
        let missing = missing(&graph.odb, graph.ids[tip], &ids).expect("reads");

        let had: BTreeSet<_> = haves.iter().flat_map(|&have| graph.line(have)).collect();
        let expected: BTreeSet<_> = graph
            .line(tip)
            .difference(&had)
            .map(|&n| graph.ids[n])
            .collect();
        let found: BTreeSet<_> = missing.iter().copied().collect();
        assert_eq!(found, expected);
        assert_eq!(missing.len(), expected.len(), "each once");
        let generation = |id: &SnapshotId| load(&graph.odb, *id).expect("reads").generation;
        assert!(missing.is_sorted_by_key(|id| (generation(id), *id)));
    }
}

#[test]
fn ancestors_come_once_and_after_all_their_descendants() {
    let graph = tangle(5, 40);
    let tips = [graph.ids[39], graph.ids[30], graph.ids[39]];
    let listed: Vec<_> = ancestors(&graph.odb, tips)
        .map(|item| item.expect("reads"))
        .collect();
    assert!(
        listed
            .iter()
            .rev()
            .is_sorted_by_key(|(id, snapshot)| (snapshot.generation, *id))
    );
    let lines: BTreeSet<_> = graph
        .line(39)
        .union(&graph.line(30))
        .map(|&n| graph.ids[n])
        .collect();
    assert_eq!(listed.len(), lines.len());
    let found: BTreeSet<_> = listed.into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, lines);
}

#[test]
fn lines_that_crossed_have_two_bases() {
    let mut graph = Graph::default();
    let root = graph.add(&[]);
    let (a, b) = (graph.add(&[root]), graph.add(&[root]));
    let (left, right) = (graph.add(&[a, b]), graph.add(&[a, b]));
    let mut expected = [graph.ids[a], graph.ids[b]];
    expected.sort_unstable();
    assert_eq!(graph.bases(left, right), expected);
    assert_eq!(graph.bases(left, a), [graph.ids[a]]);
    let stranger = graph.add(&[]);
    assert!(graph.bases(left, stranger).is_empty());
}

#[test]
fn a_recent_parting_does_not_cost_a_walk_through_all_history() {
    let mut graph = Graph::default();
    let mut tip = graph.add(&[]);
    let first = tip;
    for _ in 0..200 {
        tip = graph.add(&[tip]);
    }
    let (a, b) = (graph.add(&[tip]), graph.add(&[tip]));
    // Whoever reads down to here fails.
    graph.odb.forget(graph.ids[first + 150].into());
    assert_eq!(graph.bases(a, b), [graph.ids[tip]]);
    assert!(!is_ancestor(&graph.odb, graph.ids[a], graph.ids[b]).expect("reads"));
    let missing = missing(&graph.odb, graph.ids[a], &[graph.ids[b]]).expect("reads");
    assert_eq!(missing, [graph.ids[a]]);
    let error = ancestors(&graph.odb, [graph.ids[a]])
        .find_map(Result::err)
        .expect("an error");
    assert_eq!(error.missing(), Some(graph.ids[first + 150].into()));
}

#[test]
fn a_generation_that_does_not_follow_from_the_parents_is_refused() {
    let mut graph = Graph::default();
    let root = graph.add(&[]);
    let middle = graph.add(&[root]);
    for (parents, generation) in [
        (&[middle][..], 2),
        (&[middle], 4),
        (&[middle, root], u64::MAX),
    ] {
        let liar = graph.claim(parents, generation);
        let snapshot = load(&graph.odb, graph.ids[liar]).expect("well formed");
        let refused = |error| matches!(error, GraphError::Generation { .. });
        assert!(refused(
            check_parents(&graph.odb, &snapshot).expect_err("lies")
        ));
        let walked = is_ancestor(&graph.odb, graph.ids[root], graph.ids[liar]);
        assert!(refused(walked.expect_err("lies")));
    }
    let honest = load(&graph.odb, graph.ids[middle]).expect("well formed");
    check_parents(&graph.odb, &honest).expect("fits");
}
