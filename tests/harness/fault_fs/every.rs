//! A fault at every step, or at some of very many.

use super::{Fault, FaultFs};

/// Lets `fault` strike at the first operation of `act` that it can strike at, then on a new disk at the second,
/// and so on until `act` ends before it strikes; returns how many operations `act` has. Each time
/// the disk is as it would be found after the crash, running again, when `check` gets it, with the
/// operation's number, or `None` after the undisturbed run (whose power is cut too, if the fault
/// cuts it: what was said to be done must be durable).
///
/// # Panics
/// If the disk cannot be rewound.
pub fn at_every_operation<S>(
    fault: Fault,
    prepare: impl Fn(&FaultFs) -> S,
    act: impl Fn(&FaultFs, &mut S),
    check: impl Fn(&FaultFs, &mut S, Option<u64>),
) -> u64 {
    let run = Run {
        fault,
        prepare,
        act,
        check,
    };
    for operation in 1.. {
        if let Some(operations) = run.until(operation) {
            return operations;
        }
    }
    unreachable!("operations are finite")
}

/// As [`at_every_operation`], but after the undisturbed run, which comes first here, at those
/// operations alone that `points` chooses; returns how many that were, and of how many.
///
/// # Panics
/// If the disk cannot be rewound.
pub fn at_chosen_operations<S>(
    (fault, points): (Fault, &Points),
    prepare: impl Fn(&FaultFs) -> S,
    act: impl Fn(&FaultFs, &mut S),
    check: impl Fn(&FaultFs, &mut S, Option<u64>),
) -> (u64, u64) {
    let run = Run {
        fault,
        prepare,
        act,
        check,
    };
    let operations = run.until(u64::MAX).unwrap_or_default();
    let (first, step) = points.of(operations);
    let mut tried = 0;
    // No two runs have quite as many operations: chance decides on a name's length.
    for operation in (first..).step_by(step) {
        if run.until(operation).is_some() {
            break;
        }
        tried += 1;
    }
    (tried, operations)
}

/// Which operations a fault strikes at.
#[derive(Debug, Clone, Copy)]
pub enum Points {
    /// All.
    All,
    /// Every so many-th, so that there are about `at_most`, from one that the seed decides.
    Some {
        /// How many at most, about.
        at_most: u64,
        /// Decides which.
        seed: u64,
    },
}

impl Points {
    /// All if `MAILVC_CRASH` is `all`, else so many; `MAILVC_CRASH_SEED` chooses others.
    pub fn from_environment(at_most: u64) -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        if variable("MAILVC_CRASH") == "all" {
            return Self::All;
        }
        let seed = variable("MAILVC_CRASH_SEED").parse().unwrap_or(1);
        #[allow(clippy::print_stdout)] // a test shows it if it fails
        {
            println!("MAILVC_CRASH_SEED={seed}");
        }
        Self::Some { at_most, seed }
    }

    /// The first, and the distance to the next.
    fn of(&self, operations: u64) -> (u64, usize) {
        match self {
            Self::All => (1, 1),
            Self::Some { at_most, seed } => {
                let step = operations.div_ceil((*at_most).max(1)).max(1);
                (1 + seed % step, usize::try_from(step).unwrap_or(1))
            }
        }
    }
}

struct Run<P, A, C> {
    fault: Fault,
    prepare: P,
    act: A,
    check: C,
}

impl<P, A, C> Run<P, A, C> {
    /// One run on a new disk; gives the number of operations if the fault did not strike.
    fn until<S>(&self, operation: u64) -> Option<u64>
    where
        P: Fn(&FaultFs) -> S,
        A: Fn(&FaultFs, &mut S),
        C: Fn(&FaultFs, &mut S, Option<u64>),
    {
        let disk = FaultFs::new();
        let mut subject = (self.prepare)(&disk);
        disk.state().journal.sync_all();
        disk.arm(operation, self.fault);
        (self.act)(&disk, &mut subject);
        let operations = disk.operations();
        let struck = disk.disarm();
        match self.fault {
            Fault::PowerLoss => disk.power_cut(),
            Fault::Reorder(seed) => disk.reordered_power_cut(seed ^ operation),
            _ => Ok(()),
        }
        .expect("the disk rewound");
        disk.revive();
        (self.check)(&disk, &mut subject, struck.then_some(operation));
        (!struck).then_some(operations)
    }
}
