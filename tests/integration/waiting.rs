//! Who waits for a lock is told for whom; and a lock that nobody holds keeps nobody waiting.

#![allow(clippy::disallowed_methods)] // the settings as a person changes them

use std::fs::{self, File, TryLockError};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use mailvc_tests::cli::Run;
use mailvc_tests::machine::Machine;
use mailvc_tests::mailbox::Mailbox;
use rustix::process::{Pid, Signal, kill_process};

/// A machine where commands wait for others so many seconds.
fn machine(timeout: u64) -> Machine {
    let mailbox = Mailbox {
        messages: 20,
        ..Mailbox::default()
    };
    let machine = Machine::initialised("laptop", &mailbox);
    let config = machine.store().join("config");
    let text = fs::read_to_string(&config).expect("settings");
    let changed = text.replace("lock_timeout = 600", &format!("lock_timeout = {timeout}"));
    assert_ne!(changed, text, "no such setting");
    fs::write(&config, changed).expect("written");
    machine
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("signalled");
}

/// A command that stands still while it holds the store's lock.
fn holder(machine: &Machine) -> Child {
    let path = machine.store().join("lock");
    for _ in 0..50 {
        let child = machine.start(&["snapshot", "--thorough"]);
        let pid = format!("{} ", child.id());
        let start = Instant::now();
        while !fs::read_to_string(&path).is_ok_and(|text| text.starts_with(&pid)) {
            assert!(start.elapsed() < Duration::from_secs(30), "no lock taken");
        }
        signal(&child, Signal::STOP);
        let lock = File::open(&path).expect("the lock");
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            return child;
        }
        // It was faster than we.
        signal(&child, Signal::CONT);
        ended(child);
    }
    panic!("no command holds its lock long enough to be stopped");
}

fn ended(child: Child) -> Run {
    child.wait_with_output().expect("ended").into()
}

#[test]
fn who_waits_is_told_for_whom_and_gives_up_when_its_time_is_over() {
    let machine = machine(1);
    let holder = holder(&machine);
    let pid = holder.id();
    for command in ["snapshot", "restore", "gc"] {
        let busy = machine.run(&[command]).exits(6).stderr;
        let who = format!("in use by `mailvc snapshot` (process {pid}, for ");
        assert!(busy.contains(&who), "{busy}");
    }
    // Who only reads waits for nobody.
    machine.run(&["log"]).ok();
    machine.run(&["key", "show"]).ok();
    signal(&holder, Signal::CONT);
    ended(holder).ok();
    machine.run(&["snapshot"]).ok();
}

#[test]
fn a_command_that_ends_here_does_not_wait_for_a_host_that_says_nothing() {
    let machine = machine(1);
    let host = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = host.local_addr().expect("an address").port();
    let url = format!("ssh://nobody@127.0.0.1:{port}/store");
    machine.run(&["remote", "add", "far", &url]).ok();
    let holder = holder(&machine);
    let start = Instant::now();
    machine.run(&["sync"]).exits(6);
    // It would be given up after 30 seconds.
    assert!(start.elapsed() < Duration::from_secs(20));
    host.set_nonblocking(true).expect("a socket");
    assert!(host.accept().is_ok(), "it was called meanwhile");
    signal(&holder, Signal::CONT);
    ended(holder).ok();
}

#[test]
fn who_waits_goes_on_as_soon_as_the_other_ends() {
    let machine = machine(500);
    let holder = holder(&machine);
    let waiter = machine.start(&["snapshot"]);
    std::thread::sleep(Duration::from_millis(300));
    signal(&holder, Signal::CONT);
    ended(holder).ok();
    ended(waiter).ok();
}

#[test]
fn the_lock_of_a_killed_command_needs_nobody() {
    let machine = machine(0);
    let mut holder = holder(&machine);
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    // The file still names it, and that stops nobody.
    machine.run(&["snapshot"]).ok();
    machine.assert_clean();
}
