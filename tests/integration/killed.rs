//! Commands that are killed at any moment: run again, they end where an undisturbed run would
//! have, and nothing of theirs is left lying about.

#![allow(clippy::disallowed_methods)] // removes mail as `rm` does

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use mailvc_tests::machine::{Machine, assert_in_step, assert_is, part_of, rounds, timed};
use mailvc_tests::mail_client::{EVERYTHING, MailClient, Step};
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::maildir::{self, Messages};
use mailvc_tests::random::Random;
use mailvc_tests::sshd;

/// So many steps are done before each round.
const STEPS: usize = 40;
/// The machines of a pair.
const SERVER: usize = 0;
const LAPTOP: usize = 1;

fn mailbox() -> Mailbox {
    Mailbox {
        messages: 300,
        ..Mailbox::default()
    }
}

fn kills() -> usize {
    rounds("MAILVC_KILLS", 10)
}

/// Kills it after a while; whether it was still running.
fn kill_after(mut child: Child, time: Duration) -> bool {
    std::thread::sleep(time);
    let running = child.try_wait().expect("its state").is_none();
    child.kill().expect("killed");
    child.wait().expect("ended");
    running
}

fn work(client: &mut MailClient, model: &mut Messages) {
    model.apply(&client.work(STEPS, &EVERYTHING).expect("worked"));
}

/// The mail of the newest snapshot, as a Maildir of its own.
fn recorded(machine: &Machine) -> Messages {
    let dir = machine.home.path().join("recorded");
    let _ = std::fs::remove_dir_all(&dir);
    let text = dir.display().to_string();
    machine.run(&["checkout", "local", "--to", &text]).ok();
    maildir::read(&dir).expect("a Maildir")
}

#[test]
fn a_snapshot() {
    let machine = Machine::initialised("laptop", &mailbox());
    let mut model = machine.messages();
    let mut client = machine.client((0, 1), 1);
    let mut random = Random::new(1);
    work(&mut client, &mut model);
    let (_, whole) = timed(|| machine.run(&["snapshot"]).ok());
    let mut cut = 0;
    for _ in 0..kills() {
        work(&mut client, &mut model);
        let child = machine.start(&["snapshot"]);
        cut += usize::from(kill_after(child, part_of(whole, &mut random)));
        assert_is(&machine, &model);
        machine.run(&["snapshot"]).ok();
        assert_is(&machine, &model);
        assert_eq!(recorded(&machine).difference(&model), "");
        machine.assert_clean();
    }
    println!("{cut} of {} killed at work", kills());
}

/// Syncs until there is nothing to be done, and checks both sides.
fn finish(server: &Machine, laptop: &Machine, model: &Messages) {
    server.await_callers();
    laptop.sync();
    laptop.sync();
    server.await_callers();
    assert_is(laptop, model);
    assert_is(server, model);
    assert_in_step(&[server, laptop]);
    server.assert_clean();
    laptop.assert_clean();
}

struct Pair {
    server: Machine,
    laptop: Machine,
    clients: [MailClient; 2],
    model: Messages,
    /// How long an undisturbed sync takes.
    whole: Duration,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut server = Machine::initialised("server", &mailbox());
        server.listen();
        let laptop = Machine::cloned("laptop", &server);
        let mut pair = Self {
            clients: [server.client((0, 2), seed), laptop.client((1, 2), seed + 1)],
            model: server.messages(),
            server,
            laptop,
            whole: Duration::ZERO,
        };
        pair.work();
        pair.whole = timed(|| pair.laptop.sync()).1;
        pair
    }

    fn work(&mut self) {
        for client in &mut self.clients {
            work(client, &mut self.model);
        }
    }

    /// The same, while a change of one machine's Maildir is half done. There mail only arrives: a
    /// message that the interrupted sync had just brought, and that somebody deletes or moves
    /// before it is finished, cannot be told from one that had not come yet, and comes back.
    fn work_beside(&mut self, interrupted: usize) {
        for (at, client) in self.clients.iter_mut().enumerate() {
            if at == interrupted {
                let done = client.work(STEPS, &[Step::Deliver]).expect("worked");
                self.model.apply(&done);
            } else {
                work(client, &mut self.model);
            }
        }
    }
}

#[test]
fn a_sync_at_the_callers_end() {
    let mut pair = Pair::new(100);
    let mut random = Random::new(2);
    let mut cut = 0;
    for round in 0..kills() {
        pair.work();
        let child = pair.laptop.start(&["sync"]);
        cut += usize::from(kill_after(child, part_of(pair.whole, &mut random)));
        if round % 2 == 1 {
            // Half done work is not taken for what people did meanwhile.
            pair.work_beside(LAPTOP);
        }
        finish(&pair.server, &pair.laptop, &pair.model);
    }
    println!(
        "{cut} of {} killed at work, within {:?}",
        kills(),
        pair.whole
    );
}

#[test]
fn a_sync_at_the_servers_end() {
    let mut pair = Pair::new(200);
    let mut random = Random::new(3);
    let mut cut = 0;
    for round in 0..kills() {
        pair.work();
        let before = pair.server.callers().len();
        let mut child = pair.laptop.start(&["sync"]);
        if let Some(server) = next_caller(&pair.server, before, &mut child) {
            std::thread::sleep(part_of(pair.whole, &mut random));
            cut += usize::from(kill(server));
        }
        let run = child.wait_with_output().expect("ended");
        let code = run.status.code();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(matches!(code, Some(0 | 4)), "{code:?}: {said}");
        if round % 2 == 1 {
            pair.work_beside(SERVER);
        }
        finish(&pair.server, &pair.laptop, &pair.model);
    }
    println!(
        "{cut} of {} killed at work, within {:?}",
        kills(),
        pair.whole
    );
}

/// The process that answers, once it has been started.
fn next_caller(server: &Machine, before: usize, child: &mut Child) -> Option<u32> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(caller) = server.callers().get(before) {
            return Some(caller.pid);
        }
        if child.try_wait().expect("its state").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

fn kill(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok())
}

#[test]
fn a_clone() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let (_, whole) = timed(|| Machine::cloned("first", &server));
    let mut random = Random::new(4);
    let mut cut = 0;
    for _ in 0..kills() {
        let mut laptop = Machine::new("laptop");
        laptop.knows(&server);
        let arguments = ["clone", sshd::HOST, "--name", "laptop"];
        let child = laptop.start(&arguments);
        cut += usize::from(kill_after(child, part_of(whole, &mut random)));
        server.await_callers();
        laptop.run(&arguments).ok();
        server.await_callers();
        assert_in_step(&[&server, &laptop]);
        laptop.assert_clean();
        server.assert_clean();
    }
    println!("{cut} of {} killed at work, within {whole:?}", kills());
}

/// A checkout in place, as a person who has seen the number repeats it.
fn checkout(machine: &Machine, to: &str, leaving: &str) -> Vec<String> {
    let _ = machine;
    ["checkout", to, "--yes-delete", leaving]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn a_checkout_in_place() {
    let machine = Machine::initialised("laptop", &mailbox());
    let mut client = machine.client((0, 1), 7);
    let first = (machine.tip(), machine.messages());
    let mut model = machine.messages();
    for _ in 0..3 {
        work(&mut client, &mut model);
    }
    machine.run(&["snapshot"]).ok();
    let second = (machine.tip(), model);
    let mut random = Random::new(5);
    let mut whole = Duration::ZERO;
    let mut cut = 0;
    for round in 0..kills() + 2 {
        let (from, to) = if round % 2 == 0 {
            (&second, &first)
        } else {
            (&first, &second)
        };
        let leaving = from
            .1
            .contents()
            .difference(&to.1.contents())
            .count()
            .to_string();
        let arguments = checkout(&machine, &to.0, &leaving);
        if round < 2 {
            let (run, time) = timed(|| machine.home.run(&arguments));
            run.ok();
            whole = whole.max(time);
        } else {
            let child = machine.home.command(&arguments).spawn().expect("started");
            cut += usize::from(kill_after(child, part_of(whole, &mut random)));
            machine.home.run(&arguments).ok();
        }
        assert_is(&machine, &to.1);
        machine.assert_clean();
    }
    println!("{cut} of {} killed at work, within {whole:?}", kills());
}

#[test]
fn a_restore() {
    let machine = Machine::initialised("laptop", &mailbox());
    let model = machine.messages();
    let mut random = Random::new(6);
    remove_some(&machine.maildir(), &mut random);
    let (_, whole) = timed(|| machine.run(&["restore"]).ok());
    assert_is(&machine, &model);
    let mut cut = 0;
    for _ in 0..kills() {
        remove_some(&machine.maildir(), &mut random);
        let child = machine.start(&["restore"]);
        cut += usize::from(kill_after(child, part_of(whole, &mut random)));
        machine.run(&["restore"]).ok();
        assert_is(&machine, &model);
        machine.assert_clean();
    }
    println!("{cut} of {} killed at work, within {whole:?}", kills());
}

/// Removes mail, every copy of a content or none.
fn remove_some(root: &Path, random: &mut Random) {
    let share = (random.below(256) as u8, 40);
    for (path, message) in maildir::listed(root).expect("listed") {
        if message.hash[1].wrapping_sub(share.0) < share.1 {
            std::fs::remove_file(path).expect("removed");
        }
    }
}
