//! `gc`.

use mailvc_store::object::{Kind, ObjectKey};
use mailvc_store::odb::ObjectRead;
use mailvc_store::repo::GcRequest;
use mailvc_tests::fault_fs::FaultFs;

use crate::cut::{Command, Done, cut_off_everywhere};
use crate::mail::{first, second};
use crate::stores::{init, lock_request, mail, open, snapshot};

/// Gives all objects that there are.
fn prepare(disk: &FaultFs) -> Vec<ObjectKey> {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    snapshot(disk).expect("recorded");
    second(&mail(disk));
    snapshot(disk).expect("recorded");
    let repo = open(disk).expect("opened");
    let of = |kind| {
        let ids = repo.odb().ids(kind).expect("listed");
        ids.into_iter().map(move |hash| ObjectKey::new(kind, hash))
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

fn gc(disk: &FaultFs, objects: &[ObjectKey]) -> Done {
    let how = GcRequest {
        grace: 0,
        dry_run: false,
    };
    let repo = open(disk)?;
    repo.gc(&how, &lock_request())?;
    let collected = open(disk)?;
    for &key in objects {
        collected.odb().read(key)?;
    }
    let packs = repo.odb().packs()?.len();
    assert!(packs <= 4, "{packs}");
    Ok(())
}

fn assert_there(disk: &FaultFs, objects: &[ObjectKey], at: &str) {
    let repo = open(disk).expect("opened");
    for &key in objects {
        let read = repo.odb().read(key);
        read.unwrap_or_else(|error| panic!("{at}: {key}: {error}"));
    }
}

#[test]
fn a_gc_may_be_cut_off_anywhere_and_loses_no_object() {
    cut_off_everywhere(&Command {
        name: "gc",
        prepare,
        act: |disk: &FaultFs, objects: &Vec<ObjectKey>| gc(disk, objects),
        again: |disk: &FaultFs, objects: &Vec<ObjectKey>, at: &str| {
            assert_there(disk, objects, at);
            true
        },
    });
}
