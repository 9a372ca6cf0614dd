//! The commands, and two of them in the same instant.

use std::sync::Barrier;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::Machine;
use mailvc_tests::random::Random;

use crate::scene::{MARK, Scene};

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Snapshot,
    Status,
    Log,
    Fetch,
    Merge,
    Push,
    Sync,
    Verify,
    Gc,
    Tag,
    KeyShow,
    Checkout,
    Restore,
    Undo,
}

use Verb::{
    Checkout, Fetch, Gc, KeyShow, Log, Merge, Push, Restore, Snapshot, Status, Sync, Tag, Undo,
    Verify,
};

/// All of them.
pub(crate) const ALL: [Verb; 14] = [
    Snapshot, Status, Log, Fetch, Merge, Push, Sync, Verify, Gc, Tag, KeyShow, Checkout, Restore,
    Undo,
];

impl Verb {
    /// Whether it takes the Maildir back, wholly or in part.
    pub(crate) fn goes_back(self) -> bool {
        matches!(self, Checkout | Restore | Undo)
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Snapshot => &["snapshot"],
            Status => &["status"],
            Log => &["log"],
            Fetch => &["fetch"],
            Merge => &["merge"],
            Push => &["push"],
            Sync => &["sync"],
            Verify => &["verify"],
            // So short a time that packs do go while others run.
            Gc => &["gc", "--grace", "2"],
            Tag => &["tag", "newest", "--force"],
            KeyShow => &["key", "show"],
            Checkout => &["checkout", MARK],
            Restore => &["restore", "--from", MARK],
            Undo => &["undo"],
        }
    }

    fn may_exit(self, code: Option<i32>) -> bool {
        let calls = matches!(self, Fetch | Push | Sync);
        match code {
            Some(0 | 3 | 6) => true,
            Some(4) => calls,
            _ => false,
        }
    }

    /// Runs it; who is told that messages would leave says yes to their number.
    fn run(self, machine: &Machine) -> Vec<(Self, Run)> {
        let first = machine.run(self.arguments());
        let asked = asked(&first).filter(|_| matches!(self, Checkout | Undo));
        let mut runs = vec![(self, first)];
        if let Some(number) = asked {
            let consent = ["--yes-delete", &number];
            runs.push((self, machine.run(&[self.arguments(), &consent].concat())));
        }
        runs
    }
}

/// The number that the guard asks for.
fn asked(run: &Run) -> Option<String> {
    let said = format!("{}{}", run.stdout, run.stderr);
    let (_, rest) = said.split_once("--yes-delete ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    (run.code == Some(3) && !digits.is_empty()).then(|| digits.to_owned())
}

/// What two commands did that started in the same instant.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) pair: [Verb; 2],
    pub(crate) runs: Vec<(Verb, Run)>,
}

/// Starts two commands in the same instant, each in some store, and waits for both.
///
/// # Panics
/// If one ends otherwise than a command may.
pub(crate) fn together(scene: &Scene, pair: [Verb; 2], random: &mut Random) -> Done {
    let mut some = || &scene.machines[random.below(scene.machines.len() as u64) as usize];
    let at = [some(), some()];
    let start = Barrier::new(2);
    let mut runs = Vec::new();
    std::thread::scope(|scope| {
        let started = [0, 1].map(|n| {
            let (verb, machine, start) = (pair[n], at[n], &start);
            scope.spawn(move || {
                start.wait();
                verb.run(machine)
            })
        });
        for ended in started {
            runs.extend(ended.join().expect("ended"));
        }
    });
    for (verb, run) in &runs {
        assert!(
            verb.may_exit(run.code),
            "{verb:?} of {pair:?} at {} and {}: {:?}\n{}\n{}",
            at[0].name,
            at[1].name,
            run.code,
            run.stdout,
            run.stderr
        );
    }
    Done { pair, runs }
}
