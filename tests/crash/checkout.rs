//! `checkout`.

use mailvc_store::object::SnapshotId;
use mailvc_tests::fault_fs::FaultFs;
use mailvc_tests::maildir;

use crate::cut::{Command, cut_off_everywhere};
use crate::mail::{first, second};
use crate::stores::{checkout, init, mail, open, snapshot};

/// Two recorded states that differ in every way; the Maildir is in the second.
struct Subject {
    old: SnapshotId,
    old_mail: maildir::Messages,
    new: SnapshotId,
    new_mail: maildir::Messages,
}

fn prepare(disk: &FaultFs) -> Subject {
    init(disk.shared(), disk.root(), "a").expect("a store");
    let root = mail(disk);
    first(&root);
    let old = snapshot(disk).expect("recorded").expect("something");
    let old_mail = maildir::read(&root).expect("read");
    second(&root);
    let new = snapshot(disk).expect("recorded").expect("something");
    let new_mail = maildir::read(&root).expect("read");
    Subject {
        old,
        old_mail,
        new,
        new_mail,
    }
}

/// Whatever command comes next ends what was begun, or finds that nothing was.
fn one_or_the_other(disk: &FaultFs, subject: &Subject, at: &str) -> bool {
    snapshot(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    let local = open(disk).expect("opened").local().expect("read");
    let now = maildir::read(&mail(disk)).expect("read");
    let expected = if local == Some(subject.new) {
        &subject.new_mail
    } else {
        &subject.old_mail
    };
    assert_eq!(now.difference(expected), "", "{at}");
    true
}

#[test]
fn a_checkout_may_be_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "checkout",
        prepare,
        act: |disk: &FaultFs, subject: &Subject| Ok(checkout(disk, subject.old)?),
        again: one_or_the_other,
    });
}

#[test]
fn a_checkout_may_be_given_again_at_once() {
    cut_off_everywhere(&Command {
        name: "checkout, twice",
        prepare,
        act: |disk: &FaultFs, subject: &Subject| Ok(checkout(disk, subject.old)?),
        again: |_: &FaultFs, _: &Subject, _: &str| true,
    });
}
