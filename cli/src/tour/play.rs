//! How the tour is told: steps with their times, commands as they are typed, and what was promised.

use std::io;
use std::process::Child;
use std::time::{Duration, Instant};

use super::machine::{Machine, Run};
use super::messages::{self, Messages};
use crate::output::{count, of};

/// How many lines of what a command says are shown.
const LINES: usize = 32;
/// How many lines of what the second of two equal commands says are shown.
const AGAIN: usize = 2;

/// A step of the tour.
#[derive(Debug)]
pub(crate) struct Step {
    /// What it shows.
    pub(crate) title: String,
    /// How long it took.
    pub(crate) took: Duration,
}

/// The tour, when all of it was as promised.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Its steps.
    pub(crate) steps: Vec<Step>,
    /// How many messages' files there were in the end.
    pub(crate) files: u64,
    /// How many vanished on the way and came back.
    pub(crate) saved: u64,
}

/// Why the tour ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The tour's own work failed.
    #[error("the tour's own work failed: {0}")]
    Io(#[from] io::Error),
    /// The person stopped it.
    #[error("the tour was stopped")]
    Stopped,
    /// There is too little mail to show anything.
    #[error("{0} messages are too few for a tour; it takes 100")]
    TooFew(u64),
    /// A command ended otherwise than it should.
    #[error("`{command}` ended with {} where {promised} was promised", code(*found))]
    Exit {
        /// The command, and on which machine.
        command: String,
        /// The exit code that it should have had.
        promised: i32,
        /// The one that it had.
        found: Option<i32>,
    },
    /// A Maildir does not hold what it should.
    #[error("{what}: {differing} files are not as promised: {examples}")]
    Messages {
        /// Which Maildir.
        what: String,
        /// How many files differ.
        differing: u64,
        /// Some of them.
        examples: String,
    },
}

fn code(found: Option<i32>) -> String {
    found.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}

/// Tells steps as they go on.
pub(super) struct Play<'a> {
    say: &'a dyn Fn(&str),
    stopped: &'a dyn Fn() -> bool,
    steps: Vec<Step>,
}

impl<'a> Play<'a> {
    /// Nothing is told yet. `say` gets lines; `stopped` says whether to go no further.
    pub(super) fn new(say: &'a dyn Fn(&str), stopped: &'a dyn Fn() -> bool) -> Self {
        Self {
            say,
            stopped,
            steps: Vec::new(),
        }
    }

    /// A step from its title to its end.
    pub(super) fn step<T>(
        &mut self,
        title: &str,
        act: impl FnOnce(&Self) -> Result<T, Broken>,
    ) -> Result<T, Broken> {
        if (self.stopped)() {
            return Err(Broken::Stopped);
        }
        self.line("");
        self.line(&format!("{}. {title}", self.steps.len() + 1));
        let start = Instant::now();
        let done = act(self)?;
        self.steps.push(Step {
            title: title.to_owned(),
            took: start.elapsed(),
        });
        Ok(done)
    }

    /// The steps that were told.
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// A line of the story.
    pub(super) fn line(&self, text: &str) {
        (self.say)(text);
    }

    /// A command, what it says, and that it ends as it should.
    pub(super) fn command(
        &self,
        machine: &Machine,
        line: &str,
        promised: i32,
    ) -> Result<(), Broken> {
        let start = Instant::now();
        let run = machine.run(&words(line))?;
        self.shown(machine, line, (&run, start.elapsed()), LINES);
        if (self.stopped)() {
            return Err(Broken::Stopped);
        }
        ended(machine, line, &run, promised)
    }

    /// A command that is started twice in the same instant.
    pub(super) fn twice(&self, machine: &Machine, line: &str, promised: i32) -> Result<(), Broken> {
        let start = Instant::now();
        let (one, other) = (machine.start(&words(line))?, machine.start(&words(line)));
        let wait = |child: Child| -> io::Result<_> {
            let run = Run::from(child.wait_with_output()?);
            Ok((run, start.elapsed()))
        };
        // The second's few lines wait in its pipe while the first is read.
        let runs = [wait(one)?, wait(other?)?];
        for ((run, took), most) in runs.iter().zip([LINES, AGAIN]) {
            self.shown(machine, line, (run, *took), most);
            ended(machine, line, run, promised)?;
        }
        Ok(())
    }

    fn shown(&self, machine: &Machine, line: &str, (run, took): (&Run, Duration), most: usize) {
        let typed = format!("{}$ mailvc {line}", machine.name);
        self.line(&format!("   {typed:<58} {:>6.2} s", took.as_secs_f64()));
        for said in run.said.lines().take(most) {
            self.line(&format!("     {said}"));
        }
        if run.said.lines().count() > most {
            self.line("     …");
        }
    }

    /// That both Maildirs hold what was promised.
    pub(super) fn both_hold(
        &self,
        machines: [&Machine; 2],
        promised: &Messages,
    ) -> Result<(), Broken> {
        for machine in machines {
            holds(machine, promised)?;
        }
        let files = of(promised.files(), "file");
        self.checked(&format!(
            "both Maildirs hold the same {files}: content, folders, flags, times"
        ));
        Ok(())
    }

    /// Something that the tour saw for itself.
    pub(super) fn checked(&self, what: &str) {
        self.line(&format!("   checked: {what}"));
    }
}

/// A command ended as was promised.
fn ended(machine: &Machine, line: &str, run: &Run, promised: i32) -> Result<(), Broken> {
    if run.code == Some(promised) {
        return Ok(());
    }
    Err(Broken::Exit {
        command: format!("{}$ mailvc {line}", machine.name),
        promised,
        found: run.code,
    })
}

/// A Maildir holds what was promised, to the last flag and time.
pub(super) fn holds(machine: &Machine, promised: &Messages) -> Result<(), Broken> {
    let what = format!("the {}'s Maildir", machine.name);
    same(what, &messages::read(&machine.maildir())?, promised)
}

/// What was found is what was promised.
pub(super) fn same(what: String, found: &Messages, promised: &Messages) -> Result<(), Broken> {
    let differing = found.differing(promised);
    if differing == 0 {
        return Ok(());
    }
    let examples = found.examples(promised).join("; ");
    Err(Broken::Messages {
        what,
        differing,
        examples,
    })
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// A number of messages.
pub(super) fn number(messages: u64) -> String {
    count(messages)
}
