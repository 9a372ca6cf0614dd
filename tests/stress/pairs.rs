//! Which two commands come next: every pair comes to pass before any comes again.

use std::collections::BTreeSet;

use mailvc_tests::random::Random;

use crate::commands::{ALL, Verb};

/// What may happen for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody goes back.
    Plain,
    /// In each pair somebody goes back.
    GoingBack,
}

/// The pairs of commands.
pub(crate) struct Pairs {
    waiting: [Vec<[Verb; 2]>; 2],
    seen: BTreeSet<[Verb; 2]>,
}

fn all_of(phase: Phase) -> Vec<[Verb; 2]> {
    let pairs = ALL
        .iter()
        .flat_map(|&a| ALL.iter().map(move |&b| [a, b]))
        .filter(|[a, b]| a <= b);
    let back = |[a, b]: &[Verb; 2]| a.goes_back() || b.goes_back();
    pairs
        .filter(|pair| back(pair) == (phase == Phase::GoingBack))
        .collect()
}

impl Pairs {
    /// All are still to come.
    pub(crate) fn new() -> Self {
        Self {
            waiting: [Vec::new(), Vec::new()],
            seen: BTreeSet::new(),
        }
    }

    /// The next one of a phase.
    pub(crate) fn next(&mut self, phase: Phase, random: &mut Random) -> [Verb; 2] {
        let waiting = &mut self.waiting[usize::from(phase == Phase::GoingBack)];
        if waiting.is_empty() {
            *waiting = all_of(phase);
        }
        let pair = waiting.swap_remove(random.below(waiting.len() as u64) as usize);
        self.seen.insert(pair);
        pair
    }

    /// Those that have not come.
    pub(crate) fn missed(&self) -> Vec<[Verb; 2]> {
        let all = [Phase::Plain, Phase::GoingBack]
            .into_iter()
            .flat_map(all_of);
        all.filter(|pair| !self.seen.contains(pair)).collect()
    }
}
