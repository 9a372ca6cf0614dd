//! Two Maildirs that something else kept alike, or once did, come under mailvc.

#![allow(clippy::disallowed_methods)] // plays another syncer

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::SystemTime;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::{Machine, assert_in_step};
use mailvc_tests::mailbox::{self, Layout, Mailbox};
use mailvc_tests::maildir::{self, Messages};
use mailvc_tests::sshd::HOST;

fn mailbox() -> Mailbox {
    Mailbox {
        messages: 400,
        ..Mailbox::default()
    }
}

/// Copies a Maildir as another syncer would: under names of its own, every other message with
/// other flags, and in `cur` what is in `new`.
fn copy_otherwise(from: &Path, to: &Path) {
    for dir in maildir::folders(from).expect("folders") {
        let there = to.join(dir.strip_prefix(from).expect("below"));
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(there.join(sub)).expect("a folder");
        }
    }
    for (number, (path, _)) in (0u64..).zip(maildir::listed(from).expect("listed")) {
        let below = path.strip_prefix(from).expect("below");
        let folder = below.ancestors().nth(2).expect("a folder");
        let flags = ["", "S", "FS", "RS"][number as usize % 4];
        let name = format!("1200000000_{number}.42.elsewhere,U={number}:2,{flags}");
        let copy = to.join(folder).join("cur").join(name);
        fs::copy(&path, &copy).expect("copied");
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_300_000_000 + number);
        let file = File::options().write(true).open(&copy).expect("opened");
        file.set_times(FileTimes::new().set_modified(time))
            .expect("a time");
    }
}

/// What must neither be lost nor doubled: contents and their places, each as often as it is there.
fn places(machine: &Machine) -> Messages {
    machine.messages().without(|message| {
        message.flags.clear();
        message.recent = false;
        message.mtime = 0;
    })
}

fn received(clone: &Run) -> u64 {
    let number = clone.json()["session"]["received"]["messages"].as_u64();
    number.expect("a number of messages")
}

fn sent(sync: &Run) -> u64 {
    let sync = sync.json();
    let sessions = sync["remotes"].as_array().or(sync["sessions"].as_array());
    let session = sessions.and_then(|all| all.first());
    let number = session.and_then(|session| session["sent"]["messages"].as_u64());
    number.unwrap_or_else(|| panic!("{sync}"))
}

#[test]
fn mail_that_is_there_under_other_names_and_flags_is_not_transferred_nor_doubled() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let mut laptop = Machine::new("laptop");
    copy_otherwise(&server.maildir(), &laptop.maildir());
    laptop.knows(&server);
    let before = places(&server);
    let clone = laptop
        .run(&["--json", "clone", HOST, "--name", "laptop"])
        .ok();
    assert_eq!(received(&clone), 0);
    assert_eq!(places(&laptop), before);
    let sync = laptop.run(&["--json", "sync"]).ok();
    assert_eq!(sent(&sync), 0);
    assert_eq!(places(&server), before);
    assert_in_step(&[&server, &laptop]);
    laptop.assert_clean();
}

#[test]
fn only_what_each_lacks_is_transferred() {
    let server = Machine::initialised("server", &mailbox());
    let laptop = Machine::new("laptop");
    copy_otherwise(&server.maildir(), &laptop.maildir());
    for number in 0..3 {
        let bytes = mailbox::message(77, number);
        mailbox::deliver(&server.maildir(), Path::new(""), &bytes).expect("delivered");
    }
    for number in 0..5 {
        let bytes = mailbox::message(78, number);
        mailbox::deliver(&laptop.maildir(), Path::new(".Sent"), &bytes).expect("delivered");
    }
    let store = server.store().display().to_string();
    let clone = laptop
        .run(&["--json", "clone", &store, "--name", "laptop"])
        .ok();
    assert_eq!(received(&clone), 3);
    let sync = laptop.run(&["--json", "sync"]).ok();
    assert_eq!(sent(&sync), 5);
    assert_in_step(&[&server, &laptop]);
    assert_eq!(places(&server).files(), server.messages().files());
}

#[test]
fn a_nested_maildir_adopts_one_with_dots() {
    let server = Machine::initialised("server", &mailbox());
    let twin = Machine::with_mail(
        "laptop",
        &Mailbox {
            layout: Layout::Nested,
            ..mailbox()
        },
    );
    let store = server.store().display().to_string();
    let clone = twin
        .run(&["--json", "clone", &store, "--name", "laptop"])
        .ok();
    assert_eq!(received(&clone), 0);
    twin.sync();
    assert_in_step(&[&server, &twin]);
}
