use mailvc_tests::maildir::{assert_same, read};

use crate::{arrive, files, home, local};

#[test]
fn an_exported_state_is_the_maildir_that_was() {
    let home = home(80);
    let out = home.path().join("deep/out");
    let _ = home.run(["checkout", "local", "--to", "deep/out"]).ok();
    assert_same(&home.maildir(), &out);
    let again = home.run(["checkout", "local", "--to", "deep/out"]).exits(1);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
    let inside = home
        .run(["checkout", "local", "--to", "Maildir/x"])
        .exits(1);
    assert!(inside.stderr.contains("lies inside"), "{}", inside.stderr);
    let beside = std::fs::read_dir(home.path().join("deep")).expect("a listing");
    assert_eq!(beside.count(), 1, "no litter");
}

#[test]
fn a_checkout_goes_back_and_undo_takes_it_back() {
    let home = home(80);
    let before = read(&home.maildir()).expect("mail");
    let flagged = files(&home.maildir())
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(":2,"));
    let flagged = flagged.expect("a message without flags");
    let name = format!("{}F", flagged.display());
    std::fs::rename(&flagged, name).expect("flagged");
    arrive(&home, "hello");
    let _ = home.run(["snapshot"]).ok();
    let after = read(&home.maildir()).expect("mail");

    let stopped = home.run(["checkout", "local~1"]).exits(3).stdout;
    assert!(
        stopped.contains("checkout local~1 --yes-delete 1"),
        "{stopped}"
    );
    assert_eq!(read(&home.maildir()).expect("mail"), after);
    let _ = home
        .run(["checkout", "local~1", "--yes-delete", "2"])
        .exits(3);
    let done = home
        .run(["checkout", "local~1", "--yes-delete", "1"])
        .ok()
        .stdout;
    assert!(
        done.contains("1 gone, 1 flags; undo with `mailvc undo`"),
        "{done}"
    );
    assert_eq!(read(&home.maildir()).expect("mail"), before);
    let _ = home.run(["undo"]).ok();
    assert_eq!(read(&home.maildir()).expect("mail"), after);
}

#[test]
fn what_was_just_removed_is_restored() {
    let home = home(80);
    let before = read(&home.maildir()).expect("mail");
    for path in files(&home.maildir()).iter().take(7) {
        std::fs::remove_file(path).expect("removed");
    }
    let would = home.run(["restore", "--dry-run", "--json"]).ok().json();
    assert_eq!(would["done"]["changes"]["new"], 7);
    let _ = home.run(["restore"]).ok();
    assert_eq!(read(&home.maildir()).expect("mail"), before);
}

#[test]
fn a_message_is_restored_by_its_message_id_long_after() {
    let home = home(30);
    let path = arrive(&home, "found");
    let _ = home.run(["snapshot"]).ok();
    std::fs::remove_file(path).expect("removed");
    let _ = home.run(["snapshot"]).ok();
    arrive(&home, "later");
    let input = b"<found@example.org>\n\nlater@example.org\n";
    let done = home
        .run_with(["restore", "--message-id", "-", "--json"], input)
        .ok();
    assert_eq!(done.json()["done"]["applied"]["new"], 1);
    let unknown = home.run(["restore", "--message-id", "none@example.org", "--json"]);
    assert_eq!(unknown.exits(1).json()["unknown"][0], "none@example.org");
    let id = local(&home);
    let _ = home.run(["restore"]).ok();
    assert_eq!(local(&home), id, "nothing was missing");
}

#[test]
fn a_damaged_file_is_mended_and_nothing_needs_to_be_recorded() {
    let home = home(20);
    let before = read(&home.maildir()).expect("mail");
    let path = files(&home.maildir()).remove(3);
    std::fs::write(&path, "").expect("emptied");
    let id = local(&home);
    let would = home.run(["restore", "--dry-run", "--json"]).ok().json();
    assert_eq!(would["done"]["changes"]["mended"], 1);
    let done = home.run(["restore"]).ok();
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("1 mended"), "{said}");
    assert_eq!(read(&home.maildir()).expect("mail"), before);
    assert_eq!(local(&home), id);
    let _ = home.run(["snapshot", "--thorough"]).ok();
}
