//! What a yes lets go: the yes and the count of deletions are as durable as what leaves by them.

use std::fs;

use mailvc_store::object::{Occasion, SnapshotId, Yes};
use mailvc_store::repo::{MergeRequest, SnapshotRequest};
use mailvc_tests::fault_fs::FaultFs;
use mailvc_tests::maildir;

use crate::cut::{Command, Done, cut_off_everywhere};
use crate::fetching::{Other, apart, fetch};
use crate::mail::first;
use crate::stores::{init, lock_request, locked, mail, open, snapshot};

/// Lowers the guard's limits to nothing.
fn strict(disk: &FaultFs) {
    let mut repo = open(disk).expect("opened");
    let mut config = repo.config().clone();
    config.guard.min = 0;
    config.guard.tree_percent = 0;
    config.guard.disposable.clear();
    repo.set_config(config).expect("written");
}

/// Gives how many messages are missing.
fn lost(disk: &FaultFs) -> u64 {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    snapshot(disk).expect("recorded");
    strict(disk);
    let before = maildir::read(&mail(disk)).expect("read").contents().len();
    for (path, message) in maildir::listed(&mail(disk)).expect("listed") {
        if message.hash[0] % 3 > 0 {
            fs::remove_file(path).expect("removed");
        }
    }
    let after = maildir::read(&mail(disk)).expect("read").contents().len();
    (before - after) as u64
}

fn record(disk: &FaultFs, yes: u64) -> Done {
    let repo = open(disk)?;
    let request = SnapshotRequest {
        yes: Some(yes),
        ..SnapshotRequest::default()
    };
    let report = repo.lock(&lock_request())?.snapshot(&request)?;
    if disk.refused_to_read() {
        return Ok(());
    }
    assert_eq!(report.held.count(), 0);
    // Whoever takes the snapshot gets the yes to it as well.
    let yeses = repo.yeses_for(None)?;
    let about = |bytes: &Vec<u8>| Yes::decode(bytes).map(|(yes, _)| yes.occasion);
    let local = report.id.expect("recorded");
    assert!(
        yeses
            .iter()
            .any(|it| about(it) == Ok(Occasion::Line(local)))
    );
    Ok(())
}

#[test]
fn a_snapshot_with_a_yes_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "snapshot with a yes",
        prepare: lost,
        act: |disk: &FaultFs, yes: &u64| record(disk, *yes),
        again: |_: &FaultFs, _: &u64, _: &str| true,
    });
}

/// Another device's line, which removes messages and which this one's guard does not let pass.
fn line(disk: &FaultFs) -> (Other, SnapshotId, u64) {
    let there = apart(disk);
    let tip = fetch(disk, &there).expect("fetched");
    strict(disk);
    let held = merge(disk, tip, None, true).expect("tried");
    assert!(held > 0);
    (there, tip, held)
}

fn merge(
    disk: &FaultFs,
    tip: SnapshotId,
    yes: Option<u64>,
    dry_run: bool,
) -> Result<u64, Box<dyn std::error::Error>> {
    let request = MergeRequest {
        tip,
        why: "merge b".to_owned(),
        yes,
        keep_newer: false,
        dry_run,
    };
    let held = locked(&open(disk)?, |locked, recorded| {
        Ok(locked.merge(recorded, &request)?.held.count())
    })?;
    Ok(held)
}

#[test]
fn a_merge_with_a_yes_may_be_cut_off_anywhere_and_the_count_begins_anew() {
    cut_off_everywhere(&Command {
        name: "merge with a yes",
        prepare: line,
        act: |disk: &FaultFs, (_, tip, held): &(Other, SnapshotId, u64)| {
            assert_eq!(merge(disk, *tip, Some(*held), false)?, 0);
            assert_eq!(open(disk)?.budgets()?, []);
            Ok(())
        },
        again: |_: &FaultFs, _: &(Other, SnapshotId, u64), _: &str| true,
    });
}
