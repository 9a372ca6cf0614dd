//! A Maildir of a given size that every program under comparison can carry: about fifty folders,
//! more than half of the mail in one, names that any server makes.
//!
//! Every message has headers that end, and none a NUL byte, for IMAP's sake; no folder's name needs
//! encoding: peers are measured, not caught out.

#![allow(clippy::disallowed_methods)] // mail comes from other programs: no fault is injected here

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use mailvc::tour::mailbox::Mailbox;
use rayon::prelude::*;

/// The folder that holds 55 in a hundred messages.
const BIG: &str = ".Archive";
/// How many small folders there are.
const SMALL: u64 = 48;
/// The first message's arrival, 2011-01-01, and the time between two.
const EPOCH: u64 = 1_293_840_000;
const INTERVAL: u64 = 1_200;

/// What is to be written. A seed decides every byte.
#[derive(Debug, Clone, Copy)]
pub struct Mail {
    /// How many messages.
    pub messages: u64,
    /// The mean size of one, in bytes.
    pub mean: u64,
    /// Decides everything.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Mail {
    /// Writes it below `root`, which must be missing.
    pub fn write(&self, root: &Path) -> io::Result<Written> {
        fs::create_dir(root)?;
        for folder in folders() {
            make_folder(&root.join(folder))?;
        }
        let bytes = AtomicU64::new(0);
        (0..self.messages)
            .into_par_iter()
            .try_for_each(|number| -> io::Result<()> {
                let message = self.message(number);
                bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
                put(&root.join(place(number, message.len())), number, &message)
            })?;
        Ok(Written {
            messages: self.messages,
            bytes: bytes.into_inner(),
        })
    }

    /// The bytes of message `number`, of which any number can be had. One in twenty is a copy of
    /// an earlier one.
    pub fn message(&self, number: u64) -> Vec<u8> {
        let mailbox = Mailbox {
            seed: self.seed,
            mean_size: self.mean,
            ..Mailbox::default()
        };
        let mut source = if number % 20 == 19 {
            number - 7
        } else {
            number
        };
        loop {
            let message = mailbox.message(source);
            if portable(&message) {
                return message;
            }
            source += 1 << 33;
        }
    }
}

/// Whether a message is one that IMAP can carry: headers that end, and no NUL bytes.
fn portable(message: &[u8]) -> bool {
    let ends = |end: &[u8]| message.windows(end.len()).any(|it| it == end);
    !message.contains(&0) && (ends(b"\n\n") || ends(b"\r\n\r\n"))
}

/// All folders' directories, relative to the root, as Maildir++ has them.
fn folders() -> impl Iterator<Item = String> {
    [String::new(), BIG.to_owned()]
        .into_iter()
        .chain((0..SMALL).map(small))
}

fn small(number: u64) -> String {
    format!(".Lists.list{number:02}")
}

fn make_folder(dir: &Path) -> io::Result<()> {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    Ok(())
}

/// Fibonacci hashing: neighbours lie far apart.
fn spread(number: u64, range: u64) -> u64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % range
}

fn place(number: u64, size: usize) -> PathBuf {
    let folder = match number % 100 {
        0..55 => BIG.to_owned(),
        55..65 => String::new(),
        _ => small(spread(number, SMALL)),
    };
    let chance = spread(number, 1_000);
    let name = format!("{}.M{chance}P1Q{number}.mx,S={size}", arrived(number));
    if folder.is_empty() && chance < 100 {
        return PathBuf::from("new").join(name);
    }
    let letters: String = [('F', 50), ('R', 200), ('S', 800)]
        .into_iter()
        .filter(|(letter, share)| spread(number ^ u64::from(*letter) << 40, 1_000) < *share)
        .map(|(letter, _)| letter)
        .collect();
    PathBuf::from(folder)
        .join("cur")
        .join(format!("{name}:2,{letters}"))
}

fn arrived(number: u64) -> u64 {
    EPOCH + INTERVAL * number
}

fn put(path: &Path, number: u64, message: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(message)?;
    let time = UNIX_EPOCH + Duration::from_secs(arrived(number));
    file.set_times(FileTimes::new().set_modified(time))
}
