//! The guard: what counts as leaving, and how much of it is too much.

use super::super::{Leaving, Limits, Reason, Verdict, judge, keep, leaving, merge_maps, withhold};
use super::{Mail, key, load, path, store};
use crate::object::FolderMapId;
use crate::odb::MemoryOdb;

/// `count` messages from number `from` on, all as `text`.
fn many(from: u64, count: u64, text: &str) -> Mail {
    (from..from + count)
        .map(|number| (number, text.to_owned()))
        .collect()
}

fn of(odb: &MemoryOdb, before: &Mail, after: &Mail) -> (Leaving, [FolderMapId; 2]) {
    let ids = [before, after].map(|mail| store(odb, &[], mail));
    (leaving(odb, ids[0], ids[1]).expect("stored"), ids)
}

/// What the guard says if `gone` of `all` messages with this text leave, among `others`.
fn verdict(text: &str, all: u64, gone: u64, others: u64) -> Verdict {
    let odb = MemoryOdb::new();
    let mut before = many(0, all, text);
    before.extend(many(100_000, others, "rest:"));
    let after = before.clone().split_off(&gone);
    judge(&Limits::default(), &of(&odb, &before, &after).0, false)
}

#[test]
fn only_content_that_is_nowhere_any_more_leaves() {
    let odb = MemoryOdb::new();
    let texts = [
        "in:",
        "in:S",
        "in: work:",
        "in: work:",
        "in:T in:T",
        "in:T work:",
    ];
    let before: Mail = (0..).zip(texts.map(str::to_owned)).collect();
    let mut after = before.clone();
    after.insert(0, "work:F".into());
    after.remove(&1);
    after.insert(2, "work:".into());
    after.remove(&3);
    after.remove(&4);
    after.remove(&5);
    let (leaving, _) = of(&odb, &before, &after);
    let mut keys = [1, 3, 4, 5].map(key);
    keys.sort_unstable();
    let found: Vec<_> = leaving.messages.iter().map(|message| message.key).collect();
    assert_eq!(found, keys);
    let of = |number| {
        leaving
            .messages
            .iter()
            .find(|message| message.key == key(number))
    };
    assert_eq!(of(3).expect("leaves").folders, [path("in"), path("work")]);
    let trashed = |number| of(number).expect("leaves").trashed;
    assert_eq!([1, 4, 5].map(trashed), [false, true, false]);
    assert_eq!(of(4).expect("leaves").copies, 2);
    assert_eq!(
        (leaving.total, leaving.folder_totals[&path("work")]),
        (9, 3)
    );
}

#[test]
fn it_takes_more_than_fifty_and_a_large_share() {
    assert_eq!(verdict("in:", 50, 50, 0), Verdict::Pass);
    assert!(matches!(verdict("in:", 51, 51, 0), Verdict::Stop { .. }));
    // One per cent of the tree, and a small folder has no limit of its own.
    assert_eq!(verdict("in:", 100, 60, 6000), Verdict::Pass);
    // Two per cent exactly, and one more.
    assert_eq!(verdict("in:", 5000, 100, 0), Verdict::Pass);
    let reasons = vec![Reason::OfTree {
        leaving: 101,
        total: 5000,
    }];
    assert_eq!(verdict("in:", 5000, 101, 0), Verdict::Stop { reasons });
    // A quarter of a folder with over two hundred.
    let reasons = vec![Reason::OfFolder {
        folder: path("in"),
        leaving: 60,
        total: 208,
    }];
    assert_eq!(verdict("in:", 208, 60, 6000), Verdict::Stop { reasons });
    assert_eq!(verdict("in:", 200, 60, 6000), Verdict::Pass);
    assert_eq!(verdict("in:", 240, 60, 6000), Verdict::Pass);
}

#[test]
fn over_a_thousand_is_too_much_wherever_it_lay() {
    assert_eq!(verdict("Trash:", 2000, 1000, 0), Verdict::Pass);
    let reasons = vec![Reason::Many { leaving: 1001 }];
    let stop = Verdict::Stop { reasons };
    assert_eq!(verdict("Trash:", 2000, 1001, 0), stop);
    assert_eq!(verdict("in:T", 2000, 1001, 0), stop);
}

#[test]
fn the_trash_may_be_emptied() {
    for text in ["in:T", "Trash:", "Junk:S", "Spam/2026:", "Trash: Junk:"] {
        assert_eq!(verdict(text, 1000, 1000, 0), Verdict::Pass, "{text}");
    }
    for text in ["Trashcan:", "in: Trash:", "old/Trash:"] {
        assert_ne!(verdict(text, 300, 300, 0), Verdict::Pass, "{text}");
    }
}

#[test]
fn a_strict_step_may_remove_nothing() {
    let odb = MemoryOdb::new();
    let (one, _) = of(&odb, &many(0, 9, "Trash:T"), &many(0, 8, "Trash:T"));
    assert_eq!(judge(&Limits::default(), &one, false), Verdict::Pass);
    let reasons = vec![Reason::Anything { leaving: 1 }];
    assert_eq!(
        judge(&Limits::default(), &one, true),
        Verdict::Stop { reasons }
    );
    let none = Leaving::default();
    assert_eq!(judge(&Limits::default(), &none, true), Verdict::Pass);
}

#[test]
fn messages_in_the_place_of_others_with_their_message_id_are_counted() {
    let odb = MemoryOdb::new();
    let before = many(0, 100, "in:");
    let mut after = before.clone().split_off(&8);
    after.extend(many(1000, 7, "in:"));
    after.extend(many(1007, 1, "work:"));
    let (mut leaving, _) = of(&odb, &before, &after);
    // Message 1000 has the Message-ID of message 0, and so on.
    let ids = |at: u64| {
        (0..2000)
            .find(|&n| key(n).blob == key(at).blob)
            .map(|n| n % 1000)
    };
    let ids: std::collections::BTreeMap<_, _> = (0..8)
        .chain(1000..1008)
        .map(|at| (key(at).blob, ids(at)))
        .collect();
    leaving.count_replaced(&mut |blob| Some(ids.get(&blob)?.as_ref()?.to_le_bytes().to_vec()));
    assert_eq!(leaving.replaced, 7);
    let reasons = vec![Reason::Replaced { replaced: 7 }];
    assert_eq!(
        judge(&Limits::default(), &leaving, false),
        Verdict::Stop { reasons }
    );
}

#[test]
fn while_deletions_wait_all_else_goes_on() {
    let odb = MemoryOdb::new();
    let before: Mail = [(1, "in:F"), (2, "gone: in:"), (3, "in:")]
        .map(|(at, text)| (at, text.to_owned()))
        .into();
    let after: Mail = [(3, "work:S"), (4, "in:")]
        .map(|(at, text)| (at, text.to_owned()))
        .into();
    let (leaving, [old, new]) = of(&odb, &before, &after);
    let waiting = withhold(&odb, old, new, &leaving).expect("stored");
    let expected: Mail = [(1, "in:F"), (2, "gone: in:"), (3, "work:S"), (4, "in:")]
        .map(|(at, text)| (at, text.to_owned()))
        .into();
    assert_eq!(load(&odb, waiting, 0..9), expected);
}

#[test]
fn copies_that_went_missing_with_what_is_held_wait_too() {
    let odb = MemoryOdb::new();
    let mail = |texts: &[(u64, &str)]| -> Mail {
        let owned = texts.iter().map(|&(at, text)| (at, text.to_owned()));
        owned.collect()
    };
    let before = mail(&[
        (1, "in:"),
        (2, "all: in:F"),
        (3, "in: all:"),
        (4, "all: work:"),
    ]);
    // 2 and 4 lost a copy; 3 was filed elsewhere.
    let after = mail(&[(2, "all:"), (3, "all: work:"), (4, "all:")]);
    let (leaving, [old, new]) = of(&odb, &before, &after);
    assert_eq!(leaving.messages.len(), 1);
    let waiting = withhold(&odb, old, new, &leaving).expect("stored");
    let expected = mail(&[
        (1, "in:"),
        (2, "all: in:F"),
        (3, "all: work:"),
        (4, "all: work:"),
    ]);
    assert_eq!(load(&odb, waiting, 0..9), expected);
}

#[test]
fn what_was_brought_back_outlives_a_deletion_made_before() {
    let odb = MemoryOdb::new();
    let base = store(&odb, &[], &many(0, 3, "in:!4"));
    let deleted = store(&odb, &["in"], &Mail::new());
    let restored = store(&odb, &[], &many(0, 3, "in:"));
    let kept = keep(&odb, restored, &[key(0), key(1), key(77)], &[base]).expect("stored");
    let merged = merge_maps(&odb, Some(base), deleted, kept).expect("merges");
    let expected: Mail = many(0, 2, "in:!5");
    assert_eq!(load(&odb, merged.folders, 0..9), expected);
}

#[test]
fn copies_lost_with_a_mass_of_messages_wait_with_them_and_moved_ones_are_not_doubled() {
    let odb = MemoryOdb::new();
    let with = |rest: [&str; 4]| -> Mail {
        let mut mail = many(0, 100, "in:");
        mail.extend((200..).zip(rest.map(str::to_owned)));
        mail
    };
    // One copy of two is lost; one of two moved; the only one moved; one of three is lost while
    // another moved.
    let before = with(["in:S work:", "in: work:F", "in:", "in: in:F work:S"]);
    let after = with(["work:", "Archive: work:F", "work:", "Archive:F work:S"]).split_off(&100);
    let (leaving, [old, new]) = of(&odb, &before, &after);
    let mut thinned = [200, 203].map(key);
    thinned.sort_unstable();
    assert_eq!(leaving.messages.len(), 100, "thinned ones need no yes");
    assert_eq!(leaving.thinned, thinned);
    let stop = judge(&Limits::default(), &leaving, false);
    assert!(matches!(stop, Verdict::Stop { .. }));
    let waiting = withhold(&odb, old, new, &leaving).expect("stored");
    let expected = with([
        "in:S work:",
        "Archive: work:F",
        "work:",
        "Archive:F in: work:S",
    ]);
    assert_eq!(load(&odb, waiting, 0..300), expected);
}
