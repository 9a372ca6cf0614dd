//! What the guard of a machine without a person holds is answered from another one, calls for
//! somebody, and stops a peer that deletes little by little.

#![allow(clippy::disallowed_methods)] // removes mail as `rm` does

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mailvc_tests::machine::{Machine, assert_in_step, assert_is};
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::maildir;
use serde_json::Value;

fn mailbox(messages: u64) -> Mailbox {
    Mailbox {
        messages,
        ..Mailbox::default()
    }
}

/// Removes every copy of so many messages, or of as many as there are, and says how many.
fn remove(machine: &Machine, most: usize) -> usize {
    let mut gone = std::collections::BTreeSet::new();
    let listed = maildir::listed(&machine.maildir()).expect("listed");
    for (_, message) in &listed {
        if gone.len() < most {
            gone.insert(message.hash);
        }
    }
    for (path, message) in listed {
        if gone.contains(&message.hash) {
            fs::remove_file(path).expect("removed");
        }
    }
    gone.len()
}

fn waits_there(run: &Value) -> &Value {
    &run["sessions"][0]["waits_there"]
}

/// The command that a message prints after a label, without the program's name.
fn printed(text: &str, label: &str) -> Vec<String> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(label));
    let line = line.unwrap_or_else(|| panic!("no `{label}` in\n{text}"));
    let words = line.split_whitespace().skip(1);
    words.map(str::to_owned).collect()
}

fn run_printed(machine: &Machine, text: &str, label: &str) -> mailvc_tests::cli::Run {
    let words = printed(text, label);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    machine.run(&words)
}

#[test]
fn a_servers_own_loss_is_answered_from_the_laptop_over_ssh() {
    let mut server = Machine::initialised("server", &mailbox(300));
    server.listen();
    let laptop = Machine::cloned("laptop", &server);
    let lost = remove(&server, 200);
    let whole = laptop.messages();

    // Both have the same snapshot, and still the laptop is told.
    let told = laptop.run(&["sync"]).exits(3).stdout;
    assert!(
        told.contains(&format!("Held at server: {lost} messages")),
        "{told}"
    );
    assert!(told.contains("mailvc trust add laptop --approve"), "{told}");
    // Until the server lets the laptop answer, a yes there has no effect.
    let number = lost.to_string();
    laptop.run(&["sync", "--yes-delete", &number]).exits(3);
    assert_is(&laptop, &whole);

    server.run(&["trust", "add", "laptop", "--approve"]).ok();
    let told = laptop.run(&["sync"]).exits(3).stdout;
    let wrong = (lost - 1).to_string();
    laptop.run(&["sync", "--yes-delete", &wrong]).exits(3);
    assert_is(&laptop, &whole);
    assert_eq!(run_printed(&laptop, &told, "look:").code, Some(3));
    run_printed(&laptop, &told, "allow exactly this:").ok();
    laptop.sync();
    assert_in_step(&[&server, &laptop]);
    assert_eq!(
        laptop.messages().contents().len() + lost,
        whole.contents().len()
    );
    server.run(&["status"]).ok();
}

#[test]
fn what_the_laptop_allowed_itself_a_server_that_trusts_it_follows_at_once() {
    let server = Machine::initialised("server", &mailbox(300));
    let laptop = Machine::cloned_by_path("laptop", &server);
    server.run(&["trust", "add", "laptop", "--approve"]).ok();
    let lost = remove(&laptop, 200).to_string();
    let rest = laptop.messages();
    laptop.run(&["sync", "--yes-delete", &lost]).ok();
    assert_is(&server, &rest);
    assert_in_step(&[&server, &laptop]);
}

#[test]
fn what_a_merge_would_remove_on_a_server_is_shown_there_and_answered_from_the_laptop() {
    let server = Machine::initialised("server", &mailbox(300));
    let laptop = Machine::cloned_by_path("laptop", &server);
    let other = Machine::cloned_by_path("other", &server);
    server.run(&["trust", "add", "laptop", "--approve"]).ok();
    let lost = remove(&other, 200);
    let number = lost.to_string();
    other.run(&["sync", "--yes-delete", &number]).exits(3);

    // The server shows it, and what it prints works as printed.
    let status = server.run(&["status"]).exits(3).stdout;
    assert!(status.contains("by merging inbox/other"), "{status}");
    let shown = run_printed(&server, &status, "look:").ok().stdout;
    // Two copies of one message are two lines.
    let gone: usize = shown
        .split(" gone")
        .next()
        .and_then(|it| it.rsplit(' ').next()?.parse().ok())
        .expect("a number");
    assert!(gone >= lost && !shown.contains(" new"), "{shown}");
    let json = server.run(&["--json", "status"]).exits(3).json();
    assert_eq!(json["waiting"][0]["leaving"], lost);
    assert_eq!(json["waiting"][0]["snapshot"]["device_name"], "other");

    // `other` may not answer for the server.
    let asked = other
        .run(&["--json", "sync", "--yes-delete", &number])
        .exits(3)
        .json();
    assert_eq!(waits_there(&asked)[0]["may_answer"], false);

    let allow = run_printed(&server, &status, "allow exactly this:").ok();
    assert!(allow.stdout.contains("gone"), "{}", allow.stdout);
    // And what the server's person allowed there is one yes more than the laptop's machine needs.
    laptop.run(&["sync", "--yes-delete", &number]).ok();
    other.sync();
    laptop.sync();
    assert_in_step(&[&server, &laptop, &other]);
}

#[test]
fn a_peer_that_deletes_forty_nine_a_sync_is_stopped() {
    let server = Machine::initialised("server", &mailbox(700));
    let laptop = Machine::cloned_by_path("laptop", &server);
    set(&server, "budget = 500", "budget = 90");
    let whole = server.messages().contents().len();
    assert_eq!(remove(&laptop, 49), 49);
    laptop.sync();
    let json = server.run(&["--json", "status"]).ok().json();
    assert_eq!(json["budgets"][0]["device_name"], "laptop");
    assert_eq!(
        (
            &json["budgets"][0]["deleted"],
            &json["budgets"][0]["allowed"]
        ),
        (&49.into(), &90.into())
    );
    remove(&laptop, 49);
    laptop.run(&["sync"]).exits(3);
    assert_eq!(server.messages().contents().len(), whole - 49);
    let status = server.run(&["status"]).exits(3).stdout;
    assert!(
        status.contains("laptop has deleted 98 bit by bit, 90 are allowed"),
        "{status}"
    );
    run_printed(&server, &status, "allow exactly this:").ok();
    server.run(&["status"]).ok();
    assert_eq!(server.messages().contents().len(), whole - 98);
}

/// Changes a line of a store's settings.
fn set(machine: &Machine, from: &str, to: &str) {
    let path = machine.store().join("config");
    let text = fs::read_to_string(&path).expect("settings");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

/// A program that writes what it is told into a file, as the hook of a machine.
fn hook(machine: &Machine) -> PathBuf {
    let (program, told) = (
        machine.home.path().join("hook"),
        machine.home.path().join("told"),
    );
    let script = format!(
        "#!/bin/sh\necho \"$1 $MAILVC_GUARD $MAILVC_LEAVING $MAILVC_MESSAGES $MAILVC_DEVICE $MAILVC_STORE\" >> '{}'\n",
        told.display()
    );
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    let line = format!(
        "hook = [\"{}\", \"$(reboot)\"]\nreplaced = 5",
        program.display()
    );
    set(machine, "replaced = 5", &line);
    told
}

#[test]
fn a_stop_calls_for_somebody_once() {
    let server = Machine::initialised("server", &mailbox(300));
    let laptop = Machine::cloned_by_path("laptop", &server);
    let told = hook(&server);
    let lost = remove(&server, 200);
    for _ in 0..2 {
        laptop.run(&["sync"]).exits(3);
        server.run(&["snapshot"]).exits(3);
    }
    let text = fs::read_to_string(&told).expect("it was run");
    let store = server.store().display().to_string();
    let start = format!("$(reboot) missing {lost} ");
    assert!(
        text.starts_with(&start) && text.ends_with(&format!(" server {store}\n")),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    let log = fs::read_to_string(server.store().join("guard.log")).expect("a log");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains(&format!("\tstopped\tmissing\tserver\t{lost}\t")),
        "{log}"
    );
    assert!(log.ends_with("\tok\n"), "{log}");
}

#[test]
fn a_merge_that_is_stopped_calls_with_the_name_of_the_device_and_a_hook_that_is_not_there_stops_nothing()
 {
    let server = Machine::initialised("server", &mailbox(300));
    let laptop = Machine::cloned_by_path("laptop", &server);
    let told = hook(&server);
    let lost = remove(&laptop, 200).to_string();
    laptop.run(&["sync", "--yes-delete", &lost]).exits(3);
    let text = fs::read_to_string(&told).expect("it was run");
    assert!(
        text.contains(&format!(" merge {lost} ")) && text.contains(" laptop "),
        "{text}"
    );
    fs::remove_file(server.home.path().join("hook")).expect("removed");
    fs::remove_file(server.store().join("guard.log")).expect("removed");
    laptop.run(&["sync"]).exits(3);
    let log = fs::read_to_string(server.store().join("guard.log")).expect("a log");
    assert!(log.ends_with("\tfailed\n"), "{log}");
}

#[test]
fn flags_that_change_in_masses_are_told_with_the_device_and_stop_nothing() {
    let server = Machine::initialised("server", &mailbox(300));
    let laptop = Machine::cloned_by_path("laptop", &server);
    for (path, _) in maildir::listed(&laptop.maildir()).expect("listed") {
        let name = path.display().to_string();
        let other = match name.rsplit_once(":2,") {
            Some((start, flags)) if flags.contains('F') => {
                format!("{start}:2,{}", flags.replace('F', ""))
            }
            Some((start, flags)) => format!("{start}:2,F{flags}"),
            None => continue,
        };
        fs::rename(&path, other).expect("renamed");
    }
    let told = laptop.sync().stdout;
    assert!(told.contains("have other flags (changed here)"), "{told}");
    let log = fs::read_to_string(server.store().join("guard.log")).expect("a log");
    assert!(log.contains("\tflags\tlaptop\t"), "{log}");
    assert_in_step(&[&server, &laptop]);
}
