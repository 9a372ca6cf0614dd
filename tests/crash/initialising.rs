//! `init`, and the first snapshot.

use mailvc_store::repo::RepoError;
use mailvc_tests::fault_fs::{Points, at_chosen_operations};

use crate::cut::{FAULTS, assert_settled};
use crate::mail::put;
use crate::stores::{init, mail, snapshot};

#[test]
fn an_init_and_its_first_snapshot_may_be_cut_off_anywhere() {
    let points = Points::from_environment(12);
    for fault in FAULTS {
        let (tried, operations) = at_chosen_operations(
            (fault, &points),
            |_| (),
            |disk, ()| {
                if init(disk.shared(), disk.root(), "a").is_ok() {
                    put(&mail(disk), "", "cur/1:2,", "one");
                    drop(snapshot(disk));
                }
            },
            |disk, (), struck| {
                let at = format!("{fault:?} at {struck:?}");
                match init(disk.shared(), disk.root(), "a") {
                    Ok(_) | Err(RepoError::Exists(_)) => {}
                    Err(error) => panic!("{at}: {error}"),
                }
                put(&mail(disk), "", "cur/1:2,", "one");
                let id = snapshot(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
                assert!(id.is_some(), "{at}");
                assert_settled(disk, &at);
            },
        );
        println!("init, {fault:?}: {tried} of {operations} operations");
    }
}
