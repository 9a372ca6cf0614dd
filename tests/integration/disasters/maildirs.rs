//! Disasters that come from what other programs do to a Maildir.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mailvc_tests::machine::{Machine, assert_in_step, assert_is};
use mailvc_tests::mailbox;
use mailvc_tests::maildir::{self, Messages};

use super::{assert_both_have, deliver, file_of, has, server_and_laptop};

/// The Maildir is a link to another disk, and that disk is not there today. To a syncer that only
/// lists, all mail was deleted.
#[test]
fn a_link_to_nowhere_is_not_an_empty_maildir() {
    let (server, laptop) = server_and_laptop();
    let whole = server.messages();
    let aside = laptop.home.path().join("aside");
    fs::rename(laptop.maildir(), &aside).expect("renamed");
    symlink("/nowhere/Maildir", laptop.maildir()).expect("linked");
    laptop.run(&["snapshot"]).exits(1);
    laptop.run(&["sync"]).exits(1);
    assert_is(&server, &whole);
    // The server asks the laptop, which cannot look; that is no answer either.
    assert_ne!(server.run(&["sync"]).code, Some(0));
    assert_is(&server, &whole);
    fs::remove_file(laptop.maildir()).expect("removed");
    fs::rename(&aside, laptop.maildir()).expect("back");
    laptop.sync();
    assert_is(&server, &whole);
    assert_in_step(&[&server, &laptop]);
}

/// A mail client files messages while folders are listed: a message leaves the folder that is
/// listed last for the one that was listed first, and neither listing has it. A syncer that
/// believes them records it as deleted.
#[test]
fn mail_that_moves_while_folders_are_listed_is_in_every_snapshot() {
    let (_, laptop) = server_and_laptop();
    let root = laptop.maildir();
    let moving: Vec<_> = (0..40).map(|n| deliver(&laptop, 100 + n)).collect();
    laptop.run(&["snapshot"]).ok();
    let stop = AtomicBool::new(false);
    let mut ends = Vec::new();
    let mut tips = Vec::new();
    std::thread::scope(|scope| {
        let mover = scope.spawn(|| {
            let sides = [root.join("new"), root.join(".Zuletzt/cur")];
            for sub in ["cur", "new", "tmp"] {
                fs::create_dir_all(root.join(".Zuletzt").join(sub)).expect("a folder");
            }
            let names: Vec<_> = moving
                .iter()
                .map(|hash| file_of(&laptop, *hash))
                .map(|path| path.file_name().expect("a name").to_owned())
                .collect();
            for side in [0, 1].into_iter().cycle() {
                for name in &names {
                    let (from, to) = (sides[side].join(name), sides[1 - side].join(name));
                    fs::rename(from, to).expect("moved");
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..6 {
            let code = laptop.run(&["snapshot"]).code;
            ends.push((code, laptop.run(&["--json", "log", "-n", "1"])));
        }
        stop.store(true, Ordering::Relaxed);
        mover.join().expect("moved");
    });
    // Where nothing holds still, what is missing waits.
    for (code, log) in ends {
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        let tip = log.ok().json()["snapshots"][0]["id"].clone();
        tips.push(tip.as_str().expect("an id").to_owned());
    }
    laptop.run(&["snapshot"]).ok();
    assert!(laptop.history() > 2, "nothing moved");
    tips.push(laptop.tip());
    for (number, tip) in tips.iter().enumerate() {
        let dir = laptop.home.path().join(format!("state-{number}"));
        let text = dir.display().to_string();
        laptop.run(&["checkout", tip, "--to", &text]).ok();
        let contents = maildir::read(&dir).expect("read").contents();
        let lost = moving.iter().filter(|hash| !contents.contains(*hash));
        assert_eq!(lost.count(), 0, "snapshot {number}");
    }
}

/// Programs that count their file names from one use a name again, for another message. When the
/// old message is deleted elsewhere, the file that now has its name must not go in its place.
#[test]
fn a_file_name_that_is_used_again_costs_no_message() {
    let (server, laptop) = server_and_laptop();
    let old = deliver(&laptop, 51);
    laptop.sync();
    let path = file_of(&laptop, old);
    fs::remove_file(file_of(&server, old)).expect("deleted");
    server.run(&["snapshot"]).ok();
    let other = mailbox::message(52, 1);
    fs::remove_file(&path).expect("deleted");
    fs::write(&path, &other).expect("the other message");
    let other = *blake3::hash(&other).as_bytes();
    laptop.sync();
    assert!(has(&laptop, other), "removed in the other's place");
    laptop.run(&["snapshot", "--thorough"]).ok();
    laptop.sync();
    laptop.sync();
    assert!(!has(&laptop, old) && !has(&server, old));
    assert_both_have([&server, &laptop], &[other]);
}

/// Where all messages lie. A backup program that copies anew sets new times.
fn places(machine: &Machine) -> Messages {
    machine.messages().without(|message| message.mtime = 0)
}

/// Somebody puts last week's Maildir back, without a word to the tool. All that came since is
/// missing then, and was deleted by nobody.
#[test]
fn a_maildir_from_a_backup_deletes_nothing() {
    let (server, laptop) = server_and_laptop();
    let root = laptop.maildir();
    let backup = laptop.home.path().join("backup");
    super::mirror(&root, &backup);
    let new = [61, 62, 63].map(|seed| deliver(&laptop, seed));
    laptop.sync();
    let whole = places(&server);
    // Put back as a whole, it is not known as the Maildir at all.
    let aside = laptop.home.path().join("aside");
    fs::rename(&root, &aside).expect("renamed");
    super::mirror(&backup, &root);
    laptop.run(&["sync"]).exits(1);
    assert_eq!(places(&server).difference(&whole), "");
    // Put back folder by folder, what is missing waits for an answer.
    fs::remove_dir_all(&root).expect("removed");
    fs::rename(&aside, &root).expect("back");
    for sub in ["cur", "new"] {
        fs::remove_dir_all(root.join(sub)).expect("removed");
        super::mirror(&backup.join(sub), &root.join(sub));
    }
    laptop.run(&["sync"]).exits(3);
    assert_eq!(places(&server).difference(&whole), "");
    // Asking again is no answer.
    laptop.run(&["sync"]).exits(3);
    assert_eq!(places(&server).difference(&whole), "");
    laptop.run(&["restore"]).ok();
    laptop.sync();
    assert_eq!(places(&server).difference(&whole), "");
    assert_both_have([&server, &laptop], &new);
}

/// A mail client saves a draft every few seconds: each time another content under another name,
/// and the one before deleted. That is no mass of deletions, and there is one draft in the end.
#[test]
fn a_draft_saved_fifty_times_is_one_draft_and_stops_nobody() {
    let (server, laptop) = server_and_laptop();
    let before = server.messages().files();
    let mut last = None;
    let mut recorded = Vec::new();
    for number in 0..50 {
        let text = format!(
            "Message-ID: <draft@example.org>\nSubject: A draft\n\nVersion {number} of it.\n"
        );
        let folder = Path::new(".Drafts");
        let path = mailbox::deliver(&laptop.maildir(), folder, text.as_bytes()).expect("saved");
        if let Some(last) = last.replace(path) {
            fs::remove_file(last).expect("the version before");
        }
        if number % 7 == 0 || number == 49 {
            laptop.sync();
            recorded.push(text);
        }
    }
    assert_eq!(server.messages().files(), before + 1);
    let newest = *blake3::hash(recorded.last().expect("versions").as_bytes()).as_bytes();
    assert_both_have([&server, &laptop], &[newest]);
    for text in &recorded {
        let id = blake3::hash(text.as_bytes()).to_string();
        assert_eq!(server.run(&["cat", &id]).ok().stdout, *text);
    }
}

/// The index is put back from a backup, or a crash of the disk took its last hours: it tells of
/// files that are gone, lacks others, and is older than the refs. It is only a help.
#[test]
fn a_stale_index_changes_nothing() {
    let (server, laptop) = server_and_laptop();
    let index = laptop.store().join("index.redb");
    let gone = deliver(&laptop, 71);
    laptop.run(&["snapshot"]).ok();
    let old = fs::read(&index).expect("the index");
    let new = [deliver(&laptop, 72), deliver(&server, 73)];
    fs::remove_file(file_of(&laptop, gone)).expect("deleted");
    laptop.sync();
    let (tip, whole) = (laptop.tip(), laptop.messages());
    fs::write(&index, &old).expect("the old index");
    laptop.run(&["snapshot"]).ok();
    assert_eq!(laptop.tip(), tip);
    laptop.sync();
    assert_is(&laptop, &whole);
    assert!(!has(&server, gone));
    assert_both_have([&server, &laptop], &new);
}
