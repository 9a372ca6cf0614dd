//! `undo`.

use mailvc_store::object::SnapshotKind;
use mailvc_tests::fault_fs::FaultFs;

use crate::cut::{Command, cut_off_everywhere};
use crate::mail::{first, put, second};
use crate::stores::{checkout, init, locked, mail, open, snapshot, with_consent};

/// A checkout that is to be undone, and a delivery since.
fn prepare(disk: &FaultFs) {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    let old = snapshot(disk).expect("recorded").expect("something");
    second(&mail(disk));
    checkout(disk, old).expect("went back");
    put(&mail(disk), "", "new/30", "came since");
}

/// An undo that ended is undone by the next one; all others are the same undo still.
fn had_not_ended(disk: &FaultFs) -> bool {
    let repo = open(disk).expect("opened");
    let local = repo.local().expect("read").expect("something");
    let kind = repo.snapshot(local).expect("stored").kind;
    kind != SnapshotKind::Undo || repo.layout().applying().exists()
}

#[test]
fn an_undo_may_be_cut_off_anywhere_and_is_not_undone_by_giving_it_again() {
    cut_off_everywhere(&Command {
        name: "undo",
        prepare,
        act: |disk: &FaultFs, (): &()| {
            locked(&open(disk)?, |locked, recorded| {
                with_consent(|yes| locked.undo(recorded, yes, false))
            })?;
            Ok(())
        },
        again: |disk: &FaultFs, (): &(), _: &str| had_not_ended(disk),
    });
}
