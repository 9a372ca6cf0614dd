//! The known disasters of syncing mail, each as a test named for what it prevents.
//!
//! | Disaster | Prevented in |
//! |---|---|
//! | A pull and a push start in one instant; one wipes the other's scratch | `at_the_same_time`; `tests/stress` |
//! | The Maildir is unmounted, missing, an empty directory | `guard::a_maildir_that_is_not_there_is_not_an_empty_one`; `tests/errors/here.rs`: `maildir_missing`, `maildir_empty`, `anchor_gone` |
//! | The Maildir, or a folder, is a link to nowhere | `maildirs::a_link_to_nowhere_…`; `tests/errors/here.rs`: `dangling` |
//! | A folder cannot be read | `repo/tests/recording.rs`: `a_folder_that_cannot_be_looked_into_…`, `…_listed_…` |
//! | A listing misses a file that is being renamed; mail moves between folders meanwhile | `maildirs::mail_that_moves_while_folders_are_listed_…`; `repo/tests/meddling.rs` |
//! | A peer's store comes from an old backup | `peers::a_store_from_an_old_backup_…`, `peers::a_whole_machine_…` |
//! | A clock says 1970 or 2099 | `clocks` |
//! | A client forges snapshots to push real ones out | nothing is dropped by number or date; `tests/hostile/signatures.rs` |
//! | A file is cut short in place | `repo/tests/recording.rs`: `an_emptied_or_cut_file_…`; `repo/tests/mending.rs` |
//! | A file name is used again for another message | `maildirs::a_file_name_that_is_used_again_…` |
//! | A store is copied to a second machine | `repo/tests/initialising.rs`: `a_copied_store_…`; `tests/cli/errors.rs` |
//! | The Maildir is restored from a backup behind the tool's back | `maildirs::a_maildir_from_a_backup_…`; `repo/tests/guarding.rs`: `a_folder_that_was_swapped_…` |
//! | A draft is saved fifty times | `maildirs::a_draft_saved_fifty_times_…` |
//! | A message is restored here while it is deleted there | `peers::a_message_restored_here_…` |
//! | An undo is followed by a sync | `peers::an_undo_…` |
//! | The index is stale | `maildirs::a_stale_index_…`; `repo/tests/recording.rs`: `a_lost_index_…` |
//! | A merge's base tree is gone | `merge/tests/snapshots.rs`: `where_a_base_was_dropped_…`, `a_base_of_bases_…` |
//! | Two devices sync with each other at the same moment | `at_the_same_time::a_sync_on_each_machine_…` |

#![allow(clippy::disallowed_methods)] // backups and mail clients write without asking us

mod clocks;
mod maildirs;
mod peers;

use std::fs;
use std::path::{Path, PathBuf};

use mailvc_tests::machine::Machine;
use mailvc_tests::mailbox::{self, Mailbox};
use mailvc_tests::maildir;

/// Two machines in step, that know each other by path.
fn server_and_laptop() -> (Machine, Machine) {
    let mailbox = Mailbox {
        messages: 120,
        ..Mailbox::default()
    };
    let server = Machine::initialised("server", &mailbox);
    let laptop = Machine::cloned_by_path("laptop", &server);
    server.add_path_of(&laptop);
    laptop.sync();
    (server, laptop)
}

/// A new message, and the hash of it.
fn deliver(machine: &Machine, seed: u64) -> [u8; 32] {
    let bytes = mailbox::message(seed, 1);
    mailbox::deliver(&machine.maildir(), Path::new(""), &bytes).expect("delivered");
    *blake3::hash(&bytes).as_bytes()
}

fn has(machine: &Machine, hash: [u8; 32]) -> bool {
    machine.messages().contents().contains(&hash)
}

/// The file of a message.
fn file_of(machine: &Machine, hash: [u8; 32]) -> PathBuf {
    let all = maildir::listed(&machine.maildir()).expect("listed");
    let found = all.into_iter().find(|(_, message)| message.hash == hash);
    found.expect("the message").0
}

/// Makes the directory `to` what `from` is, as a backup program does in place: what is the same
/// stays the file that it was.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(to).expect("listed").flatten() {
        let there = from.join(entry.file_name());
        match entry.path() {
            path if there.exists() => drop(path),
            path if path.is_dir() => fs::remove_dir_all(path).expect("removed"),
            path => fs::remove_file(path).expect("removed"),
        }
    }
    for entry in fs::read_dir(from).expect("listed").flatten() {
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_dir() {
            mirror(&here, &there);
        } else if fs::read(&here).ok() != fs::read(&there).ok() {
            let _ = fs::remove_file(&there);
            fs::copy(&here, &there).expect("copied");
            let time = fs::metadata(&here).and_then(|it| it.modified());
            let copy = fs::File::options().write(true).open(&there);
            let set = copy.and_then(|copy| copy.set_modified(time?));
            set.expect("with its time");
        }
    }
}

/// Both are in step and have all of `messages`.
fn assert_both_have(machines: [&Machine; 2], messages: &[[u8; 32]]) {
    for machine in machines {
        for (number, hash) in messages.iter().enumerate() {
            assert!(has(machine, *hash), "{} lacks {number}", machine.name);
        }
        machine.assert_clean();
    }
    mailvc_tests::machine::assert_in_step(&machines);
}
