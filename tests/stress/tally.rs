//! What was done, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::commands::{ALL, Done, Verb};

/// How often each command ran and how it ended, and which pairs there were.
#[derive(Default)]
pub(crate) struct Tally {
    runs: BTreeMap<Verb, BTreeMap<i32, u64>>,
    pairs: BTreeSet<[Verb; 2]>,
}

impl Tally {
    /// Counts two commands.
    pub(crate) fn count(&mut self, done: &Done) {
        self.pairs.insert(done.pair);
        for (verb, run) in &done.runs {
            let codes = self.runs.entry(*verb).or_default();
            *codes.entry(run.code.unwrap_or(-1)).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.runs.values().flat_map(BTreeMap::values).sum();
        let pairs = ALL.len() * (ALL.len() + 1) / 2;
        writeln!(f, "{total} commands, {} of {pairs} pairs", self.pairs.len())?;
        for (verb, codes) in &self.runs {
            let total: u64 = codes.values().sum();
            write!(f, "  {verb:?}: {total}")?;
            for (code, count) in codes.iter().filter(|(code, _)| **code != 0) {
                write!(f, ", {count} of them exit {code}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
