use super::*;

fn checkout(target: SnapshotId, yes: Option<u64>) -> CheckoutRequest {
    CheckoutRequest {
        target,
        folder: None,
        keep_newer: false,
        yes,
        dry_run: false,
    }
}

fn restore(from: Option<SnapshotId>, selection: Selection) -> RestoreRequest {
    RestoreRequest {
        from,
        selection,
        dry_run: false,
    }
}

impl Device {
    fn checkout(&self, request: &CheckoutRequest) -> Result<Transition, RepoError> {
        self.after_snapshot(request.dry_run, |locked, now| locked.checkout(now, request))
    }

    fn undo(&self, yes: Option<u64>) -> Result<Transition, RepoError> {
        self.after_snapshot(false, |locked, now| locked.undo(now, yes, false))
    }

    fn restore(&self, request: &RestoreRequest) -> Result<Transition, RepoError> {
        self.after_snapshot(request.dry_run, |locked, now| locked.restore(now, request))
    }
}

/// A device whose mail changed in every way since `id`.
fn changed() -> (Device, SnapshotId, Mail) {
    let a = Device::new("a");
    a.put("", "cur/1:2,", "flagged later");
    a.put("", "new/2", "seen later");
    a.put("", "cur/3:2,S", "removed later");
    a.put("Lists", "cur/4:2,", "moved later");
    let twice = a.put("Lists", "cur/5:2,S", "twice");
    fs::copy(&twice, a.folder("").join("cur/6:2,F")).expect("copied");
    a.put("Gone", "cur/7:2,", "in a folder that goes");
    fs::write(a.maildir().join("subscriptions"), "Lists\nGone\n").expect("written");
    let id = a.snapshot().id.expect("recorded");
    let mail = a.mail();
    a.flag("flagged later", "FR");
    a.flag("seen later", "S");
    a.remove("removed later");
    a.make_folder("Archive");
    let (from, to) = (a.folder("Lists"), a.folder("Archive"));
    fs::rename(from.join("cur/4:2,"), to.join("cur/4x:2,S")).expect("moved");
    fs::remove_file(a.folder("").join("cur/6:2,F")).expect("removed");
    fs::remove_dir_all(a.folder("Gone")).expect("removed");
    fs::write(a.maildir().join("subscriptions"), "Lists\nArchive\n").expect("written");
    a.put("", "new/8", "new one");
    (a, id, mail)
}

#[test]
fn checkout_makes_the_maildir_exactly_what_it_was_and_undo_takes_it_back() {
    let (a, id, mail) = changed();
    let now = a.mail();
    assert!(matches!(
        a.checkout(&checkout(id, None)),
        Err(RepoError::WouldRemove(leaving)) if leaving.messages.len() == 1
    ));
    assert_eq!(a.mail(), now, "nothing happened");
    let done = a.checkout(&checkout(id, Some(1))).expect("checked out");
    assert_eq!(done.applied.notes, []);
    assert_eq!(a.mail(), mail);
    assert_eq!(
        fs::read(a.maildir().join("subscriptions")).expect("there"),
        b"Gone\nLists\n"
    );
    assert!(!a.folder("Archive").exists());
    a.assert_settled();
    a.undo(Some(2)).expect("undone");
    assert_eq!(a.mail(), now);
    a.assert_settled();
}

#[test]
fn a_yes_to_going_back_counts_for_exactly_what_would_leave() {
    let (a, id, mail) = changed();
    let now = a.mail();
    for other in [0, 2] {
        let refused = a.checkout(&checkout(id, Some(other)));
        assert!(
            matches!(refused, Err(RepoError::WrongYes { asked, actual: 1 }) if asked == other),
            "{refused:?}"
        );
        assert_eq!(a.mail(), now, "nothing happened");
    }
    a.checkout(&checkout(id, Some(1))).expect("checked out");
    assert_eq!(a.mail(), mail);
    let refused = a.undo(Some(1));
    assert!(matches!(
        refused,
        Err(RepoError::WrongYes { actual: 2, .. })
    ));
    assert_eq!(a.mail(), mail);
}

#[test]
fn times_of_arrival_come_back_too() {
    let a = Device::new("a");
    let path = a.put("", "cur/1:2,", "old");
    crate::fs::Fs::set_mtime(&OsFs, &path, 1_000_000_000).expect("set");
    let id = a.snapshot().id;
    a.remove("old");
    a.snapshot();
    a.restore(&restore(id, Selection::All)).expect("restored");
    let (path, _) = a.files().remove(0);
    let stat = crate::fs::Fs::stat(&OsFs, &path).expect("there");
    assert_eq!(stat.mtime(), 1_000_000_000);
    a.assert_settled();
}

#[test]
fn checkout_of_one_folder_leaves_the_others() {
    let (a, id, _) = changed();
    a.make_folder("Gone");
    a.snapshot();
    let request = CheckoutRequest {
        folder: Some(FolderPath::new(b"Gone").expect("a path")),
        ..checkout(id, None)
    };
    let mut expected = a.mail();
    expected.push("Gone: : in a folder that goes".to_owned());
    expected.sort();
    a.checkout(&request).expect("checked out");
    assert_eq!(a.mail(), expected);
    a.assert_settled();
}

#[test]
fn checkout_with_keep_newer_removes_nothing() {
    let (a, id, mut mail) = changed();
    let request = CheckoutRequest {
        keep_newer: true,
        ..checkout(id, None)
    };
    a.checkout(&request).expect("checked out");
    mail.push("/new: : new one".to_owned());
    mail.sort();
    assert_eq!(a.mail(), mail);
    a.assert_settled();
}

#[test]
fn checkout_of_what_is_there_changes_nothing() {
    let a = Device::new("a");
    a.put_many("", 0..3);
    let id = a.snapshot().id.expect("recorded");
    let done = a.checkout(&checkout(id, None)).expect("checked out");
    assert_eq!((done.to, done.plan.is_empty()), (None, true));
    assert_eq!(a.local(), id);
}

#[test]
fn a_dry_run_says_what_the_run_would_do_and_does_nothing() {
    let (a, id, _) = changed();
    let now = a.mail();
    let local = a.local();
    let request = CheckoutRequest {
        dry_run: true,
        ..checkout(id, None)
    };
    let dry = a.checkout(&request).expect("a plan");
    assert_eq!((a.mail(), a.local()), (now, local));
    assert_eq!(a.litter(), Vec::<PathBuf>::new());
    let done = a.checkout(&checkout(id, Some(1))).expect("checked out");
    assert_eq!(dry.plan, done.plan);
}

#[test]
fn restore_brings_back_what_is_missing_and_removes_nothing() {
    let a = Device::new("a");
    a.put_many("", 0..4);
    let id = a.snapshot().id;
    a.remove("m1");
    a.remove("m2");
    a.put("", "cur/new:2,", "newer");
    let missing = a.restore(&restore(id, Selection::All)).expect("restored");
    assert_eq!(missing.applied.added, 2);
    let names = ["m0", "m1", "m2", "m3", "newer"].map(|name| format!(": : {name}"));
    assert_eq!(a.mail(), names);
    a.assert_settled();
}

#[test]
fn restore_does_not_double_what_was_filed_elsewhere() {
    let a = Device::new("a");
    let path = a.put("", "cur/1:2,", "filed");
    a.make_folder("Archive");
    let id = a.snapshot().id;
    fs::rename(path, a.folder("Archive").join("cur/1:2,")).expect("moved");
    let done = a.restore(&restore(id, Selection::All)).expect("restored");
    assert!(done.plan.is_empty(), "{:#?}", done.plan);
    assert_eq!(a.mail(), ["Archive: : filed"]);
}

#[test]
fn restore_finds_a_message_in_the_newest_state_that_has_it() {
    let a = Device::new("a");
    a.put("Old", "cur/1:2,S", "wanted");
    a.put("", "cur/2:2,", "other");
    a.snapshot();
    a.remove("wanted");
    a.snapshot();
    a.remove("other");
    a.snapshot();
    let blob = BlobId::of(message("wanted").as_bytes());
    let key = a.repo().entry_key(blob).expect("a key");
    let selection = Selection::Messages([key].into());
    a.restore(&restore(None, selection)).expect("restored");
    assert_eq!(a.mail(), ["Old: S: wanted"]);
    a.assert_settled();
}

#[test]
fn restoring_one_message_leaves_what_the_guard_holds_as_it_is() {
    let a = Device::new("a");
    a.put_many("", 0..300);
    a.snapshot();
    for n in 0..200 {
        a.remove(&format!("m{n}"));
    }
    assert_eq!(a.snapshot().held.count(), 200);
    let blob = BlobId::of(message("m7").as_bytes());
    let key = a.repo().entry_key(blob).expect("a key");
    let selection = Selection::Messages([key].into());
    let done = a.restore(&restore(None, selection)).expect("restored");
    assert_eq!(done.applied.added, 1);
    assert_eq!(a.mail().len(), 101);
    assert_eq!(a.snapshot().held.count(), 199);
    let done = a.restore(&restore(None, Selection::All)).expect("restored");
    assert_eq!(done.applied.added, 199);
    assert_eq!(a.mail().len(), 300);
    a.assert_settled();
}

#[test]
fn undo_leaves_what_the_guard_holds_as_it_is() {
    let a = Device::new("a");
    a.put_many("", 0..300);
    a.put("", "cur/x:2,", "extra");
    let id = a.snapshot().id;
    a.remove("extra");
    a.restore(&restore(id, Selection::All)).expect("restored");
    for n in 0..200 {
        a.remove(&format!("m{n}"));
    }
    a.undo(Some(1)).expect("undone");
    assert_eq!(a.mail().len(), 100);
    assert_eq!(a.snapshot().held.count(), 200);
}

#[test]
fn undo_of_a_merge_leaves_what_came_since() {
    let (a, b) = two(&["one", "two"]);
    b.put("", "cur/b:2,", "from b");
    b.flag("one", "S");
    b.snapshot();
    a.pull(&b);
    a.put("", "new/c", "came since");
    a.undo(Some(1)).expect("undone");
    assert_eq!(a.mail(), ["/new: : came since", ": : one", ": : two"]);
    a.assert_settled();
}

#[test]
fn there_is_nothing_to_undo_in_a_new_store() {
    let a = Device::new("a");
    a.put("", "cur/1:2,", "one");
    a.snapshot();
    assert!(matches!(a.undo(None), Err(RepoError::NothingToUndo)));
}

#[test]
fn a_message_is_removed_even_where_its_folder_has_no_tmp() {
    let a = Device::new("a");
    a.put("Foreign", "cur/1:2,", "one");
    let id = a.snapshot().id.expect("recorded");
    a.put("Foreign", "cur/2:2,", "two");
    fs::remove_dir(a.folder("Foreign").join("tmp")).expect("removed");
    let done = a.checkout(&checkout(id, Some(1))).expect("checked out");
    assert_eq!(done.applied.notes, []);
    assert_eq!(a.mail(), ["Foreign: : one"]);
}

#[test]
fn a_linked_folder_that_goes_is_emptied_and_its_link_stays() {
    let a = Device::new("a");
    a.put("", "cur/1:2,", "one");
    let id = a.snapshot().id.expect("recorded");
    a.put("Big", "cur/2:2,", "two");
    fs::rename(a.folder("Big"), a.dir.path().join("Big")).expect("away");
    std::os::unix::fs::symlink(a.dir.path().join("Big"), a.folder("Big")).expect("linked");
    a.checkout(&checkout(id, Some(1))).expect("checked out");
    assert_eq!(a.mail(), [": : one"]);
    assert!(a.folder("Big").is_symlink());
}

#[test]
fn nothing_is_written_where_a_folder_cannot_be_looked_into() {
    let a = Device::new("a");
    a.put("Archive", "cur/1:2,", "one");
    let id = a.snapshot().id.expect("recorded");
    a.remove("one");
    a.snapshot();
    fs::rename(a.folder("Archive"), a.dir.path().join("Archive")).expect("away");
    std::os::unix::fs::symlink("/nowhere/Archive", a.folder("Archive")).expect("linked");
    let error = a.checkout(&checkout(id, None)).expect_err("refused");
    assert!(matches!(error, RepoError::Hidden(_)), "{error}");
    assert_eq!(a.litter(), [a.folder("Archive")]);
    fs::remove_file(a.folder("Archive")).expect("unlinked");
    fs::rename(a.dir.path().join("Archive"), a.folder("Archive")).expect("back");
    a.assert_settled();
    a.checkout(&checkout(id, None)).expect("checked out");
    assert_eq!(a.mail(), ["Archive: : one"]);
}
