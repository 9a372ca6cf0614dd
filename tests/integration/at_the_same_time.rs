//! Commands that start in the same instant, while mail comes in and is read.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::{Machine, assert_in_step, rounds, settle};
use mailvc_tests::mail_client::{Change, MailClient, NO_DELETIONS};
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::maildir::Messages;

fn ended(child: Child) -> Run {
    child.wait_with_output().expect("mailvc ended").into()
}

/// Works without a break until told to stop.
fn busy(mut client: MailClient, stop: &AtomicBool) -> (MailClient, Vec<Change>) {
    let mut changes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        changes.extend(client.work(3, &NO_DELETIONS).expect("worked"));
        std::thread::sleep(Duration::from_millis(100));
    }
    (client, changes)
}

/// Where each message lies, and how often; flags may meet in one message and are left out.
fn places(messages: &Messages) -> Messages {
    messages.without(|message| {
        message.flags.clear();
        message.recent = false;
        message.mtime = 0;
    })
}

fn delivered(changes: &[Change]) -> Vec<Change> {
    let new = changes.iter().filter(|(before, _)| before.is_none());
    new.map(|(_, after)| {
        let mut after = after.clone();
        if let Some(message) = &mut after {
            message.flags.clear();
            message.recent = false;
            message.mtime = 0;
        }
        (None, after)
    })
    .collect()
}

/// Starts all commands in one instant, with somebody at work on each machine, and checks that
/// nothing is lost or doubled.
fn together(machines: [&Machine; 2], start: impl Fn() -> Vec<Child>) {
    let mut model = places(&machines[0].messages());
    let mut clients = vec![
        machines[0].client((0, 2), 51),
        machines[1].client((1, 2), 52),
    ];
    for round in 0..rounds("MAILVC_ROUNDS", 8) {
        let stop = AtomicBool::new(false);
        let runs = std::thread::scope(|scope| {
            let stop = &stop;
            let busy: Vec<_> = clients
                .drain(..)
                .map(|client| scope.spawn(move || busy(client, stop)))
                .collect();
            let runs: Vec<Run> = start().into_iter().map(ended).collect();
            stop.store(true, Ordering::Relaxed);
            for client in busy {
                let (client, changes) = client.join().expect("worked");
                model.apply(&delivered(&changes));
                clients.push(client);
            }
            runs
        });
        for run in runs {
            assert_eq!(
                run.code,
                Some(0),
                "round {round}\n{}\n{}",
                run.stdout,
                run.stderr
            );
        }
        machines[1].sync();
        for machine in machines {
            let difference = places(&machine.messages()).difference(&model);
            assert!(
                difference.is_empty(),
                "round {round}, {}:\n{difference}",
                machine.name
            );
        }
    }
    settle(&machines[1..]);
    assert_in_step(&machines);
    machines[0].assert_clean();
    machines[1].assert_clean();
}

fn mailbox() -> Mailbox {
    Mailbox {
        messages: 200,
        ..Mailbox::default()
    }
}

#[test]
fn two_syncs_on_one_machine() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let laptop = Machine::cloned("laptop", &server);
    together([&server, &laptop], || {
        vec![laptop.start(&["sync"]), laptop.start(&["sync"])]
    });
}

#[test]
fn two_syncs_on_one_machine_by_path() {
    let server = Machine::initialised("server", &mailbox());
    let laptop = Machine::cloned_by_path("laptop", &server);
    together([&server, &laptop], || {
        vec![laptop.start(&["sync"]), laptop.start(&["sync"])]
    });
}

#[test]
fn a_sync_on_each_machine_against_the_other() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let mut laptop = Machine::cloned("laptop", &server);
    laptop.listen();
    server.add(&laptop);
    together([&server, &laptop], || {
        vec![server.start(&["sync"]), laptop.start(&["sync"])]
    });
}

#[test]
fn a_sync_on_each_machine_against_the_other_by_path() {
    let server = Machine::initialised("server", &mailbox());
    let laptop = Machine::cloned_by_path("laptop", &server);
    server.add_path_of(&laptop);
    together([&server, &laptop], || {
        vec![server.start(&["sync"]), laptop.start(&["sync"])]
    });
}

#[test]
fn a_snapshot_and_two_syncs() {
    let server = Machine::initialised("server", &mailbox());
    let laptop = Machine::cloned_by_path("laptop", &server);
    together([&server, &laptop], || {
        vec![
            laptop.start(&["snapshot"]),
            laptop.start(&["sync"]),
            server.start(&["snapshot"]),
            laptop.start(&["sync"]),
        ]
    });
}
