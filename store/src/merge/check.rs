//! The proof that a merge lost nothing, from its result alone: the rules are not asked again how
//! they came to it. It runs after every merge, not only in tests.

use std::collections::BTreeSet;

use super::MergeError;
use super::entry::outlives_deletion;
use super::places::{Places, Three};
use super::touched::{AllTouched, Moves, Touched, locate};
use crate::object::{EntryKey, FolderMap};
use crate::odb::ObjectRead;

/// Refuses a result in which a message is nowhere though no side deleted it, or though what the
/// other side did to it outlives the deletion.
pub(super) fn nothing_lost(
    odb: &dyn ObjectRead,
    [base, a, b]: [&FolderMap; 3],
    result: &FolderMap,
) -> Result<(), MergeError> {
    let mut suspects = BTreeSet::new();
    for touched in AllTouched::new(odb, [(base, result), (a, result), (b, result)])? {
        let touched = touched?;
        let elsewhere = |moves: &Moves<'_>| moves.values().any(|(_, after)| after.is_some());
        if !touched.steps.iter().any(elsewhere) && !may_be_absent(&as_was(&touched)) {
            suspects.insert(touched.key);
        }
    }
    acquit_those_present(odb, result, &mut suspects)?;
    match suspects.first() {
        None => Ok(()),
        Some(&key) => Err(MergeError::WouldLose { key }),
    }
}

/// A message that the result has nowhere: then every place that it had is among the differences.
fn as_was<'a>(touched: &Touched<'a, 3>) -> Three<'a> {
    let [base, a, b] = [0, 1, 2].map(|step: usize| {
        let places = touched.steps[step].iter();
        let places = places.filter_map(|(&folder, (before, _))| Some((folder, before.clone()?)));
        places.collect::<Places<'_>>()
    });
    Three { base, a, b }
}

/// Whether some side deleted the message, and nothing of it that the deletion did not mean is left
/// on the other.
pub(super) fn may_be_absent(three: &Three<'_>) -> bool {
    let left = match (three.a.is_empty(), three.b.is_empty()) {
        (false, false) => return false,
        (true, _) => &three.b,
        (_, true) => &three.a,
    };
    // Whatever the other side still has must be what the deletion was of.
    left.iter().all(|(folder, entry)| {
        let base = three.base.get(folder);
        base.is_some_and(|base| !outlives_deletion(base, entry))
    })
}

/// Clears those that the result has in a folder that differs from none of the three.
fn acquit_those_present(
    odb: &dyn ObjectRead,
    result: &FolderMap,
    suspects: &mut BTreeSet<EntryKey>,
) -> Result<(), MergeError> {
    let keys: Vec<EntryKey> = suspects.iter().copied().collect();
    if !keys.is_empty() {
        locate(odb, result, &keys, |_, key, _| {
            suspects.remove(&key);
        })?;
    }
    Ok(())
}
