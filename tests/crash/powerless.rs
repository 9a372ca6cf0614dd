//! What is to be seen in the Maildir right after the power went, before anybody cleared up: a
//! store that could bring a message back is no excuse for one that is missing or half there.

use std::path::Path;

use mailvc_store::object::SnapshotId;
use mailvc_tests::fault_fs::{Fault, FaultFs, at_every_operation};
use mailvc_tests::maildir::{self, Messages};

use crate::mail::{carry, put, remove};
use crate::stores::{checkout, init, mail, open, snapshot};

const CUTS: [Fault; 4] = [
    Fault::PowerLoss,
    Fault::Reorder(1),
    Fault::Reorder(2),
    Fault::Reorder(3),
];

struct Subject {
    old: SnapshotId,
    new: SnapshotId,
    old_mail: Messages,
    new_mail: Messages,
}

/// Two recorded states, in the second of which the Maildir is: `change` made it of the first.
fn prepare(disk: &FaultFs, change: impl Fn(&Path)) -> Subject {
    init(disk.shared(), disk.root(), "a").expect("a store");
    let root = mail(disk);
    put(&root, "", "cur/1:2,", "one");
    put(&root, ".A", "cur/2:2,S", "two");
    put(&root, ".Z", "cur/3:2,S", "three");
    put(&root, "", "new/4", "four");
    let old = snapshot(disk).expect("recorded").expect("something");
    let old_mail = maildir::read(&root).expect("read");
    change(&root);
    let new = snapshot(disk).expect("recorded").expect("something");
    let new_mail = maildir::read(&root).expect("read");
    Subject {
        old,
        new,
        old_mail,
        new_mail,
    }
}

/// Goes back to the first state, cut off at every operation; looks at what is there then.
fn cut_off(
    faults: &[Fault],
    change: impl Fn(&Path) + Copy,
    look: impl Fn(&FaultFs, &Subject, &str) + Copy,
) {
    for &fault in faults {
        let operations = at_every_operation(
            fault,
            |disk| prepare(disk, change),
            |disk, subject| drop(checkout(disk, subject.old)),
            |disk, subject, struck| look(disk, subject, &format!("{fault:?} at {struck:?}")),
        );
        println!("{fault:?}: {operations} operations");
        assert!(operations > 10, "{operations}");
    }
}

/// Every message lay in the Maildir before and does after.
fn assert_all_there(disk: &FaultFs, subject: &Subject, at: &str) {
    let seen = maildir::read(&mail(disk)).expect("read").contents();
    let all = subject.old_mail.contents();
    assert!(
        seen.is_superset(&all),
        "{at}: {} of {}",
        seen.len(),
        all.len()
    );
}

#[test]
fn a_message_that_moves_is_in_one_of_its_folders_after_a_power_cut() {
    let filed = |root: &Path| carry(root, "three", ".A/cur/3:2,S");
    cut_off(&CUTS, filed, assert_all_there);
}

/// What one folder gains the other loses: no order in which the two are made durable is right.
#[test]
fn messages_that_change_places_are_each_in_one_of_them_after_a_power_cut() {
    let swapped = |root: &Path| {
        carry(root, "two", ".Z/cur/2:2,S");
        carry(root, "three", ".A/cur/3:2,S");
    };
    cut_off(&CUTS, swapped, assert_all_there);
}

/// Of a folder's directories `cur` is made durable first.
#[test]
fn messages_that_are_read_and_unread_are_each_in_new_or_cur_after_a_power_cut() {
    let read = |root: &Path| {
        carry(root, "one", "new/1");
        carry(root, "four", "cur/4:2,S");
    };
    cut_off(&CUTS, read, assert_all_there);
}

#[test]
fn no_message_is_half_there_after_a_power_cut() {
    let gone = |root: &Path| {
        remove(root, "two");
        remove(root, "three");
    };
    cut_off(&CUTS, gone, |disk, subject, at| {
        let seen = maildir::read(&mail(disk)).expect("read").contents();
        let whole = subject.old_mail.contents();
        assert!(seen.is_subset(&whole), "{at}: half a message");
    });
}

/// More messages than are each made durable by themselves.
#[test]
fn no_message_of_many_is_half_there_after_a_power_cut() {
    let many = |root: &Path| {
        for n in 0..17 {
            put(root, ".M", &format!("cur/m{n}:2,"), &format!("number {n}"));
        }
    };
    for fault in [Fault::PowerLoss, Fault::Reorder(1)] {
        let operations = at_every_operation(
            fault,
            |disk| {
                let subject = prepare(disk, many);
                checkout(disk, subject.old).expect("without them");
                subject
            },
            |disk, subject| drop(checkout(disk, subject.new)),
            |disk, subject, struck| {
                let seen = maildir::read(&mail(disk)).expect("read").contents();
                let whole = subject.new_mail.contents();
                assert!(seen.is_subset(&whole), "{struck:?}: half a message");
            },
        );
        assert!(operations > 17, "{operations}");
    }
}

#[test]
fn what_is_half_done_is_never_taken_for_the_users_own_change() {
    let all_kinds = |root: &Path| {
        carry(root, "one", "cur/1:2,F");
        remove(root, "two");
        put(root, ".A", "cur/5:2,", "five");
        put(root, "", "new/6", "six");
    };
    cut_off(
        &[Fault::Torn, Fault::PowerLoss],
        all_kinds,
        |disk, subject, at| {
            snapshot(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
            let local = open(disk).expect("opened").local().expect("read");
            let now = maildir::read(&mail(disk)).expect("read");
            let expected = if local == Some(subject.new) {
                &subject.new_mail
            } else {
                &subject.old_mail
            };
            assert_eq!(now.difference(expected), "", "{at}");
        },
    );
}
