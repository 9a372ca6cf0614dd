//! The tour keeps its promises, on made-up mail and on somebody's own, which it only reads.

use mailvc_tests::cli::Home;
use mailvc_tests::mailbox::{Layout, Mailbox};
use mailvc_tests::maildir;

#[test]
fn the_tour_ends_well_and_leaves_nothing() {
    let home = Home::new();
    let told = home.run(["--json", "tour"]).ok().json();
    let steps = told["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 9, "{told:#}");
    let left = std::fs::read_dir(home.path()).expect("a home").count();
    assert_eq!(left, 0);
}

#[test]
fn a_tour_of_ones_own_mail_only_reads_it() {
    let home = Home::new();
    let mailbox = Mailbox {
        messages: 300,
        layout: Layout::Nested,
        ..Mailbox::default()
    };
    mailbox.write(&home.maildir()).expect("written");
    let before = maildir::read(&home.maildir()).expect("read");
    let run = home.run(["tour", "--maildir", "Maildir"]).ok();
    assert!(run.stdout.contains("All as promised"), "{}", run.stdout);
    let after = maildir::read(&home.maildir()).expect("read");
    assert_eq!(before.difference(&after), "");
}

#[test]
fn too_little_mail_for_a_tour_is_said() {
    let home = Home::new();
    let mailbox = Mailbox {
        messages: 20,
        ..Mailbox::default()
    };
    mailbox.write(&home.maildir()).expect("written");
    let run = home.run(["tour", "--maildir", "Maildir"]).exits(1);
    assert!(run.stderr.contains("too few"), "{}", run.stderr);
}
