//! A large mailbox: 100,000 messages, 2 GB. By hand, with the release program:
//!
//!     cargo build --release -p mailvc
//!     MAILVC_BIN=target/release/mailvc cargo test -p mailvc-tests --test integration -- \
//!         --ignored --nocapture large

use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mailvc_tests::machine::{Machine, assert_in_step, rounds};
use mailvc_tests::mail_client::EVERYTHING;
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::sshd::HOST;

/// What no process may have in memory at any time, in KiB.
const LIMIT: u64 = 300 << 10;

/// Runs a command; says how long it took, and the most memory that it and what it started on
/// the server had.
fn measured(what: &str, server: &Machine, child: Child) {
    let before = server.callers().len();
    let start = Instant::now();
    let done = AtomicU64::new(0);
    let pid = child.id();
    let (run, here, there) = std::thread::scope(|scope| {
        let peaks = scope.spawn(|| {
            let (mut here, mut there) = (0, 0);
            while done.load(Ordering::Relaxed) == 0 {
                here = here.max(peak(pid));
                let callers = server.callers();
                let new = callers.iter().skip(before);
                there = new.map(|caller| peak(caller.pid)).fold(there, u64::max);
                std::thread::sleep(Duration::from_millis(10));
            }
            (here, there)
        });
        let run = child.wait_with_output().expect("ended");
        done.store(1, Ordering::Relaxed);
        let (here, there) = peaks.join().expect("measured");
        (run, here, there)
    });
    println!(
        "{what}: {:.1} s, here {} MiB, there {} MiB\n  {}",
        start.elapsed().as_secs_f64(),
        here >> 10,
        there >> 10,
        String::from_utf8_lossy(&run.stdout)
            .trim()
            .replace('\n', "\n  ")
    );
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(here < LIMIT && there < LIMIT, "{what}: too much memory");
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "takes minutes and 6 GB of disk; by hand"]
fn a_hundred_thousand_messages_need_less_than_300_mb_of_memory() {
    let mailbox = Mailbox {
        messages: rounds("MAILVC_LARGE", 100_000) as u64,
        mean_size: 20_000,
        large: true,
        ..Mailbox::default()
    };
    let mut server = Machine::with_mail("server", &mailbox);
    server.listen();
    measured("init", &server, server.start(&["init", "--name", "server"]));
    let mut laptop = Machine::new("laptop");
    laptop.knows(&server);
    let clone = laptop.start(&["clone", HOST, "--name", "laptop"]);
    measured("clone", &server, clone);
    measured("sync of nothing", &server, laptop.start(&["sync"]));
    for (share, machine) in [(0, &server), (1, &laptop)] {
        let mut client = machine.client((share, 2), share.into());
        client.work(300, &EVERYTHING).expect("worked");
    }
    measured("a day's sync", &server, laptop.start(&["sync"]));
    measured("sync of nothing", &server, laptop.start(&["sync"]));
    assert_in_step(&[&server, &laptop]);
}
