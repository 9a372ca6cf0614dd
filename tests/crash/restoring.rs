//! `restore`.

use mailvc_store::object::SnapshotId;
use mailvc_store::repo::{RestoreRequest, Selection};
use mailvc_tests::fault_fs::FaultFs;

use crate::cut::{Command, cut_off_everywhere};
use crate::mail::{first, second};
use crate::stores::{init, locked, mail, open, snapshot};

/// Gives a state of which the Maildir lacks something.
fn prepare(disk: &FaultFs) -> SnapshotId {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    let old = snapshot(disk).expect("recorded").expect("something");
    second(&mail(disk));
    old
}

#[test]
fn a_restore_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "restore",
        prepare,
        act: |disk: &FaultFs, old: &SnapshotId| {
            let request = RestoreRequest {
                from: Some(*old),
                selection: Selection::All,
                dry_run: false,
            };
            locked(&open(disk)?, |locked, recorded| {
                locked.restore(recorded, &request)
            })?;
            Ok(())
        },
        again: |_: &FaultFs, _: &SnapshotId, _: &str| true,
    });
}
