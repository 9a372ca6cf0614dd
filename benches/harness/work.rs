//! What a person and their delivery agent do to a Maildir in a day: messages come, flags change,
//! messages are filed elsewhere and deleted. A number decides all of it.

#![allow(clippy::disallowed_methods)] // changes mail as other programs do: no fault is injected here

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use mailvc::tour::mailbox::deliver_named;

use crate::Mail;

/// How much of each is done.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// Which day: another day, other messages.
    pub day: u64,
    /// New messages.
    pub new: usize,
    /// Messages of which one flag changes.
    pub flags: usize,
    /// Messages that go to another folder.
    pub moves: usize,
    /// Messages that go.
    pub deletions: usize,
    /// The directory, below the root, of the only folder that anything is done in; else all.
    pub folder: Option<PathBuf>,
}

/// Does the work in the Maildir at `root`; what is new comes from `mail`.
///
/// # Errors
/// If there are fewer messages in `cur` than are to be touched; and the system's.
pub fn work(root: &Path, mail: &Mail, work: &Work) -> io::Result<()> {
    let folders = match &work.folder {
        Some(folder) => vec![root.join(folder)],
        None => folders(root)?,
    };
    let mut chosen = choose(&folders, work)?.into_iter();
    for path in chosen.by_ref().take(work.deletions) {
        fs::remove_file(path)?;
    }
    for (number, path) in chosen.by_ref().take(work.moves).enumerate() {
        move_on(&folders, &path, work.day, number)?;
    }
    for (number, path) in chosen.enumerate() {
        fs::rename(
            &path,
            path.with_file_name(toggled(&path, b"SF"[number % 2])),
        )?;
    }
    for number in 0..work.new {
        let dir = &folders[number % folders.len()];
        // Beyond all that `Mail::write` wrote, and never a copy.
        let message = mail.message((work.day + 1) * 2_000_000 + 20 * number as u64);
        let name = format!("1400000000.M{number}D{}.mda", work.day);
        deliver_named(dir, Path::new(""), name.as_ref(), &message)?;
    }
    Ok(())
}

/// The directories that have a `cur`, sorted.
fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == "cur" {
                found.insert(dir.clone());
            } else if name != "new" && name != "tmp" && entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// As many different messages as are to be touched.
fn choose(folders: &[PathBuf], work: &Work) -> io::Result<Vec<PathBuf>> {
    let count = work.flags + work.moves + work.deletions;
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder.join("cur"))? {
            let path = entry?.path();
            if path
                .as_os_str()
                .as_bytes()
                .windows(3)
                .any(|it| it == b":2,")
            {
                files.push(path);
            }
        }
    }
    if files.len() < count {
        return Err(io::Error::other("fewer messages than are to be touched"));
    }
    files.sort_unstable();
    let step = files.len() / count;
    let start = work.day as usize * 7 % step.max(1);
    // Evenly through all folders, and each kind of work through all of them as well.
    let spread: Vec<PathBuf> = files
        .into_iter()
        .skip(start)
        .step_by(step)
        .take(count)
        .collect();
    let stride = count.isqrt();
    let orders = (0..stride).flat_map(|first| (first..count).step_by(stride));
    Ok(orders.filter_map(|at| spread.get(at).cloned()).collect())
}

/// Files a message elsewhere, under a fresh name, as mail clients do.
fn move_on(folders: &[PathBuf], path: &Path, day: u64, number: usize) -> io::Result<()> {
    let here = path.ancestors().nth(2);
    let at = folders.iter().position(|it| Some(it.as_path()) == here);
    let there = &folders[(at.unwrap_or(0) + 1 + number) % folders.len()];
    let mut name = OsString::from(format!("1400000000.M{number}D{day}.moved"));
    name.push(OsString::from_vec(info(path).1.to_vec()));
    fs::rename(path, there.join("cur").join(name))
}

/// A file's name, and its part from `:2,` on.
fn info(path: &Path) -> (&[u8], &[u8]) {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let at = name.windows(3).rposition(|it| it == b":2,");
    name.split_at(at.unwrap_or(name.len()))
}

fn toggled(path: &Path, letter: u8) -> OsString {
    let (base, info) = info(path);
    let mut letters = info.get(3..).unwrap_or_default().to_vec();
    match letters.iter().position(|&it| it == letter) {
        Some(at) => drop(letters.remove(at)),
        None => letters.push(letter),
    }
    letters.sort_unstable();
    OsString::from_vec([base, b":2,", &letters].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(root: &Path) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for folder in folders(root).expect("folders") {
            for sub in ["cur", "new"] {
                for entry in fs::read_dir(folder.join(sub)).expect("a folder") {
                    found.insert(entry.expect("an entry").path());
                }
            }
        }
        found
    }

    #[test]
    fn a_day_touches_as_many_messages_as_it_says() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("Maildir");
        let mail = Mail {
            messages: 1_000,
            mean: 2_000,
            seed: 1,
        };
        mail.write(&root).expect("written");
        assert_eq!(folders(&root).expect("folders").len(), 50);
        let before = all(&root);
        let day = Work {
            day: 3,
            new: 30,
            flags: 20,
            moves: 10,
            deletions: 5,
            folder: None,
        };
        work(&root, &mail, &day).expect("worked");
        let after = all(&root);
        assert_eq!((before.len(), after.len()), (1_000, 1_025));
        assert_eq!(before.difference(&after).count(), 35);
        let named = |part: &str| {
            let name = |path: &PathBuf| path.to_string_lossy().contains(part);
            after.iter().filter(|path| name(path)).count()
        };
        assert_eq!((named(".mda"), named(".moved")), (30, 10));
    }
}
