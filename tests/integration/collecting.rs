//! A repack while everything else goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use mailvc_tests::machine::{Machine, assert_in_step, settle};
use mailvc_tests::mail_client::NO_DELETIONS;
use mailvc_tests::mailbox::Mailbox;

/// Gives the same commands again and again until told to stop; returns how often.
fn keep_on(machine: &Machine, commands: &[&[&str]], stop: &AtomicBool) -> usize {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        for command in commands {
            machine.run(command).ok();
        }
        rounds += 1;
    }
    rounds
}

#[test]
fn syncs_readers_and_a_mail_client_notice_nothing_of_a_gc() {
    let mailbox = Mailbox {
        messages: 500,
        ..Mailbox::default()
    };
    let server = Machine::initialised("server", &mailbox);
    let laptop = Machine::cloned_by_path("laptop", &server);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        let (server, laptop) = (&server, &laptop);
        let syncs = scope.spawn(move || keep_on(laptop, &[&["sync"]], stop));
        let reads = scope.spawn(move || keep_on(server, &[&["log"], &["show", "local"]], stop));
        let client = scope.spawn(move || {
            let mut client = server.client((0, 1), 7);
            while !stop.load(Ordering::Relaxed) {
                client.work(3, &NO_DELETIONS).expect("worked");
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        });
        for _ in 0..4 {
            for machine in [server, laptop] {
                machine.run(&["gc", "--grace", "0"]).ok();
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(syncs.join().expect("synced") > 0);
        assert!(reads.join().expect("read") > 0);
        client.join().expect("worked");
    });
    settle(&[&laptop]);
    assert_in_step(&[&server, &laptop]);
    for machine in [&server, &laptop] {
        machine.run(&["gc", "--grace", "0"]).ok();
        machine.run(&["verify", "--full"]).ok();
        machine.assert_clean();
    }
    let third = Machine::cloned_by_path("third", &server);
    assert_in_step(&[&server, &laptop, &third]);
}

#[test]
fn a_gc_says_what_it_would_do_and_then_does_it() {
    let machine = Machine::initialised("server", &Mailbox::default());
    let planned = machine.run(&["gc", "--dry-run", "--json"]).ok().json();
    let done = machine.run(&["gc", "--grace", "0", "--json"]).ok().json();
    assert_eq!(planned["repack"], done["repack"]);
    assert_eq!(planned["written"], serde_json::json!([]));
    assert_ne!(done["dropped"], serde_json::json!([]));
    assert!(done["bytes"].as_u64() <= planned["bytes"].as_u64());
    let again = machine.run(&["gc", "--json"]).ok().json();
    assert_eq!(again["repack"], serde_json::json!([]));
}
