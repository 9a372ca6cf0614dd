//! The mail that the tour starts with: made up, or a copy of somebody's.

#![allow(clippy::disallowed_methods)] // what a delivery agent would do; no store is written

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::Path;

use super::mailbox::{Layout, Mailbox};
use super::messages::{files, folders};

/// How many messages the server starts with.
const SERVER: u64 = 2_000;
/// The folders that the laptop has already, as from another program that copied mail.
const LAPTOP: &[u8] = b"Archive/";

/// Makes up the server's mail, and the laptop's, which is part of it in another layout.
pub(super) fn make_up(server: &Path, laptop: &Path) -> io::Result<()> {
    for (root, layout) in [(server, Layout::MaildirPlusPlus), (laptop, Layout::Nested)] {
        let mailbox = Mailbox {
            seed: 1,
            messages: SERVER,
            layout,
            ..Mailbox::default()
        };
        mailbox.write(root)?;
    }
    for folder in folders(laptop)? {
        if folder.path.starts_with(LAPTOP) {
            continue;
        }
        for sub in ["cur", "new"] {
            for path in files(&laptop.join(&folder.dir).join(sub))? {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// An empty home.
pub(super) fn home(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Copies a Maildir, which is only read: folders, messages with their times, and the two files
/// beside them that belong to the mail.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for folder in folders(from)? {
        let dir = to.join(&folder.dir);
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        for sub in ["cur", "new"] {
            for path in files(&from.join(&folder.dir).join(sub))? {
                let name = path.file_name().unwrap_or_default();
                copy_file(&path, &dir.join(sub).join(name))?;
            }
        }
        for name in ["dovecot-keywords", "subscriptions"] {
            let path = from.join(&folder.dir).join(name);
            if path.is_file() {
                copy_file(&path, &dir.join(name))?;
            }
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let (mut source, mut copy) = (File::open(from)?, File::create_new(to)?);
    io::copy(&mut source, &mut copy)?;
    let times = FileTimes::new().set_modified(source.metadata()?.modified()?);
    copy.set_times(times)
}
