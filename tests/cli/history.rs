use crate::{arrive, files, home, local};

#[test]
fn a_second_snapshot_is_made_only_if_something_changed() {
    let home = home(60);
    let first = local(&home);
    let said = home.run(["snapshot"]).ok().stdout;
    assert_eq!(said, "nothing changed since the last snapshot\n");
    assert_eq!(local(&home), first);
    arrive(&home, "hello");
    let made = home.run(["snapshot", "-m", "mail came", "--json"]).ok();
    assert_eq!(made.json()["recorded"]["changes"]["new"], 1);
    assert_eq!(made.json()["snapshot"]["message"], "mail came");
    assert_eq!(made.json()["snapshot"]["parents"][0], first);
}

#[test]
fn a_dry_run_and_a_status_change_nothing() {
    let home = home(60);
    let first = local(&home);
    arrive(&home, "hello");
    let would = home.run(["snapshot", "--dry-run", "-v"]).ok().stdout;
    assert!(would.contains("would record: 1 new"), "{would}");
    assert!(would.contains(": hello  [new]"), "{would}");
    let status = home.run(["status", "--json"]).ok().json();
    assert_eq!(status["recorded"]["changes"]["new"], 1);
    assert_eq!(local(&home), first);
}

#[test]
fn what_a_message_says_is_shown_harmless() {
    let home = home(10);
    arrive(&home, "a\x1b]0;pwned\x07\u{202e}b");
    let _ = home.run(["snapshot"]).ok();
    let shown = home.run(["show"]).ok().stdout;
    assert!(shown.contains("pwned"), "{shown}");
    assert!(!shown.contains(['\x1b', '\x07', '\u{202e}']), "{shown}");
}

#[test]
fn a_message_comes_out_of_cat_byte_for_byte() {
    let home = home(10);
    for path in files(&home.maildir()).iter().take(5) {
        let bytes = std::fs::read(path).expect("a message");
        let id = blake3::hash(&bytes).to_hex();
        let mut command = home.command(["cat", "--json", id.as_str()]);
        let output = command.output().expect("run");
        assert!(output.status.success());
        assert_eq!(output.stdout, bytes);
    }
}

#[test]
fn a_snapshot_goes_by_many_names() {
    let home = home(10);
    let first = local(&home);
    let _ = home.run(["tag", "start"]).ok();
    arrive(&home, "hello");
    let _ = home.run(["snapshot"]).ok();
    for name in [&first, &first[..8], "local~1", "tags/start", "start"] {
        let shown = home.run(["show", name, "--json"]).ok().json();
        assert_eq!(shown["snapshot"]["id"], *first, "{name}");
        assert_eq!(shown["signature"], "trusted");
    }
    let diff = home.run(["diff", "start", "--json"]).ok().json();
    assert_eq!(diff["changes"]["new"], 1);
    assert_eq!(diff["changes"]["gone"], 0);
}

#[test]
fn a_tag_is_not_moved_by_accident() {
    let home = home(10);
    let _ = home.run(["tag", "start"]).ok();
    arrive(&home, "hello");
    let _ = home.run(["snapshot"]).ok();
    let refused = home.run(["tag", "start"]).exits(1).stderr;
    assert!(refused.contains("already"), "{refused}");
    let _ = home.run(["tag", "start", "--force"]).ok();
    let tags = home.run(["tag", "--json"]).ok().json();
    assert_eq!(tags["tags"][0]["snapshot"]["id"], local(&home));
}
