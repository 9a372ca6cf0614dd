use super::*;
use crate::object::FolderMap;

/// Device `a` with a merge of everything under way: recorded, and not yet carried out.
fn under_way() -> (Device, Device, Applying) {
    let (a, b) = two(&["one", "two", "three", "four"]);
    b.flag("one", "F");
    b.remove("two");
    b.put("Lists", "new/b", "from b");
    b.make_folder("Archive");
    let three = b
        .files()
        .into_iter()
        .find(|(path, _)| fs::read_to_string(path).expect("a message") == message("three"));
    let (path, _) = three.expect("there");
    fs::rename(path, b.folder("Archive").join("cur/3:2,")).expect("moved");
    b.snapshot();
    let to = a.fetch(&b);
    let record = Applying {
        from: Some(a.local()),
        to,
        why: "merge b".to_owned(),
    };
    record
        .save(&OsFs, &a.repo().layout().applying())
        .expect("saved");
    (a, b, record)
}

#[test]
fn whoever_comes_next_finishes_what_was_begun() {
    let (a, b, record) = under_way();
    drop(a.repo().lock(&request()).expect("locked"));
    assert_eq!(a.local(), record.to);
    assert_eq!(a.mail(), b.mail());
    a.assert_settled();
}

#[test]
fn what_others_did_meanwhile_stands() {
    let (a, b, _) = under_way();
    a.put("", "new/late", "late");
    a.flag("four", "S");
    a.remove("one");
    let report = a.snapshot();
    assert_eq!(report.changes.add.len(), 1, "{:#?}", report.changes);
    let mail = [
        "/new: : late",
        ": S: four",
        "Archive: : three",
        "Lists/new: : from b",
    ];
    // Removed here and flagged there: it was kept.
    let mut mail: Mail = mail.map(String::from).into();
    mail.push(": F: one".to_owned());
    mail.sort();
    assert_eq!(a.mail(), mail);
    b.pull(&a);
    assert_eq!(b.mail(), a.mail());
}

#[test]
fn litter_of_the_interrupted_run_goes_and_a_message_taken_away_comes_back_if_it_is_the_only_one() {
    let (a, b, _) = under_way();
    let tag = a.repo().config().tag.clone();
    let tmp = a.folder("").join("tmp");
    fs::write(tmp.join(format!("mailvc-{tag}-add.1")), "half").expect("written");
    fs::write(tmp.join("12345.somebody"), "a delivery").expect("written");
    let two = BlobId::of(message("two").as_bytes());
    let taken = |subject: &str, n| {
        let path = tmp.join(format!("mailvc-{tag}-remove-{two}.{n}"));
        fs::write(path, message(subject)).expect("written");
    };
    taken("two", 1);
    taken("nowhere else", 2);
    a.remove("two");
    drop(a.repo().lock(&request()).expect("locked"));
    let left: Vec<_> = fs::read_dir(&tmp).expect("tmp").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let mut mail = b.mail();
    mail.push(": : nowhere else".to_owned());
    mail.sort();
    assert_eq!(a.mail(), mail);
}

#[test]
fn a_record_of_work_that_is_done_is_cleared() {
    let (a, _b, record) = under_way();
    drop(a.repo().lock(&request()).expect("locked"));
    let mail = a.mail();
    record
        .save(&OsFs, &a.repo().layout().applying())
        .expect("saved");
    drop(a.repo().lock(&request()).expect("locked"));
    assert_eq!(a.mail(), mail);
    a.assert_settled();
}

#[test]
fn a_lost_index_does_not_keep_the_work_from_being_finished() {
    let (a, b, record) = under_way();
    fs::remove_file(a.store().join("index.redb")).expect("lost");
    drop(a.repo().lock(&request()).expect("locked"));
    assert_eq!((a.mail(), a.local()), (b.mail(), record.to));
    a.assert_settled();
}

#[test]
fn a_first_state_is_written_into_an_empty_maildir_and_joined_with_what_is_in_another() {
    let (a, b) = (Device::new("a"), Device::new("b"));
    a.put_many("Lists", 0..5);
    a.snapshot();
    b.put("", "cur/own:2,", "own");
    b.fetch(&a);
    let record = Applying {
        from: None,
        to: a.local(),
        why: "clone".to_owned(),
    };
    record
        .save(&OsFs, &b.repo().layout().applying())
        .expect("saved");
    let report = b.snapshot();
    assert_eq!(report.changes.add.len(), 1);
    assert_eq!(b.mail().len(), 6);
    assert_ne!(report.found, FolderMap::default());
    b.assert_settled();
}

#[test]
fn a_file_that_the_crash_left_under_both_names_is_one_message() {
    let (a, b) = two(&["one", "two"]);
    b.flag("one", "F");
    b.snapshot();
    let record = Applying {
        from: Some(a.local()),
        to: a.fetch(&b),
        why: "merge b".to_owned(),
    };
    record
        .save(&OsFs, &a.repo().layout().applying())
        .expect("saved");
    let cur = a.folder("").join("cur");
    let one = a
        .files()
        .into_iter()
        .find(|(path, _)| fs::read_to_string(path).expect("a message") == message("one"));
    let (old, _) = one.expect("there");
    fs::hard_link(old, cur.join("t0:2,F")).expect("linked");
    drop(a.repo().lock(&request()).expect("locked"));
    assert_eq!(a.mail(), [": : two", ": F: one"]);
    a.assert_settled();
}

#[test]
fn a_file_that_the_crash_left_both_in_new_and_in_cur_is_one_message() {
    let a = Device::new("a");
    a.put("", "new/1.host", "one");
    let old = a.snapshot().id.expect("recorded");
    a.flag("one", "S");
    a.snapshot();
    let record = Applying {
        from: Some(a.local()),
        to: old,
        why: "checkout".to_owned(),
    };
    record
        .save(&OsFs, &a.repo().layout().applying())
        .expect("saved");
    let root = a.folder("");
    fs::hard_link(root.join("cur/1.host:2,S"), root.join("new/1.host")).expect("linked");
    drop(a.repo().lock(&request()).expect("locked"));
    assert_eq!(a.mail(), ["/new: : one"]);
    a.assert_settled();
}
