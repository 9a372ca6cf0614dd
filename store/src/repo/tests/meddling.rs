//! Others who are at work on the Maildir in the very moments that matter.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::meddler::{Moment, meddled};
use super::*;
use crate::blob;
use crate::worktree::ApplyNote;

/// A mail client saved another version under the name of a message in the instant in which we
/// removed that message: who looks at a file first and takes it away then removes what was never
/// seen.
#[test]
fn what_was_put_in_a_files_place_in_the_last_instant_is_put_back() {
    let (a, b) = two(&["one", "two"]);
    b.remove("one");
    b.snapshot();
    let tip = a.fetch(&b);
    let repo = meddled(&a, |moment| {
        if let Moment::Rename(from, to) = moment
            && to.to_string_lossy().contains("-remove-")
        {
            fs::write(from, message("edited")).expect("edited");
        }
    });
    let locked = repo.lock(&request()).expect("locked");
    let recorded = locked
        .snapshot(&SnapshotRequest::default())
        .expect("recorded");
    let done = locked
        .merge(&recorded, &merge_request(tip))
        .expect("merged");
    let notes = done.transition.expect("done").applied.notes;
    assert!(
        matches!(notes.as_slice(), [ApplyNote::OtherContent(_)]),
        "{notes:?}"
    );
    drop(locked);
    assert_eq!(a.mail(), [": : edited", ": : two"]);
}

/// Another program puts a message where one is just going: where a new one is added, where one
/// moves to, and where one stays that only gets another flag.
#[test]
fn a_message_that_is_put_where_another_one_is_going_is_not_replaced() {
    let (a, b) = two(&["one", "two"]);
    b.put("", "cur/n:2,", "new");
    b.flag("one", "S");
    b.make_folder("Archive");
    let two = b
        .files()
        .into_iter()
        .find(|(path, _)| fs::read_to_string(path).expect("a message") == message("two"));
    let (path, _) = two.expect("there");
    fs::rename(path, b.folder("Archive").join("cur/2:2,")).expect("moved");
    b.snapshot();
    let tip = a.fetch(&b);
    let (maildir, count) = (a.maildir(), Arc::new(AtomicUsize::new(0)));
    let put = Arc::clone(&count);
    let repo = meddled(&a, move |moment| {
        if let Moment::Rename(_, to) = moment
            && to.starts_with(&maildir)
            && to.parent().is_some_and(|dir| dir.ends_with("cur"))
        {
            let n = put.load(Ordering::Relaxed);
            if n < 3 {
                fs::write(to, message(&format!("other {n}"))).expect("put there");
                put.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let locked = repo.lock(&request()).expect("locked");
    let recorded = locked.snapshot(&SnapshotRequest::default());
    let merged = locked.merge(&recorded.expect("recorded"), &merge_request(tip));
    merged.expect("merged");
    drop(locked);
    assert_eq!(count.load(Ordering::Relaxed), 3);
    let others = [": : other 0", ": : other 1", ": : other 2"];
    let mail = a.mail();
    let (theirs, ours): (Vec<_>, Vec<_>) = mail.iter().partition(|it| it.contains("other"));
    assert_eq!(theirs, others);
    assert_eq!(ours, [": : new", ": S: one", "Archive: : two"]);
}

/// The pack that held a message was lost, and a peer asks for its removal: the file is the last
/// that there is of it.
#[test]
fn a_message_that_the_store_does_not_give_back_is_not_removed() {
    let (a, b) = two(&["one", "two"]);
    a.put("", "cur/3:2,", "three");
    b.put("", "cur/3:2,", "three");
    a.snapshot();
    b.pull(&a);
    b.remove("three");
    b.snapshot();
    let tip = a.fetch(&b);
    let done = a
        .after_snapshot(false, |locked, now| {
            damage_packs_with(&a, "three");
            locked.merge(now, &merge_request(tip))
        })
        .expect("merged");
    let notes = done.transition.expect("done").applied.notes;
    assert!(
        matches!(notes.as_slice(), [ApplyNote::NotInStore(_)]),
        "{notes:?}"
    );
    assert_eq!(a.mail(), [": : one", ": : three", ": : two"]);
}

/// Flips a bit of every stored frame that has the message.
fn damage_packs_with(device: &Device, subject: &str) {
    let needle = format!("This is what {subject}").into_bytes();
    for (path, mut bytes) in tree_of(&device.store().join("packs")) {
        let starts = bytes.windows(4).enumerate();
        let starts = starts.filter(|(_, part)| *part == blob::MAGIC);
        let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
        for start in starts {
            let Some(plain) = plain_at(&bytes[start..]) else {
                continue;
            };
            if plain.windows(needle.len()).any(|part| part == needle) {
                bytes[start + blob::HEADER_LEN] ^= 1;
                fs::write(&path, &bytes).expect("damaged");
            }
        }
    }
}

/// What the frame holds that starts here, if one does that needs no other object.
fn plain_at(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = blob::frame_len(bytes.first_chunk()?).ok()?;
    let frame = blob::Frame::parse(bytes.get(..length)?).ok()?;
    frame.plain(blob::Help::None).ok()
}

/// A mail client files a message just after its new folder was listed, and before its old one is:
/// neither listing has it, and it is not gone.
#[test]
fn a_message_that_moves_while_folders_are_listed_is_seen_in_one_of_them() {
    let a = Device::new("a");
    a.put("A", "cur/0:2,", "zero");
    a.put("Z", "cur/1:2,", "one");
    a.snapshot();
    a.put("A", "cur/2:2,", "two");
    a.put("Z", "cur/3:2,", "three");
    let (old, new) = (a.folder("Z").join("cur"), a.folder("A").join("cur"));
    let repo = meddled(&a, move |moment| {
        if let Moment::List(path) = moment
            && **path == old
            && old.join("1:2,").exists()
        {
            fs::rename(old.join("1:2,"), new.join("1:2,")).expect("moved");
        }
    });
    let locked = repo.lock(&request()).expect("locked");
    let report = locked
        .snapshot(&SnapshotRequest::default())
        .expect("recorded");
    assert_eq!(report.changes.remove, [], "{:#?}", report.changes);
    assert_eq!(report.changes.moves.len(), 1);
}

/// A Maildir that never holds still, such as one that is being restored: what is not there yet is
/// not gone.
#[test]
fn while_a_maildir_never_holds_still_nothing_that_is_missing_counts() {
    let a = Device::new("a");
    a.put_many("", 0..5);
    a.snapshot();
    a.remove("m3");
    a.put("", "cur/new:2,", "new");
    let (cur, count) = (a.folder("").join("cur"), AtomicUsize::new(0));
    let repo = meddled(&a, move |moment| {
        if let Moment::List(path) = moment
            && **path == cur
        {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let name = |number| cur.join(format!("busy{number}:2,"));
            let _ = fs::remove_file(name(number.wrapping_sub(1)));
            fs::write(name(number), message(&format!("busy{number}"))).expect("written");
        }
    });
    let locked = repo.lock(&request()).expect("locked");
    let report = locked
        .snapshot(&SnapshotRequest::default())
        .expect("recorded");
    assert_eq!(report.held.reasons, [HeldReason::Restless]);
    assert_eq!(report.changes.remove, [], "{:#?}", report.changes);
    assert!(report.new, "what came is recorded");
}

/// Two stores of one Maildir, as a user and a backup may have: each has a lock of its own, so the
/// Maildir is locked too.
#[test]
fn two_stores_of_one_maildir_do_not_work_on_it_at_once() {
    let a = Device::new("a");
    let init = InitRequest {
        maildir: a.maildir(),
        layout: None,
        name: "other".to_owned(),
        make_maildir: false,
        remotes: BTreeMap::new(),
    };
    let other = Repository::init(os(), &a.dir.path().join("other"), &init).expect("a store");
    let repo = a.repo();
    let held = repo.lock(&request()).expect("locked");
    let busy = |error| matches!(error, RepoError::Lock(crate::fs::LockError::Busy { .. }));
    assert!(other.lock(&request()).err().is_some_and(busy));
    drop(held);
    drop(other.lock(&request()).expect("free again"));
}

/// A store that is locked, by whoever has it open, is nobody else's.
#[test]
fn a_store_is_locked_for_all_others() {
    let a = Device::new("a");
    let held = a.repo().lock_store(&request()).expect("locked");
    let busy = |error| matches!(error, RepoError::Lock(crate::fs::LockError::Busy { .. }));
    let repo = a.repo();
    assert!(repo.lock_store(&request()).err().is_some_and(busy));
    assert!(repo.lock(&request()).err().is_some_and(busy));
    drop(held);
    drop(repo.lock(&request()).expect("free again"));
}

/// A ref that was set back once moves on just as its log is read: who read the log before the ref
/// would take the setting back for a change that never came about.
#[test]
fn who_reads_a_log_while_its_ref_moves_takes_no_change_for_undone() {
    let a = Device::new("a");
    let name = RefName::Remote("peer".to_owned());
    let id = |n| SnapshotId::new([n; 32]);
    let refs = crate::refs::RefStore::open(os(), &a.store());
    let set = move |new| {
        let edit = crate::refs::RefEdit {
            name: name.clone(),
            expected: crate::refs::Expected::Any,
            new: Some(new),
        };
        let (who, why) = ("a test", "moved");
        let entry = crate::refs::LogEntry { who, why };
        refs.update(&[edit], &entry).expect("moved");
    };
    for n in [1, 2, 1] {
        set(id(n));
    }
    let opened = AtomicUsize::new(0);
    let repo = meddled(&a, move |moment| {
        if let Moment::Open(path) = moment
            && path.ends_with("remotes/peer")
            && opened.fetch_add(1, Ordering::Relaxed) == 1
        {
            set(id(2));
        }
    });
    let log = repo.refs().log(&RefName::Remote("peer".to_owned()));
    let moves: Vec<_> = log.expect("read").iter().map(|it| it.new).collect();
    assert_eq!(moves, [1, 2, 1].map(|n| Some(id(n))));
}

/// Were it the other way round, a crash in between would leave a device that is neither, and its
/// next call would make it trusted again.
#[test]
fn a_device_is_revoked_before_it_is_trusted_no_more() {
    let (a, b) = two(&["one"]);
    let whom = a.repo().device_id().expect("an id");
    let seen = Arc::new(AtomicUsize::new(0));
    let (layout, count) = (b.repo().layout().clone(), Arc::clone(&seen));
    let repo = meddled(&b, move |moment| {
        if let Moment::Replace(_, to) = moment
            && **to == layout.trusted()
        {
            let text = fs::read_to_string(layout.revoked()).expect("there already");
            assert!(text.contains(&whom.to_string()), "{text}");
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut trust = repo.trust().expect("read");
    assert!(trust.device(whom).is_some());
    trust.revoke(whom, repo.local().expect("read"));
    trust.save(&**repo.fs(), repo.layout()).expect("written");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}
