use super::*;
use crate::fs::Fs;
use crate::worktree::{ApplyNote, ProblemKind};

const TIME: i64 = 1_000_000_000;

impl Device {
    /// Looks at every file, then restores.
    fn mend(&self, selection: Selection, dry_run: bool) -> Transition {
        self.mend_after(selection, dry_run, || {})
    }

    /// The same, with something that happens between the look and the change.
    fn mend_after(
        &self,
        selection: Selection,
        dry_run: bool,
        meanwhile: impl FnOnce(),
    ) -> Transition {
        let repo = self.repo();
        let locked = repo.lock(&request()).expect("locked");
        let how = SnapshotRequest {
            thorough: true,
            dry_run,
            ..SnapshotRequest::default()
        };
        let recorded = locked.snapshot(&how).expect("recorded");
        meanwhile();
        let request = RestoreRequest {
            from: None,
            selection,
            dry_run,
        };
        locked.restore(&recorded, &request).expect("restored")
    }

    /// The messages whose files are damaged.
    fn damage(&self) -> Vec<BlobId> {
        let how = SnapshotRequest {
            thorough: true,
            ..SnapshotRequest::default()
        };
        let report = self.snapshot_as(&how);
        let damaged = report.problems.iter().filter_map(|it| match it.kind {
            ProblemKind::Damaged(id) => Some(id),
            _ => None,
        });
        assert_eq!(damaged.clone().count(), report.damaged.len());
        damaged.collect()
    }

    /// Says that a restore of damaged files is under way.
    fn begin_mending(&self) {
        let record = Applying {
            from: Some(self.local()),
            to: self.local(),
            why: "restore".to_owned(),
        };
        let path = self.repo().layout().applying();
        record.save(&OsFs, &path).expect("saved");
    }

    /// Lets the next command find out what was left, and checks that all is well.
    fn assert_finished(&self, mail: &Mail) {
        drop(self.repo().lock(&request()).expect("locked"));
        assert_eq!((&self.mail(), self.damage()), (mail, Vec::new()));
        self.assert_settled();
    }
}

/// Puts a message whose file has a time of its own.
fn put_old(device: &Device, folder: &str, name: &str, subject: &str) -> PathBuf {
    let path = device.put(folder, name, subject);
    OsFs.set_mtime(&path, TIME).expect("set");
    path
}

/// A device with three damaged files, one beside them that is not; what they held before.
fn damaged() -> (Device, Mail) {
    let a = Device::new("a");
    let empty = put_old(&a, "", "cur/1:2,FS", "emptied");
    let cut = put_old(&a, "Lists", "new/2", "cut");
    let zero = put_old(&a, "", "cur/3:2,", "zeroed");
    a.put("", "cur/4:2,", "whole");
    a.snapshot();
    let mail = a.mail();
    fs::write(&empty, "").expect("emptied");
    fs::write(&cut, &message("cut").as_bytes()[..40]).expect("cut");
    fs::write(&zero, vec![0; 100]).expect("zeroed");
    (a, mail)
}

fn id(subject: &str) -> BlobId {
    BlobId::of(message(subject).as_bytes())
}

#[test]
fn restore_mends_files_that_were_emptied_cut_short_or_zeroed() {
    let (a, mail) = damaged();
    let local = a.local();
    assert_eq!(a.damage().len(), 3);
    let done = a.mend(Selection::All, false);
    assert_eq!((done.applied.mended, done.applied.added), (3, 0));
    assert_eq!((done.to, done.applied.notes), (None, vec![]));
    assert_eq!((a.mail(), a.local()), (mail, local));
    for (path, _) in a.files() {
        let text = fs::read_to_string(&path).expect("a message");
        if text != message("whole") {
            let stat = OsFs.stat(&path).expect("there");
            assert_eq!(stat.mtime(), TIME, "{}", path.display());
            let name = path.to_string_lossy().into_owned();
            assert!(name.contains(",S="), "a fresh name: {name}");
        }
    }
    assert_eq!(a.damage(), []);
    a.assert_settled();
    let again = a.mend(Selection::All, false);
    assert!(again.plan.is_empty(), "{:#?}", again.plan);
}

#[test]
fn a_dry_run_says_what_would_be_mended() {
    let (a, _) = damaged();
    let before = tree_of(&a.maildir());
    let dry = a.mend(Selection::All, true);
    assert_eq!(dry.plan.mend.len(), 3);
    assert_eq!(tree_of(&a.maildir()), before);
    assert_eq!(a.mend(Selection::All, false).plan, dry.plan);
}

#[test]
fn one_message_or_one_folder_is_mended_by_itself() {
    let (a, _) = damaged();
    let lists = FolderPath::new(b"Lists").expect("a path");
    assert_eq!(a.mend(Selection::Folder(lists), false).applied.mended, 1);
    let mut left = [id("emptied"), id("zeroed")];
    let mut found = a.damage();
    left.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, left);
    let key = a.repo().entry_key(id("zeroed")).expect("a key");
    let done = a.mend(Selection::Messages([key].into()), false);
    assert_eq!((done.applied.mended, done.applied.added), (1, 0));
    assert_eq!(a.damage(), [id("emptied")]);
}

#[test]
fn what_is_missing_comes_back_while_its_other_copy_is_mended() {
    let a = Device::new("a");
    let damaged = put_old(&a, "", "cur/1:2,S", "twice");
    let missing = put_old(&a, "", "cur/2:2,", "twice");
    let both = a.snapshot().id;
    let mail = a.mail();
    fs::remove_file(missing).expect("removed");
    a.snapshot();
    fs::write(&damaged, "").expect("emptied");
    assert_eq!(a.damage(), [id("twice")]);
    let repo = a.repo();
    let locked = repo.lock(&request()).expect("locked");
    let how = SnapshotRequest {
        thorough: true,
        ..SnapshotRequest::default()
    };
    let recorded = locked.snapshot(&how).expect("recorded");
    let wanted = RestoreRequest {
        from: both,
        selection: Selection::All,
        dry_run: false,
    };
    let done = locked.restore(&recorded, &wanted).expect("restored");
    assert_eq!((done.applied.mended, done.applied.added), (1, 1));
    drop(locked);
    assert_eq!(a.mail(), mail);
    a.assert_settled();
}

#[test]
fn what_somebody_put_in_the_place_of_a_damaged_file_stays() {
    let a = Device::new("a");
    let path = a.put("", "cur/1:2,S", "one");
    a.snapshot();
    fs::write(&path, "").expect("emptied");
    let done = a.mend_after(Selection::All, false, || {
        fs::write(&path, message("other")).expect("replaced");
    });
    assert_eq!(done.applied.mended, 0);
    assert_eq!(done.applied.notes, [ApplyNote::OtherContent(path)]);
    assert_eq!(a.mail(), [": S: one", ": S: other"]);
    let report = a.snapshot();
    assert_eq!(
        (report.changes.add.len(), report.changes.remove.len()),
        (1, 0)
    );
    a.assert_settled();
}

#[test]
fn mending_that_had_only_begun_is_finished() {
    let (a, mail) = damaged();
    a.begin_mending();
    a.assert_finished(&mail);
}

#[test]
fn a_message_that_was_written_before_the_crash_is_not_written_again() {
    let (a, mail) = damaged();
    assert_eq!(a.damage().len(), 3);
    put_old(&a, "", "cur/fresh:2,FS", "emptied");
    a.begin_mending();
    a.assert_finished(&mail);
    assert_eq!(a.repo().local().expect("read"), Some(a.local()));
}

#[test]
fn a_damaged_file_that_was_on_its_way_out_is_gone_after_the_crash() {
    let (a, mail) = damaged();
    assert_eq!(a.damage().len(), 3);
    put_old(&a, "", "cur/fresh:2,FS", "emptied");
    let tag = a.repo().config().tag.clone();
    let name = format!("tmp/mailvc-{tag}-remove-{}.1", BlobId::of(b""));
    let root = a.folder("");
    fs::rename(root.join("cur/1:2,FS"), root.join(name)).expect("taken away");
    a.begin_mending();
    a.assert_finished(&mail);
}

#[test]
fn a_restore_that_also_brings_messages_back_is_finished_with_its_mending() {
    let a = Device::new("a");
    let path = put_old(&a, "", "cur/1:2,", "damaged");
    a.put("", "cur/2:2,", "missing");
    let from = a.snapshot().id.expect("recorded");
    let mail = a.mail();
    a.remove("missing");
    a.snapshot();
    // What a restore records is known from one that was carried out, and then taken back.
    let back = RestoreRequest {
        from: Some(from),
        selection: Selection::All,
        dry_run: false,
    };
    let done = a
        .after_snapshot(false, |locked, now| locked.restore(now, &back))
        .expect("restored");
    a.after_snapshot(false, |locked, now| locked.undo(now, Some(1), false))
        .expect("undone");
    let here = a.local();
    let to = {
        let repo = a.repo();
        let map = repo.folders(done.to.expect("moved")).expect("stored");
        let batch = repo.odb().batch().expect("a batch");
        let folders = crate::repo::recording::write_map(&batch, &map).expect("written");
        let draft = crate::repo::recording::Draft {
            kind: crate::object::SnapshotKind::Restore,
            parents: vec![here],
            message: "",
        };
        let id = repo
            .write_snapshot(&batch, &draft, folders)
            .expect("written");
        batch.finish().expect("durable");
        id
    };
    fs::write(&path, "").expect("emptied");
    let record = Applying {
        from: Some(here),
        to,
        why: "restore".to_owned(),
    };
    record
        .save(&OsFs, &a.repo().layout().applying())
        .expect("saved");
    a.assert_finished(&mail);
    assert_eq!(a.local(), to);
}

#[test]
fn a_damaged_file_that_a_mail_client_renamed_is_damaged_still() {
    let a = Device::new("a");
    let path = put_old(&a, "", "cur/1:2,", "kept");
    a.put("", "cur/2:2,", "other");
    a.snapshot();
    let texts = a.mail();
    fs::write(&path, "").expect("emptied");
    fs::rename(&path, path.with_file_name("1:2,S")).expect("renamed");
    let report = a.snapshot();
    assert_eq!(report.changes.remove, Vec::new());
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    let done = a.mend(Selection::All, false);
    assert_eq!(done.applied.mended, 1);
    assert_eq!(a.mail().len(), texts.len());
    assert_eq!(a.damage(), Vec::new());
}
