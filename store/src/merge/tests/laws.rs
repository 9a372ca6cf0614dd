//! Laws that hold for every merge, over random histories of one message and of whole states.

use super::super::map::merge_over;
use super::super::{MergeError, check, merge_maps};
use super::{
    Mail, Owned, Places, Random, Three, borrowed, load, merge_places, parse, print, store,
};
use crate::graph;
use crate::odb::MemoryOdb;

const FOLDERS: [&str; 4] = ["a", "b", "c", "Trash"];

fn random_copy(random: &mut Random) -> String {
    let folder = FOLDERS[random.below(4) as usize];
    let flags = ["", "S", "F", "T", "n", "DS", "FST"][random.below(7) as usize];
    let time = random.below(3);
    let keyword = ["", "+k", "+l"][random.below(3) as usize];
    let kept = ["", "", "", "!1"][random.below(4) as usize];
    format!("{folder}:{flags}@{time}{keyword}{kept}")
}

fn random_places(random: &mut Random) -> String {
    let copies = [0, 1, 1, 1, 2, 3][random.below(6) as usize];
    let copies: Vec<String> = (0..copies).map(|_| random_copy(random)).collect();
    copies.join(" ")
}

/// What one device may make of a message, often nothing.
fn random_change(random: &mut Random, before: &str) -> String {
    let mut copies: Vec<String> = before.split_whitespace().map(str::to_owned).collect();
    for _ in 0..random.below(3) {
        let at = random.below(copies.len().max(1) as u64) as usize;
        match random.below(4) {
            0 if !copies.is_empty() => drop(copies.remove(at)),
            1 => copies.push(random_copy(random)),
            2 if !copies.is_empty() => copies[at] = copies[at].replacen(':', ":S", 1),
            3 if !copies.is_empty() => {
                let (_, rest) = copies[at].split_once(':').expect("a copy");
                copies[at] = format!("{}:{rest}", FOLDERS[random.below(4) as usize]);
            }
            _ => {}
        }
    }
    // One canonical spelling: equal states are equal texts.
    print(&parse(&copies.join(" ")))
}

fn decide<'a>(base: &Places<'a>, a: &Places<'a>, b: &Places<'a>) -> Places<'a> {
    let three = |a: &Places<'a>, b: &Places<'a>| Three {
        base: base.clone(),
        a: a.clone(),
        b: b.clone(),
    };
    let decided = merge_places(&three(a, b));
    assert_eq!(decided, merge_places(&three(b, a)), "commutative");
    decided.places
}

#[test]
fn the_merge_of_one_message_obeys_the_laws() {
    let mut random = Random(1);
    for _ in 0..10_000 {
        let base = random_places(&mut random);
        let texts = [
            base.clone(),
            random_change(&mut random, &base),
            random_change(&mut random, &base),
        ];
        let owned: [Owned; 3] = texts.clone().map(|text| parse(&text));
        let [base, a, b] = [0, 1, 2].map(|at: usize| borrowed(&owned[at]));
        let merged = decide(&base, &a, &b);
        assert_eq!(decide(&base, &a, &a), a, "idempotent");
        assert_eq!(decide(&base, &a, &base), a, "the base changes nothing");
        assert_eq!(
            decide(&a, &merged, &a),
            merged,
            "a second merge changes nothing"
        );
        if !a.is_empty() && !b.is_empty() {
            assert!(!merged.is_empty(), "both have it: {texts:?}");
        }
        if merged.is_empty() {
            let three = Three { base, a, b };
            assert!(
                check::may_be_absent(&three),
                "no rule lets it go: {texts:?}"
            );
        }
    }
}

fn random_mail(random: &mut Random, messages: u64) -> Mail {
    let all = (0..messages).map(|number| (number, print(&parse(&random_places(random)))));
    all.filter(|(_, text)| !text.is_empty()).collect()
}

fn changed_mail(random: &mut Random, before: &Mail, messages: u64) -> Mail {
    let mut after = before.clone();
    for _ in 0..messages / 3 {
        let number = random.below(messages);
        let text = before.get(&number).cloned().unwrap_or_default();
        after.insert(number, random_change(random, &text));
    }
    after.retain(|_, text| !text.is_empty());
    after
}

#[test]
fn the_merge_of_states_is_that_of_their_messages() {
    let mut random = Random(2);
    let odb = MemoryOdb::new();
    for messages in [0, 1, 5, 40, 300] {
        for _ in 0..4 {
            let base = random_mail(&mut random, messages);
            let a = changed_mail(&mut random, &base, messages);
            let b = changed_mail(&mut random, &base, messages);
            let ids = [&base, &a, &b].map(|mail| store(&odb, &FOLDERS, mail));
            let merged = merge_maps(&odb, Some(ids[0]), ids[1], ids[2]).expect("merges");
            let swapped = merge_maps(&odb, Some(ids[0]), ids[2], ids[1]).expect("merges");
            assert_eq!(merged, swapped);
            let empty = String::new();
            let mut expected = Mail::new();
            for number in 0..messages {
                let owned = [&base, &a, &b].map(|mail| parse(mail.get(&number).unwrap_or(&empty)));
                let [base, a, b] = [0, 1, 2].map(|at: usize| borrowed(&owned[at]));
                let places = decide(&base, &a, &b);
                if !places.is_empty() {
                    let places = places.iter().map(|(&path, entry)| (path, entry));
                    expected.insert(number, print(places));
                }
            }
            assert_eq!(load(&odb, merged.folders, 0..messages), expected);
            assert_eq!(
                store(&odb, &FOLDERS, &expected),
                merged.folders,
                "canonical"
            );
            let again = merge_over(&odb, &odb, Some(ids[1]), [merged.folders, ids[1]]);
            assert_eq!(again.expect("merges").folders, merged.folders);
        }
    }
}

#[test]
fn a_result_that_lacks_a_message_is_refused() {
    let odb = MemoryOdb::new();
    let map = |mail: &[(u64, &str)]| {
        let mail = mail.iter().map(|&(number, text)| (number, text.to_owned()));
        let id = store(&odb, &["a", "b"], &mail.collect());
        graph::load_map(&odb, id).expect("stored")
    };
    let base = map(&[(1, "a:"), (2, "a: b:"), (3, "a:")]);
    let refused = |a: &[(u64, &str)], b: &[(u64, &str)], result: &[(u64, &str)]| {
        let sides = [&base, &map(a), &map(b)];
        let checked = check::nothing_lost(&odb, sides, &map(result));
        matches!(checked, Err(MergeError::WouldLose { .. }))
    };
    let all = [(1, "a:"), (2, "a: b:"), (3, "a:")];
    let without_1 = [(2, "a: b:"), (3, "a:")];
    // Deleted by a side.
    assert!(!refused(&without_1, &all, &without_1));
    assert!(!refused(
        &without_1,
        &[(1, "a:S"), all[1], all[2]],
        &without_1
    ));
    // By neither; or the other side did something to it; or it was not there to be deleted.
    assert!(refused(&all, &all, &without_1));
    assert!(refused(
        &without_1,
        &[(1, "a:F"), all[1], all[2]],
        &without_1
    ));
    assert!(refused(
        &without_1,
        &[(1, "b:"), all[1], all[2]],
        &without_1
    ));
    assert!(refused(&[all[0], all[1], all[2], (4, "b:")], &all, &all));
    // Each deleted another copy; one copy is left where nobody touched it.
    let each = [(1, "a:"), (2, "a:"), (3, "a:")];
    let other = [(1, "a:"), (2, "b:"), (3, "a:")];
    assert!(refused(&each, &other, &[(1, "a:"), (3, "a:")]));
    assert!(!refused(&each, &all, &each));
}
