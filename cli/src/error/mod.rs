//! What went wrong, for people: what happened, what it means for the mail, what to do next.

mod remote;
mod store;

use std::fmt::Write as _;
use std::io::{self, ErrorKind};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// Something was not.
    Problem(Problem),
}

/// Why something was not done. The number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Problem {
    /// It failed.
    Error = 1,
    /// It was asked for in a way that cannot be understood.
    Usage = 2,
    /// The guard holds something back.
    Guard = 3,
    /// The peer or the network; later it may go.
    Network = 4,
    /// Something that is stored is damaged.
    Damage = 5,
    /// Another command is at work.
    Busy = 6,
}

impl Problem {
    /// The word for it, as JSON has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Usage => "usage",
            Self::Guard => "guard",
            Self::Network => "network",
            Self::Damage => "damage",
            Self::Busy => "busy",
        }
    }

    /// How bad it is, beside others in one run.
    fn weight(self) -> u8 {
        match self {
            Self::Damage => 6,
            Self::Guard => 5,
            Self::Error => 4,
            Self::Usage => 3,
            Self::Network => 2,
            Self::Busy => 1,
        }
    }
}

impl Exit {
    /// The exit code.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Problem(problem) => problem as u8,
        }
    }

    /// The worse of two.
    pub(crate) fn worst(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Done => 0,
            Self::Problem(problem) => problem.weight(),
        };
        if weight(other) > weight(self) {
            other
        } else {
            self
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which kind of problem.
    pub(crate) problem: Problem,
    /// What happened.
    pub(crate) what: String,
    /// What it means for the mail; empty where nothing was to change.
    pub(crate) meaning: String,
    /// What to do next; empty where that is plain.
    pub(crate) next: String,
}

impl Failure {
    /// Something happened that has no meaning for the mail.
    pub(crate) fn new(problem: Problem, what: impl Into<String>) -> Self {
        Self {
            problem,
            what: what.into(),
            meaning: String::new(),
            next: String::new(),
        }
    }

    /// A command line that says what cannot be.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Problem::Usage, what)
    }

    /// With what it means for the mail.
    pub(crate) fn meaning(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = meaning.into();
        self
    }

    /// With what to do next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

/// An error with all that lies beneath it, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {said}");
        }
        source = inner.source();
    }
    text
}

/// What to do about what the system refused; empty where that is not known.
pub(crate) fn advice(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    "make room on that disk, then run it again"
                }
                ErrorKind::PermissionDenied => {
                    "run it as the user whose it is, or let this user read and write there"
                }
                ErrorKind::ReadOnlyFilesystem => {
                    "that disk can only be read: mount it for writing, then run it again"
                }
                _ => "",
            };
        }
        next = error.source();
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_two_ends_wins() {
        let order = [
            Problem::Damage,
            Problem::Guard,
            Problem::Error,
            Problem::Network,
            Problem::Busy,
        ];
        for (at, worse) in order.into_iter().enumerate() {
            for better in &order[at..] {
                let (worse, better) = (Exit::Problem(worse), Exit::Problem(*better));
                assert_eq!(worse.worst(better), worse);
                assert_eq!(better.worst(worse), worse);
            }
            assert_eq!(Exit::Done.worst(Exit::Problem(worse)), Exit::Problem(worse));
        }
    }
}
