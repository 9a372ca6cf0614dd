//! `merge`.

use mailvc_store::object::SnapshotId;
use mailvc_store::repo::MergeRequest;
use mailvc_tests::fault_fs::FaultFs;

use crate::cut::{Command, Done, cut_off_everywhere};
use crate::fetching::{Other, apart, fetch};
use crate::stores::{locked, open};

fn merge(disk: &FaultFs, tip: SnapshotId) -> Done {
    let request = MergeRequest {
        tip,
        why: "merge b".to_owned(),
        yes: None,
        keep_newer: false,
        dry_run: false,
    };
    locked(&open(disk)?, |locked, recorded| {
        let merged = locked.merge(recorded, &request)?;
        assert_eq!(merged.held.count(), 0);
        Ok(())
    })?;
    Ok(())
}

/// Gives another device's line, which has gone apart from this one's.
fn lines(disk: &FaultFs) -> (Other, SnapshotId) {
    let there = apart(disk);
    let tip = fetch(disk, &there).expect("fetched");
    (there, tip)
}

#[test]
fn a_merge_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "merge",
        prepare: lines,
        act: |disk: &FaultFs, (_, tip): &(Other, SnapshotId)| merge(disk, *tip),
        again: |_: &FaultFs, _: &(Other, SnapshotId), _: &str| true,
    });
}
