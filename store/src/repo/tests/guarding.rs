use super::*;

fn emptied() -> Device {
    let a = Device::new("a");
    a.put_many("", 0..150);
    a.snapshot();
    for n in 0..100 {
        a.remove(&format!("m{n}"));
    }
    a
}

fn with_yes(yes: u64) -> SnapshotRequest {
    SnapshotRequest {
        yes: Some(yes),
        ..SnapshotRequest::default()
    }
}

#[test]
fn a_mass_of_deletions_waits_while_additions_go_on() {
    let a = emptied();
    a.put("", "new/x", "new one");
    let report = a.snapshot();
    assert_eq!(report.held.count(), 100);
    assert!(report.new && report.changes.remove.is_empty());
    assert_eq!(report.changes.add.len(), 1);
    let again = a.snapshot();
    assert_eq!((again.new, again.held.count()), (false, 100));
    assert_eq!(a.mail().len(), 51, "what is gone is not put back either");
}

#[test]
fn copies_that_vanish_with_what_is_held_are_held_and_come_back_with_it() {
    let a = Device::new("a");
    a.put_many("", 0..150);
    a.put("", "cur/twice:2,F", "m0");
    a.put("All", "cur/filed:2,", "m1");
    a.snapshot();
    let whole = a.mail();
    fs::remove_file(a.folder("").join("cur/0:2,")).expect("one of two copies");
    for n in 1..100 {
        fs::remove_file(a.folder("").join(format!("cur/{n}:2,"))).expect("removed");
    }
    let report = a.snapshot();
    assert_eq!(
        report.held.count(),
        98,
        "two of the hundred are still there"
    );
    assert!(report.changes.remove.is_empty(), "{:#?}", report.changes);
    let all = RestoreRequest {
        from: None,
        selection: Selection::All,
        dry_run: false,
    };
    a.after_snapshot(false, |locked, now| locked.restore(now, &all))
        .expect("restored");
    assert_eq!(a.mail(), whole);
    a.assert_settled();
}

#[test]
fn a_yes_counts_for_exactly_what_was_seen() {
    let a = emptied();
    assert_eq!(a.snapshot_as(&with_yes(99)).held.count(), 100);
    let report = a.snapshot_as(&with_yes(100));
    assert_eq!((report.new, report.held.count()), (true, 0));
    assert_eq!(report.changes.remove.len(), 100);
    a.assert_settled();
}

#[test]
fn a_folder_that_was_swapped_for_a_restored_one_deletes_nothing() {
    let a = Device::new("a");
    a.put_many("", 0..10);
    a.snapshot();
    let cur = a.folder("").join("cur");
    let old = a.dir.path().join("old");
    fs::rename(&cur, &old).expect("away");
    fs::create_dir(&cur).expect("made");
    for n in 0..8 {
        let name = format!("{n}:2,");
        fs::copy(old.join(&name), cur.join(&name)).expect("copied");
    }
    let report = a.snapshot();
    assert_eq!(report.held.count(), 2, "{:#?}", report.problems);
    assert_eq!(report.held.reasons, [HeldReason::Doubtful]);
    // Nor are they deleted by a second look, at files that it knows by then.
    assert_eq!(a.snapshot().held.count(), 2);
    assert_eq!(a.snapshot_as(&with_yes(2)).held.count(), 0);
    a.assert_settled();
}

#[test]
fn a_renamed_folder_moves_its_mail_and_what_is_found_nowhere_waits() {
    let a = Device::new("a");
    a.put_many("Old", 0..10);
    a.snapshot();
    fs::rename(a.folder("Old"), a.folder("New")).expect("renamed");
    a.remove("m3");
    let report = a.snapshot();
    assert_eq!(report.changes.moves.len(), 9, "{:#?}", report.changes);
    assert_eq!(report.held.count(), 1);
    assert_eq!(a.snapshot().held.count(), 1, "a second look knows no more");
    assert_eq!(a.snapshot_as(&with_yes(1)).held.count(), 0);
    a.assert_settled();
}

#[test]
fn what_the_guard_holds_at_a_merge_waits_for_a_yes_and_the_rest_goes_on() {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..150);
    a.snapshot();
    b.pull(&a);
    for n in 0..100 {
        b.remove(&format!("m{n}"));
    }
    b.put("", "cur/x:2,", "from b");
    b.snapshot_as(&with_yes(100));
    let report = a.pull(&b);
    assert_eq!(report.held.count(), 100);
    assert_eq!(a.mail().len(), 152);
    let local = a.local();
    let again = a.pull(&b);
    assert_eq!(again.held.count(), 100);
    assert_eq!(a.local(), local, "nothing new: no snapshot");
    a.assert_settled();
    let done = a.pull_as(&b, |merge| merge.yes = Some(100));
    assert_eq!(done.held.count(), 0);
    assert_eq!(a.mail().len(), 52);
    a.assert_settled();
    b.pull(&a);
    assert_eq!(a.local(), b.local());
    assert_eq!(a.mail(), b.mail());
}

#[test]
fn keeping_what_would_leave_keeps_it_everywhere() {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..150);
    a.snapshot();
    b.pull(&a);
    for n in 0..100 {
        b.remove(&format!("m{n}"));
    }
    b.snapshot_as(&with_yes(100));
    let report = a.pull_as(&b, |merge| merge.keep_newer = true);
    assert_eq!(report.held.count(), 0);
    assert_eq!(a.mail().len(), 151);
    a.assert_settled();
    b.pull(&a);
    assert_eq!(b.mail(), a.mail());
    assert_eq!(a.local(), b.local());
}

#[test]
fn anothers_checkout_takes_nothing_along_without_a_yes() {
    let (a, b) = two(&["one"]);
    let old = a.local();
    a.put("", "cur/n:2,", "newer");
    a.snapshot();
    b.pull(&a);
    let request = CheckoutRequest {
        target: old,
        folder: None,
        keep_newer: false,
        yes: Some(1),
        dry_run: false,
    };
    b.after_snapshot(false, |locked, now| locked.checkout(now, &request))
        .expect("checked out");
    let report = a.pull(&b);
    assert_eq!(report.held.count(), 1);
    assert_eq!(a.mail().len(), 2);
    assert_eq!(a.pull_as(&b, |merge| merge.yes = Some(1)).held.count(), 0);
    assert_eq!(a.mail(), b.mail());
}

#[test]
fn a_limit_that_was_set_counts() {
    let a = emptied();
    a.write_config(|config| config.guard.min = 1000);
    assert_eq!(a.snapshot().held.count(), 0);
}

/// Puts another version of so many messages in their place, as one who edits drafts does.
fn edit(a: &Device, count: usize) {
    for n in 0..count {
        a.remove(&format!("m{n}"));
        let path = a.folder("").join(format!("cur/edited{n}:2,D"));
        fs::write(path, format!("{}And more.\n", message(&format!("m{n}")))).expect("a draft");
    }
}

#[test]
fn five_edited_messages_are_work_and_six_are_a_program_that_rewrites_mail() {
    for (count, held) in [(5, 0), (6, 6)] {
        let a = Device::new("a");
        a.put_many("", 0..20);
        a.snapshot();
        edit(&a, count);
        let report = a.snapshot();
        assert_eq!(report.held.count(), held, "{count} edited");
        assert_eq!(report.changes.add.len(), count, "what was written is kept");
    }
}

#[test]
fn mail_that_moves_within_the_tree_is_not_deleted() {
    let (a, b) = two(&["one"]);
    a.put_many("", 0..300);
    a.snapshot();
    b.pull(&a);
    a.make_folder("Archive");
    for n in 0..300 {
        let name = format!("cur/{n}:2,");
        fs::rename(a.folder("").join(&name), a.folder("Archive").join(&name)).expect("moved");
    }
    let report = a.snapshot();
    assert_eq!((report.held.count(), report.changes.moves.len()), (0, 300));
    assert_eq!(b.pull(&a).held.count(), 0);
    assert_eq!(b.repo().budgets().expect("read"), []);
    assert_eq!(a.mail(), b.mail());
}

#[test]
fn what_was_in_the_trash_goes_without_a_word_up_to_a_thousand() {
    let (a, b) = two(&["one"]);
    a.put_many("Trash", 0..120);
    for n in 200..320 {
        a.put("", &format!("cur/{n}:2,ST"), &format!("m{n}"));
    }
    a.snapshot();
    b.pull(&a);
    fs::remove_dir_all(a.folder("Trash").join("cur")).expect("emptied");
    a.make_folder("Trash");
    for n in 200..320 {
        fs::remove_file(a.folder("").join(format!("cur/{n}:2,ST"))).expect("expunged");
    }
    assert_eq!(a.snapshot().held.count(), 0);
    assert_eq!(b.pull(&a).held.count(), 0);
    assert_eq!(b.mail().len(), 1);
}
