//! A yes counts for what it was given for: these messages, this line or this absence, this once.

use super::yeses::{approve, blobs, kept, remove_many, two_with_many, yes};
use super::*;
use crate::object::Occasion;

/// A device with 150 messages of which it misses a hundred, and another one that may answer for it.
fn missing_a_hundred() -> (Device, Device) {
    let (a, b) = two_with_many();
    approve(&a, &b);
    remove_many(&a, 0..100);
    assert_eq!(a.snapshot().held.count(), 100);
    (a, b)
}

/// The other device says yes to the hundred, and the first one hears of it.
fn answered(a: &Device, b: &Device) {
    let missing = Occasion::Missing(a.local());
    let said = b.repo().answer(missing, &blobs(0..100), &request());
    said.expect("answered");
    a.fetch(b);
    assert_eq!(kept(a), 1);
}

#[test]
fn an_answer_covers_the_messages_that_it_names_and_no_others() {
    let (a, b) = missing_a_hundred();
    answered(&a, &b);
    a.write_config(|config| config.guard.min = 0);
    remove_many(&a, 100..107);
    let report = a.snapshot();
    assert_eq!(report.held.count(), 7, "{:?}", report.held.reasons);
    assert_eq!(report.changes.remove.len(), 100, "what was answered goes");
    assert_eq!(a.snapshot().held.count(), 7);
    a.assert_settled();
}

/// They are delivered anew, which is work in the Maildir as any other, and are lost again.
#[test]
fn an_answer_is_over_when_what_it_names_was_recorded_as_gone() {
    let (a, b) = missing_a_hundred();
    answered(&a, &b);
    let gone = a.snapshot();
    assert_eq!((gone.held.count(), gone.changes.remove.len()), (0, 100));
    a.put_many("", 0..100);
    assert_eq!(a.snapshot().changes.add.len(), 100);
    remove_many(&a, 0..100);
    assert_eq!(a.snapshot().held.count(), 100);
}

/// A yes to a snapshot in which messages leave says that others may merge it. Its device has no
/// leave from it to lose the same messages another time.
#[test]
fn a_yes_to_a_line_is_no_answer_to_what_is_missing() {
    let a = Device::new("a");
    a.put_many("", 0..150);
    a.snapshot();
    remove_many(&a, 0..100);
    assert_eq!(a.snapshot_as(&yes(100)).held.count(), 0);
    assert_eq!(kept(&a), 1);
    a.put_many("", 0..100);
    a.snapshot();
    remove_many(&a, 0..100);
    assert_eq!(a.snapshot().held.count(), 100);
}

/// What one device removed with a yes, a third one lost by itself: nobody said yes to that, and it
/// may not be only this that it lost.
#[test]
fn a_yes_to_one_line_lets_nothing_go_by_another() {
    let (a, b) = two_with_many();
    let c = Device::new("c");
    c.pull(&a);
    approve(&a, &b);
    remove_many(&b, 0..100);
    assert_eq!(b.snapshot_as(&yes(100)).held.count(), 0);
    c.write_config(|config| config.guard.min = 5000);
    remove_many(&c, 0..100);
    assert_eq!(c.snapshot().held.count(), 0);
    a.fetch(&b);
    assert_eq!(kept(&a), 1, "the yes is there, its line not merged");
    assert_eq!(a.pull(&c).held.count(), 100);
    assert_eq!(a.mail().len(), 151);
    // By the line that it was given for they go.
    assert_eq!(a.pull(&b).held.count(), 0);
    assert_eq!(a.mail().len(), 51);
}

#[test]
fn a_yes_at_a_merge_counts_for_exactly_what_was_seen() {
    let (a, b) = two_with_many();
    remove_many(&b, 0..100);
    b.snapshot_as(&yes(100));
    for other in [0, 99, 101] {
        let report = a.pull_as(&b, |merge| merge.yes = Some(other));
        assert_eq!((report.held.count(), a.mail().len()), (100, 151), "{other}");
    }
    assert_eq!(kept(&a), 0, "nothing was said yes to");
    let report = a.pull_as(&b, |merge| merge.yes = Some(100));
    assert_eq!((report.held.count(), a.mail().len()), (0, 51));
}
