//! Merges two whole states of the model, and says what may be absent from any merge.

use std::collections::BTreeSet;

use mailvc_store::object::ConflictKind;

use super::rows::{merge_message, outlives, vote};
use super::state::State;

/// What had to be decided: where, for which message (none for a folder's own), and how.
pub(super) type Decision = (&'static str, Option<u64>, ConflictKind);

/// Merges two states that came of `base`.
pub(super) fn merge(base: &State, a: &State, b: &State) -> (State, BTreeSet<Decision>) {
    let mut merged = State {
        folders: three_way(&base.folders, &a.folders, &b.folders),
        lines: three_way(&base.lines, &a.lines, &b.lines),
        ..State::default()
    };
    let mut decisions = BTreeSet::new();
    for message in messages([base, a, b]) {
        let [base, a, b] = [base, a, b].map(|state| state.places(message));
        let decided = merge_message(&base, &a, &b);
        let told = decided.conflicts.iter();
        decisions.extend(told.map(|&(folder, kind)| (folder, Some(message), kind)));
        merged.put(message, decided.places);
    }
    for &folder in &merged.folders {
        let deleted = a.folders.contains(folder) != b.folders.contains(folder);
        if base.folders.contains(folder) && deleted {
            decisions.insert((folder, None, ConflictKind::FolderDeletedAndChanged));
        }
    }
    (merged, decisions)
}

/// Whether a message that `merged` lacks may be absent: a side deleted it, and what the other
/// still has is what that side saw, or was only read since. No word here of how the rows go.
pub(super) fn nothing_is_lost([base, a, b]: [&State; 3], merged: &State) -> bool {
    messages([base, a, b]).into_iter().all(|message| {
        let [base, a, b] = [base, a, b].map(|state| state.places(message));
        let left = if a.is_empty() { &b } else { &a };
        let deleted = !base.is_empty() && (a.is_empty() || b.is_empty());
        let as_it_was = left.iter().all(|(folder, held)| {
            let before = base.get(folder);
            before.is_some_and(|before| !outlives(before, held))
        });
        merged.mail.contains_key(&message) || (deleted && as_it_was)
    })
}

fn messages(states: [&State; 3]) -> BTreeSet<u64> {
    let all = states.into_iter();
    all.flat_map(|state| state.mail.keys().copied()).collect()
}

fn three_way(
    base: &BTreeSet<&'static str>,
    a: &BTreeSet<&'static str>,
    b: &BTreeSet<&'static str>,
) -> BTreeSet<&'static str> {
    let stays = |line: &&'static str| {
        let before = Some(base.contains(line));
        vote(before, a.contains(line), b.contains(line), |_, _| true)
    };
    a.union(b).copied().filter(stays).collect()
}
