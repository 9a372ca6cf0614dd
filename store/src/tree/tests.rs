//! The tree against a plain map, on random sets that are the same on every run.

use super::testing::{Map, Random, Recorder, build};
use super::*;
use crate::object::{BlobId, Day};
use crate::odb::MemoryOdb;

/// Random edits, as a list for the tree, and made in `map`.
fn change(random: &mut Random, map: &mut Map, count: u64) -> Vec<(EntryKey, Option<Entry>)> {
    let removals = random.below(5);
    let mut edits = Vec::new();
    for _ in 0..count {
        let key = random.key(1500);
        if random.below(5) < removals {
            map.remove(&key);
            edits.push((key, None));
        } else {
            let entry = random.entry();
            map.insert(key, entry.clone());
            edits.push((key, Some(entry)));
        }
    }
    edits
}

fn sums_of(map: &Map) -> Sums {
    map.values().map(Sums::of).sum()
}

#[test]
fn however_a_set_came_about_its_tree_is_the_same() {
    let odb = MemoryOdb::new();
    let (mut random, mut map) = (Random(1), Map::new());
    let mut root = empty(&odb).expect("stored");
    for round in 0..120 {
        let count = [3, 40, 700][round % 3];
        let edits = change(&mut random, &mut map, count);
        let (next, sums) = edit(&odb, root, edits).expect("edits");
        assert_eq!(next, build(&odb, &map), "round {round}");
        assert_eq!(sums, sums_of(&map));
        assert_eq!(super::sums(&odb, next).expect("reads"), sums);
        root = next;
    }
    let all: Vec<_> = map.keys().map(|key| (*key, None)).collect();
    let emptied = edit(&odb, root, all).expect("removes all");
    assert_eq!(emptied, (empty_id(), Sums::default()));
}

#[test]
fn a_tree_yields_what_was_put_into_it_in_order() {
    let odb = MemoryOdb::new();
    let (mut random, mut map) = (Random(2), Map::new());
    change(&mut random, &mut map, 900);
    let root = build(&odb, &map);
    let listed: Vec<_> = entries(&odb, root)
        .map(|item| item.expect("reads"))
        .collect();
    let expected: Vec<_> = map
        .iter()
        .map(|(key, entry)| (*key, entry.clone()))
        .collect();
    assert_eq!(listed, expected);

    let mut checked = Map::new();
    let mut note = |key, entry: &Entry| drop(checked.insert(key, entry.clone()));
    check(&odb, root, sums_of(&map), &mut note).expect("is whole");
    assert_eq!(checked, map);

    let asked: Vec<_> = (0..600).map(|_| random.key(1500)).collect();
    for key in &asked {
        assert_eq!(get(&odb, root, *key).expect("reads"), map.get(key).cloned());
    }
    let found: Map = get_all(&odb, root, asked.iter().copied())
        .expect("reads")
        .into_iter()
        .collect();
    map.retain(|key, _| asked.contains(key));
    assert_eq!(found, map);
}

#[test]
fn a_diff_is_what_two_sets_differ_in() {
    let odb = MemoryOdb::new();
    let (mut random, mut before) = (Random(3), Map::new());
    for round in 0..60 {
        let mut after = before.clone();
        change(&mut random, &mut after, [2, 30, 800][round % 3]);
        let (a, b) = (build(&odb, &before), build(&odb, &after));
        let changes: Vec<_> = diff(&odb, a, b).map(|item| item.expect("reads")).collect();
        assert!(changes.is_sorted_by_key(|change| change.key));
        assert!(changes.iter().all(|change| change.before != change.after));
        for change in &changes {
            assert_eq!(change.before.as_ref(), before.get(&change.key));
        }
        let edits = changes.into_iter().map(|change| (change.key, change.after));
        assert_eq!(edit(&odb, a, edits).expect("edits").0, b, "round {round}");
        before = after;
    }
}

#[test]
fn of_edits_under_one_key_the_last_counts() {
    let odb = MemoryOdb::new();
    let mut random = Random(4);
    let (key, first, last) = (random.key(9), random.entry(), random.entry());
    let edits = [(key, Some(first)), (key, None), (key, Some(last.clone()))];
    let (root, _) = edit(&odb, empty_id(), edits).expect("edits");
    assert_eq!(get(&odb, root, key).expect("reads"), Some(last.clone()));
    let edits = [(key, Some(last)), (key, None)];
    assert_eq!(edit(&odb, root, edits).expect("edits").0, empty_id());
}

#[test]
fn the_empty_tree_is_read_without_being_stored_and_stored_when_it_is_made() {
    let odb = MemoryOdb::new();
    assert_eq!(entries(&odb, empty_id()).count(), 0);
    assert!(odb.keys().is_empty());
    edit(&odb, empty_id(), []).expect("edits");
    assert_eq!(odb.keys(), [empty_id().into()]);
    assert_eq!(empty(&odb).expect("writes"), empty_id());
}

/// A mailbox of `count` messages over fifteen years, as `layout` expects them: 55 or so a day.
fn mailbox(odb: &dyn ObjectWrite, count: u64) -> (TreeId, Vec<EntryKey>) {
    let mut random = Random(5);
    let key = |number: u64, day: u64| EntryKey {
        day: Day(14_600 + day as u16),
        blob: BlobId::of(&number.to_le_bytes()),
    };
    let keys: Vec<_> = (0..count).map(|n| key(n, random.below(5_475))).collect();
    let one = random.entry();
    let all = keys.iter().map(|key| (*key, Some(one.clone())));
    (edit(odb, empty_id(), all).expect("builds").0, keys)
}

fn one_change_costs_a_path_of_nodes(count: u64) {
    let odb = Recorder::default();
    let (root, keys) = mailbox(&odb, count);
    odb.written();
    odb.read_count();
    let mut entry = get(&odb, root, keys[17]).expect("reads").expect("is there");
    entry.kept = 1;
    assert!(odb.read_count() <= 5);

    let (next, _) = edit(&odb, root, [(keys[17], Some(entry))]).expect("edits");
    let bases = odb.writes.lock().expect("one thread").clone();
    assert!(
        bases.iter().all(|(_, _, base)| base.is_some()),
        "deltas all"
    );
    let (nodes, bytes) = odb.written();
    assert!(
        nodes <= 5 && bytes <= 8 * 1024,
        "{nodes} nodes, {bytes} bytes"
    );

    odb.read_count();
    assert_eq!(diff(&odb, root, next).count(), 1);
    assert!(odb.read_count() <= 10, "two paths");
    edit(
        &odb,
        next,
        [(keys[17], get(&odb, next, keys[17]).expect("reads"))],
    )
    .expect("edits");
    assert_eq!(odb.written(), (0, 0), "what changes nothing writes nothing");
}

#[test]
fn one_change_among_thirty_thousand_costs_a_path_of_nodes() {
    one_change_costs_a_path_of_nodes(30_000);
}

#[test]
#[ignore = "slow without optimisation"]
fn one_change_among_three_hundred_thousand_costs_a_path_of_nodes() {
    one_change_costs_a_path_of_nodes(300_000);
}
