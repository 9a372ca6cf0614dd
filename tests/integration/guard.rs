//! A laptop loses most of its mail, by a slip or a broken disk: nobody else follows it unasked.

#![allow(clippy::disallowed_methods)] // removes mail as `rm` does

use std::fs;
use std::path::Path;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::{Machine, assert_in_step, assert_is};
use mailvc_tests::mailbox::{self, Mailbox};
use mailvc_tests::maildir::{self, Messages};

fn server_and_laptop() -> (Machine, Machine) {
    let mailbox = Mailbox {
        messages: 400,
        ..Mailbox::default()
    };
    let server = Machine::initialised("server", &mailbox);
    let laptop = Machine::cloned_by_path("laptop", &server);
    server.add_path_of(&laptop);
    (server, laptop)
}

/// Removes nine of ten messages, every copy of them, and says how many contents.
fn lose_most(machine: &Machine) -> usize {
    let before = machine.messages().contents().len();
    for (path, message) in maildir::listed(&machine.maildir()).expect("listed") {
        if message.hash[0] % 10 > 0 {
            fs::remove_file(path).expect("removed");
        }
    }
    before - machine.messages().contents().len()
}

fn deliver(machine: &Machine, seed: u64) -> [u8; 32] {
    let bytes = mailbox::message(seed, 1);
    mailbox::deliver(&machine.maildir(), Path::new(""), &bytes).expect("delivered");
    *blake3::hash(&bytes).as_bytes()
}

fn has(machine: &Machine, hash: [u8; 32]) -> bool {
    machine.messages().contents().contains(&hash)
}

/// The number that the guard asks for.
fn asked(run: &Run) -> usize {
    let (_, rest) = run
        .stdout
        .split_once("--yes-delete ")
        .unwrap_or_else(|| panic!("no number in\n{}\n{}", run.stdout, run.stderr));
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|text| text.parse().ok()).expect("a number")
}

fn files(messages: &Messages) -> usize {
    messages.files()
}

#[test]
fn lost_mail_is_held_and_new_mail_goes_on_both_ways() {
    let (server, laptop) = server_and_laptop();
    let whole = server.messages();
    let lost = lose_most(&laptop);
    let (here, there) = (deliver(&laptop, 5), deliver(&server, 6));
    let stopped = laptop.run(&["sync"]).exits(3);
    assert_eq!(asked(&stopped), lost);
    assert!(has(&server, here) && has(&laptop, there));
    assert_eq!(files(&server.messages()), files(&whole) + 2);
    assert!(whole.contents().is_subset(&server.messages().contents()));
    // Nor is anything lost by asking again, or by asking the other way round.
    laptop.run(&["sync"]).exits(3);
    let told = server.run(&["sync"]).exits(3).stdout;
    assert!(told.contains("Held at laptop"), "{told}");
    assert_eq!(files(&server.messages()), files(&whole) + 2);
}

#[test]
fn a_yes_to_another_number_is_refused() {
    let (server, laptop) = server_and_laptop();
    let whole = server.messages();
    let lost = lose_most(&laptop);
    for wrong in [lost - 1, lost + 1, 0] {
        let wrong = wrong.to_string();
        laptop.run(&["sync", "--yes-delete", &wrong]).exits(3);
        assert_is(&server, &whole);
    }
}

#[test]
fn a_yes_to_the_right_number_lets_them_go_here_and_then_there() {
    let (server, laptop) = server_and_laptop();
    let lost = lose_most(&laptop);
    let rest = laptop.messages();
    let lost = lost.to_string();
    // The laptop records it; the server has a guard of its own.
    let there = laptop.run(&["sync", "--yes-delete", &lost]).exits(3);
    assert!(there.stdout.contains("Held at server"), "{}", there.stdout);
    let stopped = server.run(&["sync"]).exits(3);
    assert_eq!(asked(&stopped).to_string(), lost);
    server.run(&["sync", "--yes-delete", &lost]).ok();
    assert_is(&server, &rest);
    laptop.sync();
    assert_in_step(&[&server, &laptop]);
}

#[test]
fn restore_brings_everything_back_as_it_was() {
    let (server, laptop) = server_and_laptop();
    let whole = server.messages();
    lose_most(&laptop);
    laptop.run(&["sync"]).exits(3);
    laptop.run(&["restore"]).ok();
    assert_is(&laptop, &whole);
    laptop.sync();
    assert_is(&server, &whole);
    assert_in_step(&[&server, &laptop]);
}

#[test]
fn a_maildir_that_is_not_there_is_not_an_empty_one() {
    let (server, laptop) = server_and_laptop();
    let whole = server.messages();
    let aside = laptop.home.path().join("aside");
    fs::rename(laptop.maildir(), &aside).expect("renamed");
    assert_eq!(laptop.run(&["sync"]).code, Some(1));
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(laptop.maildir().join(sub)).expect("a directory");
    }
    assert_eq!(laptop.run(&["sync"]).code, Some(1));
    assert_is(&server, &whole);
    fs::remove_dir_all(laptop.maildir()).expect("removed");
    fs::rename(&aside, laptop.maildir()).expect("renamed");
    laptop.sync();
    assert_in_step(&[&server, &laptop]);
}
