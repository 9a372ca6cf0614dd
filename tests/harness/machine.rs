//! A machine with a person's mail on it: a home, a Maildir, a store; and the way to it from other
//! machines, which is OpenSSH's server.

#![allow(clippy::disallowed_methods)] // writes a script for sshd, not for mailvc

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::cli::{Home, Run, binary};
use crate::mail_client::MailClient;
use crate::mailbox::Mailbox;
use crate::maildir::{self, Messages};
use crate::random::Random;
use crate::sshd::{self, HOST, Sshd};

/// How often devices that nobody touches may have to sync until they are in step.
const PATIENCE: usize = 4;

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// Its user's home.
    pub home: Home,
    /// What its device is called.
    pub name: String,
    sshd: Option<Sshd>,
}

impl Machine {
    /// One without mail.
    pub fn new(name: &str) -> Self {
        Self {
            home: Home::new(),
            name: name.to_owned(),
            sshd: None,
        }
    }

    /// One with mail, of which mailvc knows nothing yet.
    ///
    /// # Panics
    /// If the mail can't be written.
    pub fn with_mail(name: &str, mailbox: &Mailbox) -> Self {
        let machine = Self::new(name);
        mailbox.write(&machine.maildir()).expect("mail written");
        machine
    }

    /// One with mail, recorded.
    pub fn initialised(name: &str, mailbox: &Mailbox) -> Self {
        let machine = Self::with_mail(name, mailbox);
        machine.run(&["init", "--name", name]).ok();
        machine
    }

    /// Its Maildir.
    pub fn maildir(&self) -> PathBuf {
        self.home.maildir()
    }

    /// Its store.
    pub fn store(&self) -> PathBuf {
        self.home.path().join("data/mailvc/default")
    }

    /// Runs mailvc here.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.home.run(arguments)
    }

    /// Starts mailvc here.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.home
            .command(arguments)
            .spawn()
            .expect("mailvc started")
    }

    /// Lets in by SSH whoever has the key, to run what they like.
    pub fn listen(&mut self) {
        self.listen_with("");
    }

    /// Lets in by SSH whoever has the key, under the key's options. `mailvc` is on the path there;
    /// each start of it is written down.
    ///
    /// # Panics
    /// If sshd can't be started.
    pub fn listen_with(&mut self, key_options: &str) {
        let bin = self.home.path().join("bin");
        fs::create_dir_all(&bin).expect("a directory");
        let script = format!(
            "#!/bin/sh\necho $$ $(cut -d' ' -f22 /proc/$$/stat) >> '{}'\nexec '{}' \"$@\"\n",
            self.served().display(),
            binary().display()
        );
        fs::write(bin.join("mailvc"), script).expect("a script");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bin.join("mailvc"), mode).expect("a program");
        let mut environment = self.home.environment();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        environment.push(("PATH".to_owned(), path.into()));
        self.sshd = Some(Sshd::start(&sshd::Options {
            key_options: key_options.to_owned(),
            environment,
            ..sshd::Options::default()
        }));
    }

    fn served(&self) -> PathBuf {
        self.home.path().join("served")
    }

    /// The processes of mailvc that callers have started here, oldest first.
    pub fn callers(&self) -> Vec<Caller> {
        let text = fs::read_to_string(self.served()).unwrap_or_default();
        // A line that is being written has no end yet.
        let lines = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        lines.filter_map(Caller::parse).collect()
    }

    /// Waits until everything that callers have started here has ended.
    ///
    /// # Panics
    /// If something does not end within a minute.
    pub fn await_callers(&self) {
        let start = Instant::now();
        for caller in self.callers() {
            while caller.is_alive() {
                let waited = start.elapsed();
                assert!(waited < Duration::from_mins(1), "{caller:?} does not end");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Its SSH server.
    ///
    /// # Panics
    /// If it doesn't listen.
    pub fn sshd(&self) -> &Sshd {
        self.sshd.as_ref().expect("a machine that listens")
    }

    /// Makes another machine, which listens, the one that [`HOST`] names here.
    pub fn knows(&mut self, other: &Self) {
        let config = other.sshd().client_config();
        self.home.set("MAILVC_SSH_CONFIG", config);
    }

    /// A machine cloned from another one that listens.
    pub fn cloned(name: &str, from: &Self) -> Self {
        let mut machine = Self::new(name);
        machine.knows(from);
        machine.run(&["clone", HOST, "--name", name]).ok();
        machine
    }

    /// A machine cloned from a path of this one.
    pub fn cloned_by_path(name: &str, from: &Self) -> Self {
        let machine = Self::new(name);
        let store = from.store().display().to_string();
        machine.run(&["clone", &store, "--name", name]).ok();
        machine
    }

    /// Names the store of another machine, by its path.
    pub fn add_path_of(&self, other: &Self) {
        let store = other.store().display().to_string();
        self.run(&["remote", "add", &other.name, &store]).ok();
    }

    /// Names another machine, by SSH.
    pub fn add(&mut self, other: &Self) {
        self.knows(other);
        self.run(&["remote", "add", &other.name, HOST]).ok();
    }

    /// Brings all remotes into step.
    pub fn sync(&self) -> Run {
        self.run(&["sync"]).ok()
    }

    /// The newest snapshot.
    ///
    /// # Panics
    /// If there is none.
    pub fn tip(&self) -> String {
        let log = self.run(&["--json", "log", "-n", "1"]).ok().json();
        let id = log["snapshots"][0]["id"].as_str();
        id.expect("a snapshot").to_owned()
    }

    /// How many snapshots the newest one descends from, itself included.
    pub fn history(&self) -> usize {
        let log = self.run(&["--json", "log"]).ok().json();
        log["snapshots"].as_array().map_or(0, Vec::len)
    }

    /// What is in the Maildir.
    ///
    /// # Panics
    /// If it can't be read.
    pub fn messages(&self) -> Messages {
        maildir::read(&self.maildir()).expect("a Maildir")
    }

    /// Somebody who works here, with one share of all messages.
    pub fn client(&self, share: (u8, u8), seed: u64) -> MailClient {
        MailClient::new(&self.maildir(), share, seed)
    }

    /// Nothing of ours is left lying about, and the store is sound.
    ///
    /// # Panics
    /// If not.
    pub fn assert_clean(&self) {
        let litter = maildir::in_tmp(&self.maildir()).expect("a Maildir");
        assert!(litter.is_empty(), "{}: left in tmp: {litter:?}", self.name);
        let litter = maildir::store_litter(&self.store()).expect("a store");
        assert!(
            litter.is_empty(),
            "{}: left in the store: {litter:?}",
            self.name
        );
        let applying = self.store().join("applying");
        assert!(!applying.exists(), "{}: half applied", self.name);
        let verified = self.run(&["verify", "--full"]);
        if !verified.stderr.contains("unrecognized subcommand") {
            verified.ok();
        }
    }
}

/// All machines have the same mail and the same newest snapshot.
///
/// # Panics
/// If not.
pub fn assert_in_step(machines: &[&Machine]) {
    for pair in machines.windows(2) {
        maildir::assert_same(&pair[0].maildir(), &pair[1].maildir());
        let (a, b) = (pair[0].tip(), pair[1].tip());
        assert_eq!(a, b, "{} and {}", pair[0].name, pair[1].name);
    }
}

/// A Maildir is as the model says.
///
/// # Panics
/// If not.
pub fn assert_is(machine: &Machine, model: &Messages) {
    let difference = machine.messages().difference(model);
    assert!(
        difference.is_empty(),
        "{} against the model:\n{difference}",
        machine.name
    );
}

/// Syncs each machine in turn, as often as nobody's changes can still be on their way.
pub fn settle(machines: &[&Machine]) {
    for _ in 0..PATIENCE {
        for machine in machines {
            machine.sync();
        }
    }
}

/// A number of rounds: as `variable` says, else `default`.
pub fn rounds(variable: &str, default: usize) -> usize {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A share of `whole`, up to all of it.
pub fn part_of(whole: Duration, random: &mut Random) -> Duration {
    whole.mul_f64(random.below(1_000_001) as f64 / 1e6)
}

/// Runs something and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// Waits until `path` is there.
///
/// # Panics
/// If it doesn't come within half a minute.
pub fn await_file(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that a caller has started. Its number may be another's when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Its number.
    pub pid: u32,
    /// When it was started, in ticks of the system's clock.
    started: u64,
}

impl Caller {
    fn parse(line: &str) -> Option<Self> {
        let (pid, started) = line.split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }

    fn is_alive(self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // A program's name may hold anything; it ends with the last parenthesis.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let started = rest.split_whitespace().nth(19);
        started.and_then(|it| it.parse().ok()) == Some(self.started)
    }
}
