//! Snapshots: ancestors, several bases, none, and bases whose trees are gone.

use std::collections::BTreeSet;

use super::super::{MergeError, Outcome, RULES, merge_snapshots, missing_bases, recompute};
use super::{Mail, Random, load, store};
use crate::graph;
use crate::object::{DeviceId, Kind, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{MemoryOdb, ObjectWrite};
use crate::time::Timestamp;

/// A device's snapshot of `mail`: messages as text, separated by commas, numbered from 0.
fn commit(odb: &MemoryOdb, parents: &[SnapshotId], mail: &str) -> SnapshotId {
    let all = mail.split(',').map(str::trim).enumerate();
    let all = all.filter(|(_, text)| !text.is_empty());
    let mail: Mail = all.map(|(at, text)| (at as u64, text.to_owned())).collect();
    commit_mail(odb, parents, &mail)
}

fn commit_mail(odb: &MemoryOdb, parents: &[SnapshotId], mail: &Mail) -> SnapshotId {
    let folders = store(odb, &["in"], mail);
    let map = graph::load_map(odb, folders).expect("stored");
    let generation = |&id| graph::load(odb, id).expect("stored").generation;
    let highest = parents.iter().map(generation).max().unwrap_or(0);
    let mut parents = parents.to_vec();
    parents.sort_unstable();
    let snapshot = Snapshot {
        kind: SnapshotKind::Snapshot,
        generation: highest + 1,
        parents,
        folders,
        tags: None,
        device: Some(DeviceId::new([1; 32])),
        device_name: "laptop".into(),
        time: Timestamp(highest as i64),
        sums: map.sums(),
        merge_rules: 0,
        conflicts: Vec::new(),
        conflicts_total: 0,
        message: String::new(),
    };
    odb.write(Kind::Snapshot, &snapshot.encode())
        .expect("memory");
    snapshot.id()
}

fn merged(odb: &MemoryOdb, a: SnapshotId, b: SnapshotId) -> Snapshot {
    let one = merge_snapshots(odb, a, b).expect("merges");
    assert_eq!(one, merge_snapshots(odb, b, a).expect("merges"));
    let Outcome::Merged(snapshot) = one else {
        panic!("expected a merge, not {one:?}");
    };
    assert_eq!(recompute(odb, &snapshot).expect("merges"), snapshot.id());
    assert_eq!(Snapshot::decode(&snapshot.encode()), Ok(snapshot.clone()));
    graph::check_parents(odb, &snapshot).expect("in its place");
    snapshot
}

fn mail_of(odb: &MemoryOdb, snapshot: &Snapshot) -> Vec<String> {
    load(odb, snapshot.folders, 0..9).into_values().collect()
}

#[test]
fn an_ancestor_needs_no_merge() {
    let odb = MemoryOdb::new();
    let old = commit(&odb, &[], "in:");
    let new = commit(&odb, &[old], "in:S");
    let outcome = |a, b| merge_snapshots(&odb, a, b).expect("merges");
    assert_eq!(outcome(old, old), Outcome::Same);
    assert_eq!(outcome(new, old), Outcome::AFirst);
    assert_eq!(outcome(old, new), Outcome::BFirst);
}

#[test]
fn a_merge_is_a_function_of_its_parents() {
    let odb = MemoryOdb::new();
    let base = commit(&odb, &[], "in:");
    let a = commit(&odb, &[base], "in:F");
    let b = commit(&odb, &[base], "work:");
    let snapshot = merged(&odb, a, b);
    assert_eq!(mail_of(&odb, &snapshot), ["work:F"]);
    assert_eq!(snapshot.kind, SnapshotKind::Merge);
    assert_eq!((snapshot.generation, snapshot.merge_rules), (3, RULES));
    assert_eq!((snapshot.device, snapshot.time), (None, Timestamp(1)));
    assert_eq!(snapshot.sums.copies, 1);
}

#[test]
fn histories_that_share_nothing_are_united() {
    let odb = MemoryOdb::new();
    let a = commit(&odb, &[], "in:, in:S");
    let b = commit(&odb, &[], ", in:, in:");
    assert_eq!(mail_of(&odb, &merged(&odb, a, b)), ["in:", "in:S", "in:"]);
}

#[test]
fn a_criss_cross_is_merged_over_the_merge_of_its_bases() {
    let odb = MemoryOdb::new();
    let root = commit(&odb, &[], "in:, in:, in:");
    // Message 0 was flagged here and message 1 deleted there; both then took both in.
    let left = commit(&odb, &[root], "in:F, in:, in:");
    let right = commit(&odb, &[root], "in:, , in:");
    let a = commit(&odb, &[left, right], "in:F, , in:");
    let b = commit(&odb, &[left, right], ", , in:S, in:");
    let snapshot = merged(&odb, a, b);
    // Against `right` alone the flag would be a change since, and message 0 would come back.
    assert_eq!(mail_of(&odb, &snapshot), ["in:S", "in:"]);
    assert_eq!(snapshot.conflicts, []);
}

#[test]
fn a_criss_cross_of_criss_crosses_goes_deep() {
    let odb = MemoryOdb::new();
    let mut pair = [
        commit(&odb, &[], "in:, in:"),
        commit(&odb, &[], "in:, , in:"),
    ];
    for round in 0..60 {
        let mail = |flag: &str| format!("in:@{round}{flag}, in:, in:");
        pair = [
            commit(&odb, &pair, &mail("")),
            commit(&odb, &pair, &mail("+k")),
        ];
    }
    let snapshot = merged(&odb, pair[0], pair[1]);
    assert_eq!(mail_of(&odb, &snapshot).len(), 3);
}

#[test]
fn where_a_base_was_dropped_both_sides_are_united() {
    let odb = MemoryOdb::new();
    let base = commit(&odb, &[], "in:, in:, in:");
    let a = commit(&odb, &[base], "in:, in:S");
    let b = commit(&odb, &[base], ", in:F, in:");
    assert_eq!(missing_bases(&odb, a, b).expect("stored"), []);
    let folders = graph::load(&odb, base).expect("stored").folders;
    odb.forget(folders.into());
    assert_eq!(missing_bases(&odb, a, b).expect("stored"), [base]);
    assert_eq!(mail_of(&odb, &merged(&odb, a, b)), ["in:", "in:FS", "in:"]);
}

#[test]
fn a_base_of_bases_that_was_dropped_is_asked_for_and_nothing_is_taken_for_deleted() {
    let odb = MemoryOdb::new();
    let root = commit(&odb, &[], "in:, in:");
    let left = commit(&odb, &[root], "in:S, in:");
    let right = commit(&odb, &[root], ", in:");
    let a = commit(&odb, &[left, right], ", in:");
    // Message 0 was brought back here, where a union of the bases would have it all along.
    let b = commit(&odb, &[left, right], "in:S, in:");
    assert_eq!(mail_of(&odb, &merged(&odb, a, b)), ["in:S", "in:"]);
    let folders = graph::load(&odb, root).expect("stored").folders;
    odb.forget(folders.into());
    assert_eq!(missing_bases(&odb, a, b).expect("stored"), [root]);
    assert_eq!(mail_of(&odb, &merged(&odb, a, b)), ["in:S", "in:"]);
}

#[test]
fn what_is_no_merge_of_these_rules_is_refused() {
    let odb = MemoryOdb::new();
    let base = commit(&odb, &[], "in:");
    let a = commit(&odb, &[base], "in:F");
    let b = commit(&odb, &[base], "in:S");
    let good = merged(&odb, a, b);
    let newer = Snapshot {
        merge_rules: RULES + 1,
        ..good.clone()
    };
    let refused = recompute(&odb, &newer);
    assert!(matches!(refused, Err(MergeError::Rules { rules, .. }) if rules == RULES + 1));
    let mut needless = good.clone();
    needless.parents = vec![base.min(a), base.max(a)];
    assert!(matches!(
        recompute(&odb, &needless),
        Err(MergeError::NoMerge { .. })
    ));
    let other = Snapshot {
        generation: 9,
        ..good
    };
    assert_ne!(recompute(&odb, &other).expect("merges"), other.id());
}

#[test]
fn devices_that_sync_in_any_order_reach_one_snapshot() {
    let odb = MemoryOdb::new();
    let mut random = Random(5);
    for _ in 0..6 {
        let root = commit(&odb, &[], "in:, in:, work:, in: work:, in:");
        let mut tips = [root; 4];
        let mut added = BTreeSet::new();
        for step in 0..40 {
            let at = random.below(4) as usize;
            let snapshot = graph::load(&odb, tips[at]).expect("stored");
            let mut mail = load(&odb, snapshot.folders, 0..30);
            let number = random.below(5);
            match random.below(4) {
                0 => drop(mail.remove(&number)),
                1 => drop(mail.insert(number, format!("work:F@{step}"))),
                2 => {
                    let number = 5 + random.below(25);
                    added.insert(number);
                    mail.insert(number, "in:".into());
                }
                _ => drop(mail.insert(number, "Trash:S in:".into())),
            }
            tips[at] = commit_mail(&odb, &[tips[at]], &mail);
            sync(&odb, &mut tips, &mut random);
        }
        for _ in 0..200 {
            sync(&odb, &mut tips, &mut random);
        }
        assert!(tips.iter().all(|tip| *tip == tips[0]), "one snapshot");
        let last = graph::load(&odb, tips[0]).expect("stored");
        let mail = load(&odb, last.folders, 5..30);
        assert!(mail.keys().eq(&added), "what nobody deleted is there");
    }
}

fn sync(odb: &MemoryOdb, tips: &mut [SnapshotId; 4], random: &mut Random) {
    let (a, b) = (random.below(4) as usize, random.below(4) as usize);
    let result = match merge_snapshots(odb, tips[a], tips[b]).expect("merges") {
        Outcome::Same | Outcome::AFirst => tips[a],
        Outcome::BFirst => tips[b],
        Outcome::Merged(snapshot) => snapshot.id(),
    };
    (tips[a], tips[b]) = (result, result);
}
