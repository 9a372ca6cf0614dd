use mailvc_tests::maildir::read;

use crate::{files, home};

#[test]
fn too_many_deletions_wait_for_a_yes() {
    let home = home(150);
    let before = read(&home.maildir()).expect("mail");
    for path in &files(&home.maildir()) {
        std::fs::remove_file(path).expect("removed");
    }
    let held = home.run(["snapshot", "--json"]).exits(3).json();
    let held = &held["recorded"]["held"];
    let number = held["leaving"].as_u64().expect("a number");
    assert!(held["messages"].as_u64() >= Some(number), "copies count");
    assert_eq!(held["situation"], "missing");
    assert_eq!(
        held["allow"],
        format!("mailvc snapshot --yes-delete {number}")
    );
    let wrong = home.run(["snapshot", "--yes-delete", "1"]).exits(3).stdout;
    assert!(
        wrong.contains("--yes-delete 1 is not that number"),
        "{wrong}"
    );
    let _ = home.run(["status"]).exits(3);
    let _ = home.run(["restore"]).ok();
    assert_eq!(read(&home.maildir()).expect("mail"), before);
    let _ = home.run(["status"]).ok();
}

#[test]
fn a_yes_to_exactly_so_many_records_them_as_deleted() {
    let home = home(150);
    for path in &files(&home.maildir()) {
        std::fs::remove_file(path).expect("removed");
    }
    let held = home.run(["status", "--json"]).exits(3).json();
    let number = held["recorded"]["held"]["leaving"].to_string();
    let _ = home.run(["snapshot", "--yes-delete", &number]).ok();
    let status = home.run(["status", "--json"]).ok().json();
    assert_eq!(status["local"]["messages"], 0);
}
