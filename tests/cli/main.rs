//! The program as its users run it: what each command says, how it ends, and what it did.
//!
//! `tests/run` builds the program first; by hand, `cargo build -p mailvc`.
#![allow(clippy::disallowed_methods)] // other programs change Maildirs without asking us

mod errors;
mod going_back;
mod guard;
mod history;

use std::path::{Path, PathBuf};

use mailvc_tests::cli::Home;
use mailvc_tests::mailbox::{Mailbox, deliver};

/// A home with so many messages under mailvc.
pub(crate) fn home(messages: u64) -> Home {
    let home = Home::new();
    let mailbox = Mailbox {
        messages,
        mean_size: 1500,
        ..Mailbox::default()
    };
    mailbox.write(&home.maildir()).expect("mail written");
    let _ = home.run(["init", "--name", "laptop"]).ok();
    home
}

/// The messages' files in the whole Maildir, sorted.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let folders = mailvc_tests::maildir::folders(root).expect("folders");
    let dirs = folders
        .iter()
        .flat_map(|folder| ["cur", "new"].map(|sub| root.join(folder).join(sub)));
    let mut files = Vec::new();
    for dir in dirs {
        let listing = std::fs::read_dir(dir).into_iter().flatten();
        files.extend(listing.map(|entry| entry.expect("an entry").path()));
    }
    files.sort();
    files
}

/// Lets a message arrive whose subject is `subject`.
pub(crate) fn arrive(home: &Home, subject: &str) -> PathBuf {
    let text = format!("Subject: {subject}\nMessage-ID: <{subject}@example.org>\n\nhello\n");
    deliver(&home.maildir(), Path::new(""), text.as_bytes()).expect("delivered")
}

/// The id of `local`.
pub(crate) fn local(home: &Home) -> String {
    let log = home.run(["log", "-n", "1", "--json"]).ok().json();
    let id = log["snapshots"][0]["id"].as_str();
    id.expect("a snapshot").to_owned()
}
