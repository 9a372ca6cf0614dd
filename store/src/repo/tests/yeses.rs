//! Yeses that travel, and what other devices may delete without one.

use super::*;
use crate::merge::Reason;
use crate::object::{Occasion, Yes};
use crate::sign::Signer;

pub(super) fn approve(at: &Device, whom: &Device) {
    let repo = at.repo();
    let mut trust = repo.trust().expect("read");
    let key = whom
        .repo()
        .device_key()
        .expect("a key")
        .public_key()
        .clone();
    // Not this crate's `Device` of the tests.
    let mut device = trust::Device::new(key, whom.name);
    device.approve = true;
    trust.add(device);
    trust.save(&**repo.fs(), repo.layout()).expect("written");
}

pub(super) fn yes(number: u64) -> SnapshotRequest {
    SnapshotRequest {
        yes: Some(number),
        ..SnapshotRequest::default()
    }
}

/// Two devices that have the same 151 messages.
pub(super) fn two_with_many() -> (Device, Device) {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..150);
    a.snapshot();
    b.pull(&a);
    (a, b)
}

/// Two devices with 150 messages, of which `b` has removed a hundred, with a yes.
fn removed_with_a_yes() -> (Device, Device) {
    let (a, b) = two_with_many();
    a.pull(&b);
    remove_many(&b, 0..100);
    assert_eq!(b.snapshot_as(&yes(100)).held.count(), 0);
    (a, b)
}

pub(super) fn remove_many(at: &Device, subjects: std::ops::Range<usize>) {
    let names: std::collections::BTreeSet<String> =
        subjects.map(|n| message(&format!("m{n}"))).collect();
    for (path, _) in at.files() {
        if names.contains(&fs::read_to_string(&path).expect("a message")) {
            fs::remove_file(path).expect("removed");
        }
    }
}

pub(super) fn blobs(subjects: std::ops::Range<usize>) -> Vec<BlobId> {
    let text = |n| BlobId::of(message(&format!("m{n}")).as_bytes());
    let mut ids: Vec<BlobId> = subjects.map(text).collect();
    ids.sort_unstable();
    ids
}

/// The files of yeses that a device keeps.
pub(super) fn kept(at: &Device) -> usize {
    fs::read_dir(at.store().join("yeses")).map_or(0, Iterator::count)
}

#[test]
fn a_yes_of_a_device_that_may_approve_counts_elsewhere() {
    let (a, b) = removed_with_a_yes();
    approve(&a, &b);
    let report = a.pull(&b);
    assert_eq!(report.held.count(), 0);
    assert_eq!(a.mail().len(), 51);
    a.assert_settled();
}

#[test]
fn a_yes_of_a_device_that_may_not_has_no_effect_and_is_not_kept() {
    let (a, b) = removed_with_a_yes();
    assert_eq!(a.pull(&b).held.count(), 100);
    assert_eq!((kept(&a), kept(&b)), (0, 1));
    // From the moment that it may, the yes that it gives again counts.
    approve(&a, &b);
    assert_eq!(a.pull(&b).held.count(), 0);
}

#[test]
fn a_yes_covers_the_messages_that_it_names_and_no_others() {
    let (a, b) = removed_with_a_yes();
    approve(&a, &b);
    a.write_config(|config| config.guard.min = 0);
    remove_many(&b, 100..107);
    b.snapshot();
    let report = a.pull(&b);
    assert_eq!(report.held.count(), 7);
    assert_eq!(a.mail().len(), 51, "the hundred are gone, the seven stay");
    a.assert_settled();
}

#[test]
fn a_yes_is_over_when_what_it_was_about_was_merged() {
    let (a, b) = removed_with_a_yes();
    approve(&a, &b);
    a.pull(&b);
    b.pull(&a);
    // The same messages come back and are lost again, this time by nobody's wish: `b` lets them
    // go, as its guard is off, and sends the old yes along.
    a.put_many("", 0..100);
    a.snapshot();
    b.pull(&a);
    b.write_config(|config| (config.guard.min, config.guard.absolute) = (5000, 5000));
    remove_many(&b, 0..100);
    b.snapshot();
    assert!(kept(&a) > 0);
    assert_eq!(a.pull(&b).held.count(), 100);
}

#[test]
fn a_yes_that_was_changed_or_signed_by_another_has_no_effect() {
    let (a, b) = removed_with_a_yes();
    approve(&a, &b);
    let tip = a.fetch(&b);
    fs::remove_dir_all(a.store().join("yeses")).expect("given up");
    let honest = b.repo().yeses_for(a.repo().local().expect("read"));
    let honest = honest.expect("read").remove(0);
    for at in (0..honest.len()).step_by(37) {
        let mut forged = honest.clone();
        forged[at] ^= 1;
        a.repo().take_yeses(vec![forged]).expect("looked at");
    }
    // Signed by `a`'s peer `c`, in the name of `b`.
    let c = Device::new("c");
    let (named, _) = Yes::decode(&honest).expect("a yes");
    let mut forged = named.encode();
    let key = c.repo().device_key().expect("a key");
    forged.extend(key.sign(&named.encode()).expect("signed"));
    a.repo().take_yeses(vec![forged]).expect("looked at");
    assert_eq!(kept(&a), 0);
    let held = a.after_snapshot(false, |locked, now| locked.merge(now, &merge_request(tip)));
    assert_eq!(held.expect("merged").held.count(), 100);
    a.repo().take_yeses(vec![honest]).expect("looked at");
    assert_eq!(kept(&a), 1);
}

#[test]
fn what_is_missing_here_can_be_answered_from_elsewhere() {
    let (a, b) = two_with_many();
    approve(&a, &b);
    remove_many(&a, 0..100);
    a.put("", "new/x", "new mail does not make the answer too late");
    assert_eq!(a.snapshot().held.count(), 100);
    let held_at = a.local();
    a.put("", "new/y", "nor does more of it");
    a.snapshot();
    let missing = Occasion::Missing(held_at);
    b.repo()
        .answer(missing, &blobs(0..100), &request())
        .expect("answered");
    assert_eq!(a.pull(&b).held.count(), 0);
    assert_eq!(a.snapshot().held.count(), 0);
    assert_eq!(a.mail().len(), 53);
    a.assert_settled();
}

#[test]
fn an_answer_to_what_is_missing_counts_once() {
    let (a, b) = two_with_many();
    approve(&a, &b);
    remove_many(&a, 0..100);
    a.snapshot();
    let missing = Occasion::Missing(a.local());
    b.repo()
        .answer(missing, &blobs(0..100), &request())
        .expect("answered");
    let all = RestoreRequest {
        from: None,
        selection: Selection::All,
        dry_run: false,
    };
    a.after_snapshot(true, |_, _| Ok(())).expect("looked at");
    let mut keep = SnapshotRequest {
        keep_missing: true,
        ..SnapshotRequest::default()
    };
    keep.thorough = true;
    let repo = a.repo();
    let locked = repo.lock(&request()).expect("locked");
    let now = locked.snapshot(&keep).expect("recorded");
    locked.restore(&now, &all).expect("restored");
    drop(locked);
    remove_many(&a, 0..100);
    a.fetch(&b);
    assert!(kept(&a) > 0, "the answer came, after all was restored");
    assert_eq!(a.snapshot().held.count(), 100);
}

/// An answer to what one device misses is no leave for it to take the messages from others: these
/// are asked for themselves.
#[test]
fn an_answer_to_what_one_device_misses_lets_nothing_go_elsewhere() {
    let (a, b) = two_with_many();
    let c = Device::new("c");
    c.pull(&a);
    approve(&a, &b);
    approve(&c, &b);
    a.put(
        "",
        "new/x",
        "new mail, so that what is missing has a state of its own",
    );
    remove_many(&a, 0..100);
    assert_eq!(a.snapshot().held.count(), 100);
    let missing = Occasion::Missing(a.local());
    b.repo()
        .answer(missing, &blobs(0..100), &request())
        .expect("answered");
    a.fetch(&b);
    assert_eq!(a.snapshot().held.count(), 0);
    let held = c.pull(&a).held.count();
    assert!(kept(&c) > 0, "the answer came along");
    assert_eq!((held, c.mail().len()), (100, 152));
}

#[test]
fn who_deletes_a_little_every_time_is_stopped() {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..800);
    a.snapshot();
    b.pull(&a);
    a.write_config(|config| config.guard.budget = 120);
    for round in 0..2 {
        remove_many(&b, round * 49..(round + 1) * 49);
        assert_eq!(a.pull(&b).held.count(), 0, "round {round}");
    }
    remove_many(&b, 98..147);
    let held = a.pull(&b).held;
    assert_eq!(held.count(), 49);
    let [HeldReason::Guard(Reason::Budget { name, deleted, .. })] = &held.reasons[..] else {
        panic!("{:?}", held.reasons);
    };
    assert_eq!((name.as_str(), *deleted), ("b", 147));
    assert_eq!(a.mail().len(), 703);
    // It stays so until somebody says yes; then the count begins anew.
    assert_eq!(a.pull(&b).held.count(), 49);
    let done = a.pull_as(&b, |merge| merge.yes = Some(49));
    assert_eq!((done.held.count(), a.mail().len()), (0, 654));
    assert_eq!(a.repo().budgets().expect("read"), []);
    remove_many(&b, 147..196);
    assert_eq!(a.pull(&b).held.count(), 0);
    let budgets = a.repo().budgets().expect("read");
    assert_eq!((budgets[0].deleted, budgets[0].allowed), (49, 120));
}

#[test]
fn who_receives_mail_may_delete_as_much() {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..300);
    a.snapshot();
    b.pull(&a);
    a.write_config(|config| config.guard.budget = 50);
    for round in 0..4 {
        a.put_many("", 1000 + round * 40..1040 + round * 40);
        a.snapshot();
        b.pull(&a);
        remove_many(&b, round * 40..(round + 1) * 40);
        assert_eq!(a.pull(&b).held.count(), 0, "round {round}");
    }
    let budgets = a.repo().budgets().expect("read");
    assert_eq!(budgets[0].deleted, 160);
    assert!(budgets[0].allowed >= 160, "{budgets:?}");
}

#[test]
fn only_what_a_return_to_an_earlier_state_removes_has_no_limit_at_all() {
    let (a, b) = two(&["one", "two", "three"]);
    let old = a.local();
    a.put("", "cur/n:2,", "newer");
    a.snapshot();
    b.pull(&a);
    // An undo that brings something back, beside a deletion of everyday.
    b.put("", "cur/o:2,", "other");
    b.snapshot();
    b.flag("one", "F");
    b.remove("two");
    b.snapshot();
    let request = |yes| CheckoutRequest {
        target: old,
        folder: None,
        keep_newer: true,
        yes,
        dry_run: false,
    };
    b.after_snapshot(false, |locked, now| locked.checkout(now, &request(None)))
        .expect("checked out");
    b.remove("three");
    let report = a.pull(&b);
    assert_eq!(report.held.count(), 0, "{:?}", report.held.reasons);
}

#[test]
fn what_another_allowed_by_checkout_is_allowed_where_it_may_approve() {
    let (a, b) = two(&["one"]);
    let old = a.local();
    a.put("", "cur/n:2,", "newer");
    a.snapshot();
    b.pull(&a);
    approve(&a, &b);
    let request = CheckoutRequest {
        target: old,
        folder: None,
        keep_newer: false,
        yes: Some(1),
        dry_run: false,
    };
    b.after_snapshot(false, |locked, now| locked.checkout(now, &request))
        .expect("checked out");
    assert_eq!(a.pull(&b).held.count(), 0);
    assert_eq!(a.mail(), b.mail());
}

#[test]
fn a_yes_in_a_doubtful_folder_names_what_is_shown_as_held() {
    let a = Device::new("a");
    a.put_many("Old", 0..10);
    a.put_many("", 20..24);
    a.snapshot();
    fs::rename(a.folder("Old"), a.folder("New")).expect("renamed");
    a.remove("m3");
    remove_many(&a, 20..22);
    assert_eq!(a.snapshot().held.count(), 1);
    let done = a.snapshot_as(&yes(1));
    assert_eq!(done.held.count(), 0);
    a.assert_settled();
}

#[test]
fn most_flags_of_a_folder_that_change_are_told_and_stop_nothing() {
    let (a, b) = two(&["one"]);
    a.put_many("Lists", 0..30);
    a.put_many("Few", 100..110);
    a.snapshot();
    b.pull(&a);
    for (path, _) in b.files() {
        let flagged = format!("{}F", path.display());
        fs::rename(&path, flagged).expect("renamed");
    }
    let own = b.snapshot().flagged;
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!((own[0].changed, own[0].total), (30, 30));
    let report = a.pull(&b);
    assert_eq!((report.held.count(), report.flagged.len()), (0, 1));
    assert_eq!(report.makers, ["b"]);
    assert!(a.pull(&b).flagged.is_empty());
}
