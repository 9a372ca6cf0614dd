//! Disasters that come from another device.

use std::fs;

use mailvc_tests::machine::assert_is;

use super::{assert_both_have, deliver, file_of, has, mirror, server_and_laptop};

/// A server's disk breaks, and its store is put back from last week's backup: its line ends
/// earlier than the laptop has seen. A syncer that takes the other side's history as it comes
/// would forget the week, or take its mail for deleted.
#[test]
fn a_store_from_an_old_backup_takes_nothing_back() {
    let (server, laptop) = server_and_laptop();
    let backup = server.home.path().join("backup");
    mirror(&server.store(), &backup);
    let mut new = vec![deliver(&server, 11), deliver(&laptop, 12)];
    laptop.sync();
    mirror(&backup, &server.store());
    let whole = laptop.messages();
    // The server goes on from the old state: its line forks.
    new.push(deliver(&server, 13));
    server.run(&["snapshot"]).ok();
    let told = laptop.run(&["fetch"]).ok();
    assert!(told.stdout.contains("both are kept"), "{}", told.stdout);
    new.push(deliver(&laptop, 14));
    laptop.sync();
    laptop.sync();
    assert_eq!(laptop.messages().files(), whole.files() + 2);
    assert_both_have([&server, &laptop], &new);
}

/// The whole server comes from the backup, its Maildir too. What it lacks was not deleted there,
/// and what people had deleted since does not come back either.
#[test]
fn a_whole_machine_from_an_old_backup_is_brought_up_to_date() {
    let (server, laptop) = server_and_laptop();
    let old = deliver(&server, 21);
    laptop.sync();
    let [store, mail] = ["store", "mail"].map(|name| server.home.path().join(name));
    mirror(&server.store(), &store);
    mirror(&server.maildir(), &mail);
    let new = [deliver(&server, 22), deliver(&laptop, 23)];
    fs::remove_file(file_of(&laptop, old)).expect("deleted");
    laptop.sync();
    let whole = laptop.messages();
    mirror(&store, &server.store());
    mirror(&mail, &server.maildir());
    assert!(has(&server, old) && !has(&server, new[0]));
    let told = laptop.run(&["fetch"]).ok();
    assert!(told.stdout.contains("set back"), "{}", told.stdout);
    laptop.sync();
    assert_eq!(laptop.messages().difference(&whole), "");
    assert_both_have([&server, &laptop], &new);
}

/// A message is deleted on both devices; on one, somebody wants it back after all. The deletion
/// on the other device was made without knowing that, and must not take it away again.
#[test]
fn a_message_restored_here_while_it_is_deleted_there_stays() {
    let (server, laptop) = server_and_laptop();
    let message = deliver(&server, 31);
    laptop.sync();
    for machine in [&server, &laptop] {
        fs::remove_file(file_of(machine, message)).expect("deleted");
        machine.run(&["snapshot"]).ok();
    }
    let id = blake3::Hash::from_bytes(message).to_string();
    server.run(&["restore", &id]).ok();
    laptop.sync();
    laptop.sync();
    assert_both_have([&server, &laptop], &[message]);
}

/// A sync brought much that looks wrong, and its owner takes it back with undo. The next sync
/// must not spread that as deletions to where the mail came from.
#[test]
fn an_undo_that_is_followed_by_a_sync_deletes_nothing_elsewhere() {
    let (server, laptop) = server_and_laptop();
    let new = [41, 42, 43].map(|seed| deliver(&server, seed));
    laptop.sync();
    let whole = server.messages();
    laptop.run(&["undo"]).exits(3);
    laptop.run(&["undo", "--yes-delete", "3"]).ok();
    assert!(!has(&laptop, new[0]));
    laptop.run(&["sync"]).exits(3);
    assert_is(&server, &whole);
    server.run(&["sync", "--keep-newer"]).ok();
    laptop.sync();
    assert_is(&server, &whole);
    assert_both_have([&server, &laptop], &new);
}
