//! The two devices, and what goes on all the time while a program works on the first one's mail.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mailvc_tests::machine::{Machine, assert_in_step, rounds, settle};
use mailvc_tests::mail_client::Change;
use mailvc_tests::mailbox;
use mailvc_tests::maildir;

use super::letters::{Letter, Model, read};

/// So many letters there are before all.
pub(super) const FIRST: usize = 60;
/// The folders of a Maildir++, as directories.
pub(super) const FOLDERS: [&str; 3] = ["", ".Sent", ".Archive.2009"];
/// Between two deeds at the second device.
const PAUSE: Duration = Duration::from_millis(150);
/// The others go on until the last step has ended, yet at most for so many times the time of all
/// steps: mbsync sleeps until nobody has changed a directory for a second.
const LONGER: u32 = 3;
/// How many messages one command is asked for.
const AT_ONCE: usize = 1000;

/// The first device, where the program works, and the second.
pub(super) struct Scene {
    pub(super) first: Machine,
    pub(super) second: Machine,
    pub(super) model: Model,
}

impl Scene {
    pub(super) fn new() -> Self {
        let first = Machine::new("first");
        let mut model = Model::default();
        for number in 0..FIRST {
            let folder = FOLDERS[number % FOLDERS.len()];
            deliver(&first.maildir(), folder, &mut model);
        }
        first.run(&["init", "--name", "first"]).ok();
        let second = Machine::cloned_by_path("second", &first);
        unguard(&first);
        unguard(&second);
        Self {
            first,
            second,
            model,
        }
    }

    /// Does `step` again and again, while `other` works at the second device, and mailvc records
    /// and syncs all the time.
    pub(super) fn meanwhile(
        &mut self,
        other: impl FnMut() -> io::Result<Vec<Change>> + Send,
        mut step: impl FnMut(&mut Model),
    ) {
        let time = Duration::from_secs(rounds("MAILVC_SECONDS", 2) as u64);
        let until = &Until::after(time * LONGER);
        let (first, second) = (&self.first, &self.second);
        let (mut done, changes, syncs) = std::thread::scope(|scope| {
            let person = scope.spawn(move || busy(other, until));
            let mailvc = scope.spawn(move || in_step(first, second, until));
            // Also where a step fails: the others must end.
            let stopping = Stopping(until);
            let start = Instant::now();
            let mut done = 0;
            while start.elapsed() < time {
                step(&mut self.model);
                done += 1;
            }
            drop(stopping);
            let changes = person.join().expect("worked");
            (done, changes, mailvc.join().expect("synced"))
        });
        done += changes.len();
        self.model.apply(changes);
        println!("{done} changes, {syncs} snapshots and syncs");
    }

    /// Everything is quiet: both have what the model says, and can give back all that ever was.
    pub(super) fn assert_nothing_lost(&self) {
        self.assert_in_step();
        for machine in [&self.first, &self.second] {
            self.assert_has_all(machine);
            assert_recorded(machine, &self.model.ever);
        }
    }

    /// Both have the same.
    pub(super) fn assert_in_step(&self) {
        settle(&[&self.second]);
        assert_in_step(&[&self.first, &self.second]);
    }

    /// Whether a machine has what the model says.
    pub(super) fn has_all(&self, machine: &Machine) -> bool {
        self.difference(machine).is_empty()
    }

    /// A machine has what the model says.
    pub(super) fn assert_has_all(&self, machine: &Machine) {
        let difference = self.difference(machine);
        assert!(
            difference.is_empty(),
            "{} against the model:\n{difference}",
            machine.name
        );
        machine.assert_clean();
    }

    fn difference(&self, machine: &Machine) -> String {
        read(&machine.maildir()).difference(&self.model.mail)
    }
}

/// When to end.
struct Until {
    end: Instant,
    stopped: AtomicBool,
}

impl Until {
    fn after(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            stopped: AtomicBool::new(false),
        }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.end && !self.stopped.load(Ordering::Relaxed)
    }
}

/// Tells the others to end, at the latest when it goes.
struct Stopping<'a>(&'a Until);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// Somebody works until told to stop; files that vanish under their hands are left.
fn busy(mut work: impl FnMut() -> io::Result<Vec<Change>>, until: &Until) -> Vec<Change> {
    let mut changes = Vec::new();
    while until.goes_on() {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => changes.extend(done.expect("worked")),
        }
        std::thread::sleep(PAUSE);
    }
    changes
}

/// Records and syncs without a break; how often.
fn in_step(first: &Machine, second: &Machine, until: &Until) -> usize {
    let mut done = 0;
    while until.goes_on() {
        record(first, &["snapshot"]);
        record(second, &["sync"]);
        done += 2;
    }
    done
}

/// Records, and syncs perhaps, a Maildir that may not hold still for so long: then what is missing
/// is held, and the exit code is 3, until it does. At the end nothing may be held any more.
pub(super) fn record(machine: &Machine, command: &[&str]) {
    let run = machine.run(command);
    if run.code != Some(3) {
        run.ok();
    }
}

/// Lets every deletion pass: a wrong one is to be seen as a loss, and not to be stopped.
pub(super) fn unguard(machine: &Machine) {
    let config = machine.store().join("config");
    let text = fs::read_to_string(&config).expect("settings");
    let limits = ["min = ", "replaced = ", "budget = "];
    let lines = text.lines().map(|line| {
        let limit = limits.iter().find(|limit| line.starts_with(*limit));
        limit.map_or(line.to_owned(), |limit| format!("{limit}1000000"))
    });
    let changed: String = lines.map(|line| line + "\n").collect();
    assert_ne!(changed, text, "no such settings");
    fs::write(&config, changed).expect("written");
}

/// Somebody's new letter comes in.
pub(super) fn deliver(root: &Path, folder: &str, model: &mut Model) -> Letter {
    let letter = model.write();
    let path = mailbox::deliver(root, Path::new(folder), &letter.bytes).expect("delivered");
    model.add(maildir::Message {
        folder: maildir::folder_of(root, &path),
        hash: letter.hash,
        flags: Vec::new(),
        recent: true,
        mtime: arrival(root, &letter, &path),
    });
    letter
}

/// When it arrived, though another program may have renamed the file already.
fn arrival(root: &Path, letter: &Letter, path: &Path) -> i64 {
    if let Ok(message) = maildir::look(root, path, &letter.bytes) {
        return message.mtime;
    }
    let listed = maildir::listed(root).expect("a Maildir");
    let found = listed.iter().find(|(_, it)| it.hash == letter.hash);
    found.expect("what was delivered").1.mtime
}

fn id(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_string()
}

/// The store gives back each of these messages.
pub(super) fn assert_recorded(machine: &Machine, hashes: &BTreeSet<[u8; 32]>) {
    let ids: Vec<String> = hashes.iter().copied().map(id).collect();
    let mut found = BTreeSet::new();
    for some in ids.chunks(AT_ONCE) {
        let dir = tempfile::tempdir().expect("a directory");
        let text = dir.path().join("all").display().to_string();
        let mut restore = vec!["restore", "--to", &text];
        restore.extend(some.iter().map(String::as_str));
        machine.run(&restore).ok();
        let mail = maildir::read(Path::new(&text)).expect("a Maildir");
        found.extend(mail.contents());
    }
    assert_eq!(&found, hashes, "{}", machine.name);
}
