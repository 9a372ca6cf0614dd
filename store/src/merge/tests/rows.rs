//! One test for each row of the table of rules, and for each case that its words leave open.

use super::{ConflictKind, merge, quietly};
use ConflictKind::{DeletedAndChanged, LastCopies, MovedTwice};

#[test]
fn unchanged_and_deleted_is_deleted() {
    assert_eq!(quietly("in:S", "in:S", ""), "");
    assert_eq!(quietly("in:S work:F", "in:S work:F", "work:F"), "work:F");
}

#[test]
fn reading_or_trashing_does_not_bring_back_what_was_deleted_elsewhere() {
    assert_eq!(quietly("in:", "", "in:S"), "");
    assert_eq!(quietly("in:", "", "in:T"), "");
    assert_eq!(quietly("in:n", "", "in:"), "");
    assert_eq!(quietly("in:n", "", "in:ST"), "");
    assert_eq!(quietly("in:F@1", "", "in:FS@2"), "");
    assert_eq!(quietly("in:n in:F", "", "in:S in:FT"), "");
    assert_eq!(quietly("in:n work:", "", "in:S work:T"), "");
}

#[test]
fn several_copies_were_only_read_if_there_is_a_way_that_they_were() {
    assert_eq!(quietly("in: in:T", "", "in:S in:T"), "");
    assert_eq!(quietly("in:T in:S", "", "in:ST in:S"), "");
    assert_eq!(quietly("in:n in:F in:", "", "in:S in:F in:S"), "");
    let kept = |base: &str, changed: &str| {
        let reported = (changed.to_owned(), vec![DeletedAndChanged]);
        assert_eq!(merge(base, "", changed), reported, "{base} to {changed}");
    };
    kept("in:S in:T", "in: in:ST");
    kept("in: in:T", "in: in:S");
    kept("in: in:F", "in:S in:S");
}

#[test]
fn what_was_changed_on_purpose_outlives_a_deletion() {
    let kept = |base: &str, changed: &str| {
        assert_eq!(
            merge(base, "", changed),
            (changed.to_owned(), vec![DeletedAndChanged]),
            "{base} to {changed}"
        );
    };
    for changed in [
        "in:F",
        "in:R",
        "in:P",
        "in:D",
        "in:x",
        "in:+later",
        "in:!1",
        "in:S,y",
    ] {
        kept("in:", changed);
    }
    // Taken away is changed, too; and so is marked unread, taken out of the trash, more or fewer.
    kept("in:F", "in:");
    kept("in:S", "in:");
    kept("in:T", "in:");
    kept("in:", "in:n");
    kept("in:", "in: in:");
    kept("in: in: in:", "in: in:");
    kept("in: in:F", "in:F in:F");
    kept("in:!1", "in:!2");
}

#[test]
fn copies_that_were_brought_back_outlive_their_removal() {
    assert_eq!(
        quietly("in:S in:F", "in:F", "in:S!1 in:F!1"),
        "in:F!1 in:S!1"
    );
    assert_eq!(quietly("in: in:", "in:F", "in:!1 in:!1"), "in:F!1 in:F!1");
    assert_eq!(quietly("in: in:", "in:", "in: in:"), "in:");
}

#[test]
fn a_message_that_was_moved_outlives_a_deletion() {
    let reported = |result: &str| (result.to_owned(), vec![DeletedAndChanged]);
    assert_eq!(merge("in:", "work:", ""), reported("work:"));
    assert_eq!(merge("in:", "Trash:S", ""), reported("Trash:S"));
    assert_eq!(
        merge("in:", "work: home:", ""),
        ("home: work:".into(), vec![])
    );
}

#[test]
fn a_lower_kept_is_no_reason_to_keep() {
    assert_eq!(quietly("in:!2", "", "in:!1"), "");
}

#[test]
fn flags_of_one_copy_merge_bit_by_bit() {
    assert_eq!(quietly("in:F", "in:FS", "in:R"), "in:RS");
    assert_eq!(quietly("in:ST", "in:FST", "in:"), "in:F");
    assert_eq!(quietly("in:D", "in:", "in:DS"), "in:S");
    assert_eq!(quietly("in:x", "in:xy", "in:z"), "in:yz");
    assert_eq!(quietly("in:+a", "in:F+a", "in:+b"), "in:F+b");
    assert_eq!(quietly("in:S,p", "in:FS,p", "in:S,q"), "in:FS,q");
    assert_eq!(quietly("in:,p", "in:,q", "in:,r"), "in:,r");
}

#[test]
fn flags_of_several_copies_merge_as_one_copy_and_go_to_all() {
    assert_eq!(quietly("in: in:", "in: in:S", "in:F in:F"), "in:FS in:FS");
    // Trashed, and in new, only if all copies are.
    assert_eq!(quietly("in: in:", "in:S in:T", "in: in:F"), "in:FS in:FS");
    assert_eq!(
        quietly("in: in:", "in:ST in:T", "in: in:F"),
        "in:FST in:FST"
    );
    assert_eq!(quietly("in:n in:n", "in:Fn in:n", "in: in:n"), "in:F in:F");
}

#[test]
fn the_copies_of_the_one_side_that_changed_are_taken_exactly() {
    assert_eq!(quietly("in: in:F", "in: in:F", "in:S in:T"), "in:S in:T");
    assert_eq!(
        quietly("in: in:F", "in: in:F!1", "in:S in:T"),
        "in:S!1 in:T!1"
    );
}

#[test]
fn a_moved_message_takes_flags_along() {
    assert_eq!(quietly("in:", "work:", "in:S"), "work:S");
    assert_eq!(quietly("in:n", "work:F", "in:S"), "work:FS");
    assert_eq!(quietly("in:@5", "work:@5", "in:@4"), "work:@4");
    assert_eq!(quietly("in:", "work:", "work:R"), "work:R");
}

#[test]
fn a_message_moved_twice_is_in_one_folder_and_rather_not_in_the_trash() {
    let reported = |result: &str| (result.to_owned(), vec![MovedTwice]);
    assert_eq!(merge("in:", "work:F", "home:S"), reported("home:FS"));
    assert_eq!(merge("in:", "work:", "Trash:T"), reported("work:T"));
    assert_eq!(merge("in:", "work:", "old/TRASH/may:"), reported("work:"));
    assert_eq!(merge("in:", "Trash/b:", "Trash/a:"), reported("Trash/a:"));
}

#[test]
fn a_move_and_another_copy_are_both_carried_out() {
    assert_eq!(quietly("in:", "work:", "in: home:"), "home: work:");
    assert_eq!(quietly("in:", "work:", "in:F home:"), "home: work:F");
    assert_eq!(quietly("in:", "work:", "in: in:"), "work: work:");
    // The other side copied it to where it was moved: one message, not two.
    assert_eq!(quietly("in:", "work:", "in: work:"), "work:");
}

#[test]
fn a_message_that_had_two_copies_is_not_followed_but_never_lost() {
    assert_eq!(quietly("in: old:", "work: old:", "in:S old:"), "old: work:");
    assert_eq!(
        merge("in: old:", "work: old:", "in:F old:"),
        ("in:F old: work:".into(), vec![DeletedAndChanged])
    );
    assert_eq!(
        quietly("in: old:", "work: old:", "home: old:"),
        "home: old: work:"
    );
    assert_eq!(
        merge("in:", "work:", "home: far:"),
        ("far: home: work:".into(), vec![DeletedAndChanged])
    );
}

#[test]
fn the_number_of_copies_is_the_changed_one_or_the_greater() {
    assert_eq!(quietly("in: in:", "in:", "in: in:"), "in:");
    assert_eq!(quietly("in: in:", "in:", "in: in:F"), "in:F");
    assert_eq!(quietly("in: in:", "in:", "in: in: in:"), "in: in: in:");
    assert_eq!(quietly("in: in: in:", "in: in:", "in:"), "in: in:");
}

#[test]
fn a_message_added_on_both_sides_is_one_message() {
    assert_eq!(quietly("", "in:n@9", "in:S@7"), "in:S@7");
    assert_eq!(quietly("", "in:n", "in:n@-1"), "in:n@-1");
    assert_eq!(quietly("", "in:FT", "in:DR"), "in:FR");
    assert_eq!(quietly("", "in:T+a", "in:T+b"), "in:T+a+b");
    assert_eq!(quietly("", "in: in:", "in:S"), "in:S in:S");
    assert_eq!(quietly("", "in:!3", "in:!5"), "in:!5");
    assert_eq!(quietly("", "in:", "work:"), "in: work:");
}

#[test]
fn new_is_one_more_bit() {
    assert_eq!(quietly("in:n", "in:Fn", "in:"), "in:F");
    assert_eq!(quietly("in:", "in:F", "in:n"), "in:Fn");
}

#[test]
fn a_file_time_is_the_changed_one_or_the_earlier() {
    assert_eq!(quietly("in:@5", "in:F@5", "in:@9"), "in:F@9");
    assert_eq!(quietly("in:@5", "in:@8", "in:@9"), "in:@8");
    assert_eq!(
        quietly("in:@5 in:@6", "in:@8 in:@7", "in:F@5 in:@6"),
        "in:F@7 in:F@7"
    );
}

#[test]
fn kept_is_the_changed_one_or_the_greater() {
    assert_eq!(quietly("in:!1", "in:F!1", "in:!2"), "in:F!2");
    assert_eq!(quietly("in:!1", "in:!3", "in:!2"), "in:!3");
}

#[test]
fn each_side_having_removed_another_copy_loses_neither() {
    let stay = |result: &str| (result.to_owned(), vec![LastCopies, LastCopies]);
    assert_eq!(merge("in: work:", "in:", "work:"), stay("in: work:"));
    assert_eq!(merge("in: work:", "in:S", "work:T"), stay("in:S work:T"));
    assert_eq!(merge("a: b: c:", "a:", "b:"), stay("a: b:"));
    // Where a third copy is untouched, both removals stand.
    assert_eq!(quietly("a: b: c:", "a: c:", "b: c:"), "c:");
    // Who deleted all deleted all.
    assert_eq!(quietly("a: b:", "a:", ""), "");
}
