//! People and programs at work on a state: everything that the rules speak of, and all of it often.

use mailvc_tests::random::Random;

use super::state::{Copy, Held, Places, State};

const FOLDERS: [&str; 8] = [
    "",
    "a",
    "a/b",
    "Archive",
    "Trash",
    "trash/old",
    "z",
    "z/TRASH",
];
const MARKS: [&str; 10] = ["S", "T", "F", "R", "P", "D", "x", "+k", "+later", "new"];
const TAILS: [&str; 3] = ["", ",p", ",q"];
/// Numbers below this are mail that several devices may get.
const SHARED: u64 = 6;

/// A member of a list.
pub(super) fn one_of<T: Clone>(random: &mut Random, list: &[T]) -> T {
    list[random.below(list.len() as u64) as usize].clone()
}

fn chance(random: &mut Random, one_in: u64) -> bool {
    random.below(one_in) == 0
}

/// A few changes; `older` is a state that something may be brought back from.
pub(super) fn change(random: &mut Random, state: &mut State, older: &State) {
    for _ in 0..=random.below(4) {
        match random.below(12) {
            0 => drop(deliver(random, state)),
            1 => change_folder(random, state),
            2 => subscribe(random, state),
            3 => bring_back(random, state, older),
            _ => change_message(random, state),
        }
    }
}

/// New mail; now and then some that another device gets as well.
pub(super) fn deliver(random: &mut Random, state: &mut State) -> u64 {
    let message = if chance(random, 2) {
        random.below(SHARED)
    } else {
        SHARED + random.below(1 << 32)
    };
    let mut places = state.places(message);
    add_copy(random, &mut places);
    state.put(message, places);
    message
}

fn add_copy(random: &mut Random, places: &mut Places) {
    let folder = one_of(random, &FOLDERS);
    let held = places.remove(folder).unwrap_or_default();
    let mut copies = held.copies;
    copies.push(random_copy(random));
    places.insert(folder, Held::of(copies, held.kept));
}

fn random_copy(random: &mut Random) -> Copy {
    let mut copy = Copy {
        time: random.below(3) as i64 - 1,
        ..Copy::default()
    };
    for _ in 0..random.below(3) {
        change_copy(random, &mut copy);
    }
    copy
}

fn change_copy(random: &mut Random, copy: &mut Copy) {
    match random.below(8) {
        0 => copy.time = random.below(5) as i64 - 2,
        1 => copy.tail = one_of(random, &TAILS),
        // What reading does is what people do most.
        2 => drop(copy.marks.insert("S")),
        3 => drop(copy.marks.remove("new")),
        _ => {
            let mark = one_of(random, &MARKS);
            if !copy.marks.remove(mark) {
                copy.marks.insert(mark);
            }
        }
    }
}

fn change_message(random: &mut Random, state: &mut State) {
    let all: Vec<u64> = state.mail.keys().copied().collect();
    if all.is_empty() {
        deliver(random, state);
        return;
    }
    let message = one_of(random, &all);
    let mut places = state.places(message);
    let here: Vec<&str> = places.keys().copied().collect();
    let folder = one_of(random, &here);
    let mut held = places.remove(folder).unwrap_or_default();
    let at = random.below(held.copies.len() as u64) as usize;
    match random.below(10) {
        0 => places.clear(),
        1 => held.copies.clear(),
        2 => drop(held.copies.remove(at)),
        3 => held.copies.push(held.copies[at].clone()),
        4 | 5 => move_copies(random, &mut places, &mut held),
        6 => add_copy(random, &mut places),
        7 => held
            .copies
            .iter_mut()
            .for_each(|copy| change_copy(random, copy)),
        _ => change_copy(random, &mut held.copies[at]),
    }
    // A copy may have been put there meanwhile.
    let there = places.remove(folder).unwrap_or_default();
    held.copies.extend(there.copies);
    places.insert(folder, Held::of(held.copies, held.kept.max(there.kept)));
    state.put(message, places);
}

/// Moves one copy, or all that the folder has.
fn move_copies(random: &mut Random, places: &mut Places, held: &mut Held) {
    let leaving = if chance(random, 2) {
        held.copies.len()
    } else {
        1
    };
    let to = one_of(random, &FOLDERS);
    let there = places.remove(to).unwrap_or_default();
    let mut copies = there.copies;
    copies.extend(held.copies.drain(..leaving));
    places.insert(to, Held::of(copies, held.kept.max(there.kept)));
}

/// A folder is made, deleted, emptied or renamed.
fn change_folder(random: &mut Random, state: &mut State) {
    let (from, to) = (one_of(random, &FOLDERS), one_of(random, &FOLDERS));
    let what = random.below(4);
    if what == 0 {
        state.folders.insert(to);
        return;
    }
    let messages: Vec<u64> = state.mail.keys().copied().collect();
    for message in messages {
        let mut places = state.places(message);
        if let Some(held) = places.remove(from)
            && what == 3
        {
            let there = places.remove(to).unwrap_or_default();
            let copies = [held.copies, there.copies].concat();
            places.insert(to, Held::of(copies, held.kept.max(there.kept)));
        }
        state.put(message, places);
    }
    if what != 1 && !(what == 3 && from == to) {
        state.folders.remove(from);
    }
}

fn subscribe(random: &mut Random, state: &mut State) {
    let line = one_of(random, &FOLDERS[1..]);
    if !state.lines.remove(line) {
        state.lines.insert(line);
    }
}

/// Restores a message that an older state has, and marks it as brought back.
fn bring_back(random: &mut Random, state: &mut State, older: &State) {
    let all: Vec<u64> = older.mail.keys().copied().collect();
    if all.is_empty() {
        return;
    }
    let message = one_of(random, &all);
    let (mut places, before) = (state.places(message), older.places(message));
    let seen = places.values().chain(before.values());
    let kept = 1 + seen.map(|held| held.kept).max().unwrap_or(0);
    for (&folder, held) in &before {
        let here = places.entry(folder).or_default();
        if here.copies.len() < held.copies.len() {
            here.copies.clone_from(&held.copies);
        }
    }
    for held in places.values_mut() {
        held.kept = kept;
    }
    state.put(message, places);
}
