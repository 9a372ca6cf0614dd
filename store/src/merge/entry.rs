//! The rules for one message in one folder: pure, and the same whichever side is called `a`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::maildir::{Flags, Standard};
use crate::object::{Copies, Entry, Keyword, MAX_KEYWORDS, MessageCopy};

/// Flags that a message keeps only if all agree. The others, unknown letters too, stick.
const REVOCABLE: [Standard; 2] = [Standard::Draft, Standard::Trashed];

/// Whether a deletion on one side yields to what the other side made of `base`.
///
/// It does not yield to reading (S set, or out of `new`), to marking for the trash (T set), or to
/// another time of the file. It yields to everything else, a flag taken away and a copy more or
/// less among it: what the table of rules does not name must not delete.
pub(super) fn outlives_deletion(base: &Entry, changed: &Entry) -> bool {
    if changed.kept > base.kept || changed.copies.count() != base.copies.count() {
        return true;
    }
    !only_read(&base.copies, &changed.copies)
}

/// What a deletion yields to if it changed.
type Lasting = (Flags, Vec<Keyword>);
/// How many copies are seen, trashed and out of `new`, or not: one count for each set of the three
/// bits, to which a deletion does not yield while they are only set.
type Passing = [u64; 8];

/// Whether all copies can have become what they are by nothing but reading. It cannot be told which
/// became which: that there is a way is enough.
fn only_read(before: &Copies, after: &Copies) -> bool {
    let mut alike: BTreeMap<Lasting, [Passing; 2]> = BTreeMap::new();
    for (time, copies) in [before, after].into_iter().enumerate() {
        for (copy, count) in copies.runs() {
            let (lasting, passing) = take_apart(copy);
            alike.entry(lasting).or_default()[time][passing] += count;
        }
    }
    alike
        .values()
        .all(|[before, after]| can_become(before, after))
}

fn take_apart(copy: &MessageCopy) -> (Lasting, usize) {
    let has = |flag| copy.flags.has(flag);
    let passing = [has(Standard::Seen), has(Standard::Trashed), !copy.recent];
    let passing = passing
        .iter()
        .fold(0, |all, bit| all << 1 | usize::from(*bit));
    let mut lasting = copy.flags.clone();
    lasting.set(Standard::Seen, false);
    lasting.set(Standard::Trashed, false);
    ((lasting, copy.keywords.clone()), passing)
}

/// Whether copies can be paired so that no bit was cleared. By Hall's theorem they can if every
/// set of states that setting bits does not lead out of has not lost any.
fn can_become(before: &Passing, after: &Passing) -> bool {
    let within = |counts: &Passing, set: &u8| -> u64 {
        let counts = counts.iter().enumerate();
        counts
            .map(|(state, count)| if has(*set, state) { *count } else { 0 })
            .sum()
    };
    CLOSED
        .iter()
        .all(|set| within(before, set) <= within(after, set))
}

/// The sets of states that setting bits does not lead out of.
static CLOSED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let leads_out = |set: u8, from: usize| {
        let mut more = (0..8).filter(|to| from & to == from);
        has(set, from) && !more.all(|to| has(set, to))
    };
    let sets = 0..=u8::MAX;
    sets.filter(|&set| !(0..8).any(|from| leads_out(set, from)))
        .collect()
});

fn has(set: u8, state: usize) -> bool {
    set >> state & 1 == 1
}

/// A message in a folder in which both sides have it.
pub(super) fn merge_entry(base: Option<&Entry>, a: &Entry, b: &Entry) -> Entry {
    let kept = base.map(|base| base.kept);
    Entry {
        // A function of the content, so the same on all sides.
        size: a.size.max(b.size),
        copies: all_copies(base, a, b),
        kept: three_way(kept.as_ref(), &a.kept, &b.kept, |a, b| *a.max(b)),
    }
}

/// The copies of both sides, of which one may have brought back what the other removed.
fn all_copies(base: Option<&Entry>, a: &Entry, b: &Entry) -> Copies {
    let before = base.map(|base| &base.copies);
    if let Some((base, back, other)) = brought_back(base, a, b) {
        if back.copies == base.copies && is_part(&other.copies, &base.copies) {
            return base.copies.clone();
        }
        let most = a.copies.count().max(b.copies.count());
        return merge_copies(before, &a.copies, &b.copies, most);
    }
    three_way(before, &a.copies, &b.copies, |a, b| {
        let count = before.map(Copies::count);
        let count = three_way(count.as_ref(), &a.count(), &b.count(), |a, b| *a.max(b));
        merge_copies(before, a, b, count)
    })
}

/// The base, the one side that brought the message back, and the other, if that removed copies of
/// it: those were not seen to be back, so they stay, as a whole message would.
fn brought_back<'a>(
    base: Option<&'a Entry>,
    a: &'a Entry,
    b: &'a Entry,
) -> Option<(&'a Entry, &'a Entry, &'a Entry)> {
    let base = base?;
    let (back, other) = match (a.kept > base.kept, b.kept > base.kept) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return None,
    };
    (other.copies.count() < base.copies.count()).then_some((base, back, other))
}

/// Whether copies are all among others.
fn is_part(part: &Copies, whole: &Copies) -> bool {
    let of = |copy| {
        let run = whole.runs().iter().find(|(known, _)| known == copy);
        run.map_or(0, |(_, count)| *count)
    };
    part.runs().iter().all(|(copy, count)| *count <= of(copy))
}

/// The side that changed, if only one did; what `both` makes of them if both did, or if there is
/// no base to tell.
fn three_way<T: Clone + PartialEq>(
    base: Option<&T>,
    a: &T,
    b: &T,
    both: impl FnOnce(&T, &T) -> T,
) -> T {
    match base {
        _ if a == b => a.clone(),
        Some(base) if a == base => b.clone(),
        Some(base) if b == base => a.clone(),
        _ => both(a, b),
    }
}

/// So many copies that both sides changed: the rules of one copy for all of them, as it cannot be
/// told which became which.
fn merge_copies(base: Option<&Copies>, a: &Copies, b: &Copies, count: u64) -> Copies {
    let copy = merge_copy(base.map(collapse).as_ref(), &collapse(a), &collapse(b));
    let all = std::iter::repeat_n(copy.clone(), count as usize);
    Copies::collect(all).unwrap_or_else(|| Copies::one(copy))
}

/// What the copies of one side say together. A single copy says just what it says.
fn collapse(copies: &Copies) -> MessageCopy {
    let mut runs = copies.runs().iter().map(|(copy, _)| copy);
    let first = runs.next().cloned().unwrap_or_default();
    runs.fold(first, |all, copy| merge_copy(None, &all, copy))
}

/// One copy, bit by bit. Without a base: revocable flags and `new` only if both say so, all else if
/// either does, and the earlier time.
fn merge_copy(base: Option<&MessageCopy>, a: &MessageCopy, b: &MessageCopy) -> MessageCopy {
    let recent = base.map(|base| base.recent);
    let mtime = base.map(|base| base.mtime);
    MessageCopy {
        recent: three_way(recent.as_ref(), &a.recent, &b.recent, |a, b| *a && *b),
        flags: merge_flags(base.map(|base| &base.flags), &a.flags, &b.flags),
        keywords: merge_keywords(base.map(|base| &base.keywords), &a.keywords, &b.keywords),
        mtime: three_way(mtime.as_ref(), &a.mtime, &b.mtime, |a, b| *a.min(b)),
    }
}

fn merge_flags(base: Option<&Flags>, a: &Flags, b: &Flags) -> Flags {
    let both = |letter: &u8| REVOCABLE.iter().any(|flag| flag.letter() == *letter);
    let mut merged = Flags::none();
    merged.set_letters(merge_sets(
        base.map(Flags::letters),
        a.letters(),
        b.letters(),
        both,
    ));
    // Nobody defines what follows the comma: the greater of two wins, and so text over none.
    let tail = |flags: &Flags| flags.tail().to_vec();
    let tail = three_way(base.map(tail).as_ref(), &tail(a), &tail(b), |a, b| {
        a.max(b).clone()
    });
    merged.set_tail(&tail);
    merged
}

/// Keywords one by one. Of more than a copy may have, the first by name remain.
fn merge_keywords(base: Option<&Vec<Keyword>>, a: &[Keyword], b: &[Keyword]) -> Vec<Keyword> {
    let mut merged = merge_sets(base.map(Vec::as_slice), a, b, |_| false);
    merged.truncate(MAX_KEYWORDS as usize);
    merged
}

/// The members of three sets, each by a three-way vote; without a base, those of either side, or
/// for some only what both have. Sorted.
fn merge_sets<T: Ord + Clone>(
    base: Option<&[T]>,
    a: &[T],
    b: &[T],
    only_both: impl Fn(&T) -> bool,
) -> Vec<T> {
    let all: BTreeSet<&T> = a.iter().chain(b).collect();
    let stays = |member: &&T| {
        let before = base.map(|base| base.contains(member));
        let (in_a, in_b) = (a.contains(member), b.contains(member));
        three_way(before.as_ref(), &in_a, &in_b, |_, _| !only_both(member))
    };
    all.into_iter().filter(stays).cloned().collect()
}
