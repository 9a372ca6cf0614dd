//! The table, row by row, for one message. Every pair of copies is tried and every bit is voted on
//! by itself: slow, so that it can be read beside the table.

use std::collections::BTreeSet;

use mailvc_store::object::ConflictKind;

use super::state::{Copy, Held, Places};

/// What a message came to, and what had to be decided for it, by folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decided {
    pub(super) places: Places,
    pub(super) conflicts: BTreeSet<(&'static str, ConflictKind)>,
}

/// Marks that a message without a base, or with several copies, has only if all have them.
const ALL_MUST_AGREE: [&str; 3] = ["D", "T", "new"];

/// Merges one message over all folders.
pub(super) fn merge_message(base: &Places, a: &Places, b: &Places) -> Decided {
    let mut decided = Decided::default();
    if a == b || base == b || base == a {
        let changed = if base == a { b } else { a };
        decided.places = changed.clone();
        return decided;
    }
    let moves = [destination(base, a), destination(base, b)];
    let sides = follow(base, [a, b], moves, &mut decided);
    for folder in all_folders(&sides) {
        merge_folder(folder, &sides, moves.map(|to| to.is_some()), &mut decided);
    }
    if decided.places.is_empty() && !a.is_empty() && !b.is_empty() {
        for (&folder, held) in a.iter().chain(b) {
            decided.places.insert(folder, held.clone());
            let conflict = (folder, ConflictKind::LastCopies);
            decided.conflicts.insert(conflict);
        }
    }
    decided
}

/// Whether a message that was deleted on one side stays for what became of it on the other.
pub(super) fn outlives(base: &Held, now: &Held) -> bool {
    now.kept > base.kept || !only_read(&base.copies, &now.copies)
}

/// Whether each copy can have become another of those there are now by nothing but reading.
fn only_read(before: &[Copy], after: &[Copy]) -> bool {
    let Some((first, rest)) = before.split_first() else {
        return after.is_empty();
    };
    (0..after.len()).any(|at| {
        let mut others = after.to_vec();
        let partner = others.remove(at);
        was_read(first, &partner) && only_read(rest, &others)
    })
}

fn was_read(before: &Copy, after: &Copy) -> bool {
    let mut set = after.marks.difference(&before.marks);
    let mut cleared = before.marks.difference(&after.marks);
    before.tail == after.tail
        && set.all(|&mark| mark == "S" || mark == "T")
        && cleared.all(|&mark| mark == "new")
}

/// The folder that has the message's only copy.
fn home(places: &Places) -> Option<&'static str> {
    let copies: usize = places.values().map(|held| held.copies.len()).sum();
    let folder = places.keys().next().copied();
    folder.filter(|_| copies == 1)
}

/// Where a side moved the message to, if that is what it did.
fn destination(base: &Places, side: &Places) -> Option<&'static str> {
    let from = home(base)?;
    home(side).filter(|&to| to != from)
}

/// The base and both sides as if all had the message where it was moved to, if it was moved.
fn follow(
    base: &Places,
    [a, b]: [&Places; 2],
    moves: [Option<&'static str>; 2],
    decided: &mut Decided,
) -> [Places; 3] {
    let as_they_are = [base.clone(), a.clone(), b.clone()];
    let Some(from) = home(base) else {
        return as_they_are;
    };
    let target = match moves {
        [None, None] => return as_they_are,
        [Some(to), None] if b.contains_key(to) => return as_they_are,
        [None, Some(to)] if a.contains_key(to) => return as_they_are,
        [Some(to), None] | [None, Some(to)] => to,
        [Some(a), Some(b)] => {
            let first = if preference(a) <= preference(b) { a } else { b };
            if a != b {
                let conflict = (first, ConflictKind::MovedTwice);
                decided.conflicts.insert(conflict);
            }
            first
        }
    };
    let left = [None, moves[0], moves[1]].map(|to| to.unwrap_or(from));
    let mut followed = as_they_are;
    for (places, left) in followed.iter_mut().zip(left) {
        if let Some(held) = places.remove(left) {
            places.insert(target, held);
        }
    }
    followed
}

/// Not in the trash before in the trash, then the smaller path.
fn preference(folder: &str) -> (bool, &[u8]) {
    let mut parts = folder.split('/');
    let trash = parts.any(|part| part.eq_ignore_ascii_case("trash"));
    (trash, folder.as_bytes())
}

fn all_folders(sides: &[Places; 3]) -> BTreeSet<&'static str> {
    sides
        .iter()
        .flat_map(|places| places.keys().copied())
        .collect()
}

fn merge_folder(
    folder: &'static str,
    sides: &[Places; 3],
    moved: [bool; 2],
    decided: &mut Decided,
) {
    let [base, a, b] = [0, 1, 2].map(|side: usize| sides[side].get(folder));
    let held = match (base, a, b) {
        (_, Some(a), Some(b)) => Some(merge_held(base, a, b)),
        (_, None, None) => None,
        (None, Some(added), None) | (None, None, Some(added)) => Some(added.clone()),
        (Some(base), Some(left), None) | (Some(base), None, Some(left)) => {
            let moved = if a.is_some() { moved[0] } else { moved[1] };
            let stays = moved || outlives(base, left);
            if stays {
                let conflict = (folder, ConflictKind::DeletedAndChanged);
                decided.conflicts.insert(conflict);
            }
            stays.then(|| left.clone())
        }
    };
    if let Some(held) = held {
        decided.places.insert(folder, held);
    }
}

/// Both sides have the message in this folder.
fn merge_held(base: Option<&Held>, a: &Held, b: &Held) -> Held {
    let kept = base.map(|base| base.kept);
    Held {
        kept: vote(kept, a.kept, b.kept, u64::max),
        copies: merge_lists(base, a, b),
    }
}

fn merge_lists(base: Option<&Held>, a: &Held, b: &Held) -> Vec<Copy> {
    let list = base.map(|base| &base.copies);
    let mut many = vote(
        list.map(Vec::len),
        a.copies.len(),
        b.copies.len(),
        usize::max,
    );
    if let Some((base, back, other)) = brought_back(base, a, b) {
        // The removed copies are back. Was that all that happened to them, they are as they were.
        if back.copies == base.copies && is_part(&other.copies, &base.copies) {
            return base.copies.clone();
        }
        many = a.copies.len().max(b.copies.len());
    } else if a.copies == b.copies || list == Some(&b.copies) {
        return a.copies.clone();
    } else if list == Some(&a.copies) {
        return b.copies.clone();
    }
    let before = list.map(|copies| collapse(copies));
    vec![merge_copies(before.as_ref(), &collapse(&a.copies), &collapse(&b.copies)); many]
}

/// The base, the side that alone raised `kept`, and the other, which has fewer copies than there
/// were: a removal that did not know of it.
fn brought_back<'a>(
    base: Option<&'a Held>,
    a: &'a Held,
    b: &'a Held,
) -> Option<(&'a Held, &'a Held, &'a Held)> {
    let base = base?;
    let (back, other) = match (a.kept > base.kept, b.kept > base.kept) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return None,
    };
    (other.copies.len() < base.copies.len()).then_some((base, back, other))
}

fn is_part(part: &[Copy], whole: &[Copy]) -> bool {
    let mut left = whole.to_vec();
    part.iter().all(|copy| {
        let at = left.iter().position(|one| one == copy);
        at.is_some_and(|at| *copy == left.remove(at))
    })
}

/// What copies say together.
fn collapse(copies: &[Copy]) -> Copy {
    let marks: BTreeSet<_> = copies.iter().flat_map(|copy| copy.marks.clone()).collect();
    let all_have = |mark: &str| copies.iter().all(|copy| copy.marks.contains(mark));
    let stays = |mark: &&'static str| !ALL_MUST_AGREE.contains(mark) || all_have(mark);
    Copy {
        marks: marks.into_iter().filter(stays).collect(),
        tail: copies.iter().map(|copy| copy.tail).max().unwrap_or(""),
        time: copies.iter().map(|copy| copy.time).min().unwrap_or(0),
    }
}

/// Bit by bit.
fn merge_copies(base: Option<&Copy>, a: &Copy, b: &Copy) -> Copy {
    let stays = |mark: &&'static str| {
        let before = base.map(|base| base.marks.contains(mark));
        let must_agree = ALL_MUST_AGREE.contains(mark);
        vote(
            before,
            a.marks.contains(mark),
            b.marks.contains(mark),
            |a, b| {
                if must_agree { a && b } else { a || b }
            },
        )
    };
    Copy {
        marks: a.marks.union(&b.marks).copied().filter(stays).collect(),
        tail: vote(base.map(|base| base.tail), a.tail, b.tail, Ord::max),
        time: vote(base.map(|base| base.time), a.time, b.time, i64::min),
    }
}

/// The value of the side that changed it; what `both` says if both did, or nobody can tell.
pub(super) fn vote<T: PartialEq>(base: Option<T>, a: T, b: T, both: impl Fn(T, T) -> T) -> T {
    match base {
        _ if a == b => a,
        Some(base) if base == b => a,
        Some(base) if base == a => b,
        _ => both(a, b),
    }
}
