//! The rules for one message over the whole tree: moves, deletions, and that the last copy stays.
//! Pure; every rule of the table is reached from [`merge_places`].

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{merge_entry, outlives_deletion};
use crate::maildir::FolderPath;
use crate::object::{ConflictKind, Entry};

/// Where one message lies in one state: its entry in each folder that has it.
pub(super) type Places<'a> = BTreeMap<&'a FolderPath, Entry>;

/// One message in the base and on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Three<'a> {
    pub(super) base: Places<'a>,
    pub(super) a: Places<'a>,
    pub(super) b: Places<'a>,
}

/// Where a message lies after the merge, and what had to be decided for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decided<'a> {
    pub(super) places: Places<'a>,
    pub(super) conflicts: BTreeSet<(&'a FolderPath, ConflictKind)>,
}

/// Merges one message. The sides are whole: what they do not name, they do not have.
pub(super) fn merge_places<'a>(three: &Three<'a>) -> Decided<'a> {
    if let Some(places) = three.trivial() {
        let places = places.clone();
        return Decided {
            places,
            ..Decided::default()
        };
    }
    let mut decided = Decided::default();
    let aligned = Aligned::follow_moves(three, &mut decided);
    aligned.merge_each_folder(&mut decided);
    aligned.keep_last_copies(&mut decided);
    decided
}

impl<'a> Three<'a> {
    /// The result where at most one side changed, or both did the same.
    pub(super) fn trivial(&self) -> Option<&Places<'a>> {
        if self.a == self.base {
            Some(&self.b)
        } else if self.b == self.base || self.a == self.b {
            Some(&self.a)
        } else {
            None
        }
    }

    /// The folders that have the message in any of the three.
    pub(super) fn folders(&self) -> BTreeSet<&'a FolderPath> {
        let all = [&self.base, &self.a, &self.b];
        all.into_iter()
            .flat_map(|side| side.keys().copied())
            .collect()
    }

    /// Whether a copy went anywhere. If none did, nothing was moved or deleted, and what a folder
    /// holds after the merge depends on that folder alone.
    pub(super) fn removes(&self) -> bool {
        let count = |side: &Places<'_>, folder| {
            let entry = side.get(folder);
            entry.map_or(0, |entry: &Entry| entry.copies.count())
        };
        self.base.iter().any(|(folder, before)| {
            let before = before.copies.count();
            count(&self.a, folder) < before || count(&self.b, folder) < before
        })
    }
}

/// Three states in which a moved message lies in one folder, the one where it is to be: what else
/// the sides did to it can then be merged there.
struct Aligned<'a> {
    three: Three<'a>,
    /// Whether `a`, and `b`, moved it: a change even if the entry is the same.
    moved: [bool; 2],
}

impl<'a> Aligned<'a> {
    /// A move counts where the base and the side have exactly one copy each. The other side then
    /// has its copy follow, unless it has put one into the same folder by itself: that one and the
    /// moved one are then the same message added twice.
    fn follow_moves(three: &Three<'a>, decided: &mut Decided<'a>) -> Self {
        let mut aligned = Self {
            three: three.clone(),
            moved: [false; 2],
        };
        let Some(from) = sole(&three.base) else {
            return aligned;
        };
        let to_a = sole(&three.a).filter(|&to| to != from);
        let to_b = sole(&three.b).filter(|&to| to != from);
        let target = match (to_a, to_b) {
            (Some(a), Some(b)) => Some(preferred(a, b)),
            (Some(to), None) if !three.b.contains_key(to) => Some(to),
            (None, Some(to)) if !three.a.contains_key(to) => Some(to),
            _ => None,
        };
        let Some(target) = target else {
            return aligned;
        };
        if to_a.is_some() && to_b.is_some() && to_a != to_b {
            decided.conflicts.insert((target, ConflictKind::MovedTwice));
        }
        relocate(&mut aligned.three.base, from, target);
        relocate(&mut aligned.three.a, to_a.unwrap_or(from), target);
        relocate(&mut aligned.three.b, to_b.unwrap_or(from), target);
        aligned.moved = [to_a.is_some(), to_b.is_some()];
        aligned
    }

    fn merge_each_folder(&self, decided: &mut Decided<'a>) {
        let Three { base, a, b } = &self.three;
        for folder in self.three.folders() {
            let base = base.get(folder);
            let entry = match (base, a.get(folder), b.get(folder)) {
                (_, Some(a), Some(b)) => Some(merge_entry(base, a, b)),
                (None, a, b) => a.or(b).cloned(),
                (Some(base), Some(left), None) => survivor(base, left, self.moved[0]),
                (Some(base), None, Some(left)) => survivor(base, left, self.moved[1]),
                (Some(_), None, None) => None,
            };
            let one_deleted = base.is_some() && a.contains_key(folder) != b.contains_key(folder);
            if let Some(entry) = entry {
                decided.places.insert(folder, entry);
                if one_deleted {
                    let conflict = (folder, ConflictKind::DeletedAndChanged);
                    decided.conflicts.insert(conflict);
                }
            }
        }
    }

    /// Both sides still hold the content, each in a folder from which the other removed it: neither
    /// wanted the message gone.
    fn keep_last_copies(&self, decided: &mut Decided<'a>) {
        let Three { a, b, .. } = &self.three;
        if !decided.places.is_empty() || a.is_empty() || b.is_empty() {
            return;
        }
        // No folder has it on both sides, else that copy would be there.
        for (folder, entry) in a.iter().chain(b) {
            decided.places.insert(folder, entry.clone());
            decided.conflicts.insert((folder, ConflictKind::LastCopies));
        }
    }
}

/// What is left of a message that the other side deleted.
fn survivor(base: &Entry, left: &Entry, moved: bool) -> Option<Entry> {
    (moved || outlives_deletion(base, left)).then(|| left.clone())
}

/// The one folder that has the message, with one copy.
fn sole<'a>(places: &Places<'a>) -> Option<&'a FolderPath> {
    match places.first_key_value() {
        Some((folder, entry)) if places.len() == 1 && entry.copies.count() == 1 => Some(folder),
        _ => None,
    }
}

fn relocate<'a>(places: &mut Places<'a>, from: &FolderPath, to: &'a FolderPath) {
    if let Some(entry) = places.remove(from) {
        places.insert(to, entry);
    }
}

/// The folder of two to which a message goes: not the trash, then the smaller path.
fn preferred<'a>(a: &'a FolderPath, b: &'a FolderPath) -> &'a FolderPath {
    if (is_trash(a), a) <= (is_trash(b), b) {
        a
    } else {
        b
    }
}

/// Whether a folder is called `Trash`, in any case, or lies under one that is. No setting may have
/// a say in this: all devices must merge alike.
fn is_trash(folder: &FolderPath) -> bool {
    folder
        .components()
        .any(|part| part.eq_ignore_ascii_case(b"trash"))
}
