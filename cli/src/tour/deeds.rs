//! What happens to mail in a day, and on a bad one: done as mail clients and servers do it.

#![allow(clippy::disallowed_methods)] // other programs' work on the Maildir

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use mailvc_store::object::BlobId;

use super::mailbox;
use super::messages::{files, folders};

/// Seed of mail that arrives while the tour goes on.
const ARRIVING: u64 = 2;

/// What was done to how many messages.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The star was set or taken away.
    pub(super) flagged: u64,
    /// Filed in another folder.
    pub(super) moved: u64,
    /// Deleted.
    pub(super) deleted: u64,
}

/// Delivers new messages into the inbox: numbers `first` and on of all that ever arrive. Empty ones
/// are left out: they are all the same message.
pub(super) fn deliver(root: &Path, first: u64, many: usize) -> io::Result<()> {
    let arriving = (first..).map(|number| mailbox::message(ARRIVING, number));
    for message in arriving.filter(|message| !message.is_empty()).take(many) {
        mailbox::deliver(root, Path::new(""), &message)?;
    }
    Ok(())
}

/// A day's work: stars set and taken away, messages filed and deleted. Each machine works on its
/// own `share` of the messages (0 or 1), and on none that lies there twice, so that what both did
/// can be foretold.
pub(super) fn work(root: &Path, share: u8) -> io::Result<Done> {
    let archive = archive(root)?;
    let mut done = Done::default();
    for (number, path) in single(root, share)?.iter().enumerate() {
        let name = path.file_name().unwrap_or_default();
        match number % 10 {
            0 if done.moved < 40 && !path.starts_with(&archive) => {
                fs::rename(path, archive.join("cur").join(name))?;
                done.moved += 1;
            }
            1 if done.deleted < 15 => {
                fs::remove_file(path)?;
                done.deleted += 1;
            }
            2..5 if done.flagged < 150 => {
                fs::rename(path, path.with_file_name(toggled(name)))?;
                done.flagged += 1;
            }
            _ => {}
        }
    }
    Ok(done)
}

/// The read messages of a share of which there is one file alone, by their ids.
fn single(root: &Path, share: u8) -> io::Result<Vec<PathBuf>> {
    let mut found: BTreeMap<BlobId, Vec<PathBuf>> = BTreeMap::new();
    for folder in folders(root)? {
        for sub in ["cur", "new"] {
            for path in files(&root.join(&folder.dir).join(sub))? {
                found
                    .entry(BlobId::of(&fs::read(&path)?))
                    .or_default()
                    .push(path);
            }
        }
    }
    let own = |id: &BlobId| id.as_bytes().first().is_some_and(|byte| byte % 2 == share);
    let read = |path: &PathBuf| path.parent().is_some_and(|dir| dir.ends_with("cur"));
    let mut paths = Vec::new();
    for (id, mut files) in found {
        paths.extend(
            files
                .pop()
                .filter(|path| files.is_empty() && own(&id) && read(path)),
        );
    }
    Ok(paths)
}

/// A folder to file mail in: the first below the root, else the root itself.
fn archive(root: &Path) -> io::Result<PathBuf> {
    let below = folders(root)?
        .into_iter()
        .find(|folder| !folder.path.is_empty());
    Ok(below.map_or_else(|| root.to_owned(), |folder| root.join(folder.dir)))
}

/// The name with the star set, or taken away.
fn toggled(name: &OsStr) -> OsString {
    let mut name = name.as_bytes().to_vec();
    let Some(info) = name.windows(3).rposition(|three| three == b":2,") else {
        name.extend(b":2,F");
        return OsString::from_vec(name);
    };
    let mut letters = name.iter().skip(info + 3).take_while(|&&byte| byte != b',');
    match letters.position(|&byte| byte == b'F') {
        Some(at) => drop(name.remove(info + 3 + at)),
        None => name.insert(info + 3, b'F'),
    }
    OsString::from_vec(name)
}

/// Removes four of five messages, as a failing disk or a wrong command does. Returns how many.
pub(super) fn vanish(root: &Path) -> io::Result<u64> {
    let mut gone = 0;
    for folder in folders(root)? {
        for sub in ["cur", "new"] {
            for (number, path) in files(&root.join(&folder.dir).join(sub))?.iter().enumerate() {
                if number % 5 != 0 {
                    fs::remove_file(path)?;
                    gone += 1;
                }
            }
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_comes_and_goes() {
        for (before, after) in [
            ("1.x", "1.x:2,F"),
            ("1.x:2,", "1.x:2,F"),
            ("1.x:2,S", "1.x:2,FS"),
            ("1.x:2,FS", "1.x:2,S"),
        ] {
            assert_eq!(toggled(OsStr::new(before)), after);
        }
    }
}
