//! A Maildir as seen from outside, by rules of its own: what mailvc made of it is compared with
//! what was there, without asking mailvc.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A message as its reader sees it; the unique part of its file's name is nobody's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// The folder's path, parts joined by `/`, whatever the layout; empty for the root.
    pub folder: Vec<u8>,
    /// BLAKE3 of the bytes.
    pub hash: [u8; 32],
    /// What follows `:2,`, the letters sorted.
    pub flags: Vec<u8>,
    /// Whether it lies in `new`.
    pub recent: bool,
    /// When it arrived, in seconds since 1970.
    pub mtime: i64,
}

/// All messages of a Maildir, each with its number of copies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Messages(pub BTreeMap<Message, usize>);

impl Messages {
    /// How many files there are.
    pub fn files(&self) -> usize {
        self.0.values().sum()
    }

    /// The contents alone: what must never be lost.
    pub fn contents(&self) -> BTreeSet<[u8; 32]> {
        self.0.keys().map(|message| message.hash).collect()
    }

    /// The same, with everything that `change` takes from a message gone.
    #[must_use]
    pub fn without(&self, change: impl Fn(&mut Message)) -> Self {
        let mut changed = Self::default();
        for (message, copies) in &self.0 {
            let mut message = message.clone();
            change(&mut message);
            *changed.0.entry(message).or_default() += copies;
        }
        changed
    }

    /// What differs, for people; empty if nothing does.
    pub fn difference(&self, other: &Self) -> String {
        let mut text = String::new();
        let all: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for message in all {
            let copies = |of: &Self| of.0.get(message).copied().unwrap_or(0);
            let (mine, theirs) = (copies(self), copies(other));
            if mine != theirs {
                let _ = writeln!(text, "{mine} against {theirs} of {message}");
            }
        }
        text
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{}/{} flags {:?} mtime {}",
            self.folder.escape_ascii(),
            if self.recent { "/new" } else { "/cur" },
            blake3::Hash::from_bytes(self.hash)
                .to_hex()
                .get(..12)
                .unwrap_or_default(),
            self.flags.escape_ascii().to_string(),
            self.mtime,
        )
    }
}

/// Reads a whole Maildir of either layout.
pub fn read(root: &Path) -> io::Result<Messages> {
    let mut messages = Messages::default();
    for (_, message) in listed(root)? {
        *messages.0.entry(message).or_default() += 1;
    }
    Ok(messages)
}

/// All messages' files, and what they are. What somebody takes away meanwhile is not there.
pub fn listed(root: &Path) -> io::Result<Vec<(PathBuf, Message)>> {
    let mut found = Vec::new();
    for dir in folders(root)? {
        for sub in ["cur", "new"] {
            for path in files(&dir.join(sub))? {
                let looked = fs::read(&path).and_then(|bytes| look(root, &path, &bytes));
                match looked {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    message => found.push((path, message?)),
                }
            }
        }
    }
    Ok(found)
}

/// The folders' directories, the root among them: each directory that has a `cur` of its own.
pub fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let ours = ["cur", "new", "tmp"].iter().any(|&sub| path.ends_with(sub));
            if path.is_dir() && !ours {
                waiting.push(path);
            }
        }
        if dir.join("cur").is_dir() {
            found.push(dir);
        }
    }
    found.sort();
    Ok(found)
}

/// The files in any `tmp`, relative to the root. Compare before and after: what is there now and
/// was not is litter.
pub fn in_tmp(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for dir in folders(root)? {
        let below = |path: PathBuf| path.strip_prefix(root).map_or(path.clone(), Path::to_owned);
        found.extend(files(&dir.join("tmp"))?.into_iter().map(below));
    }
    Ok(found)
}

/// What a store must not have while no command runs: scratch and temporary files.
pub fn store_litter(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![store.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let scratch =
                dir.ends_with("incoming") || path.extension().is_some_and(|it| it == "new");
            if scratch {
                found.push(path);
            } else if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Two Maildirs hold the same.
///
/// # Panics
/// If they don't, with what differs; or if one can't be read.
pub fn assert_same(a: &Path, b: &Path) {
    let read =
        |root: &Path| read(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let difference = read(a).difference(&read(b));
    assert!(
        difference.is_empty(),
        "{} against {}:\n{difference}",
        a.display(),
        b.display()
    );
}

fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.retain(|path| path.is_file() && !hidden(path));
    Ok(paths)
}

fn hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_bytes().starts_with(b"."))
}

/// `.A.B` and `A/B` as `A/B`. Names of folders in tests have no dots and no escapes.
fn portable(dir: &Path) -> Vec<u8> {
    match dir.as_os_str().as_bytes() {
        [b'.', rest @ ..] => rest
            .iter()
            .map(|&byte| if byte == b'.' { b'/' } else { byte })
            .collect(),
        nested => nested.to_vec(),
    }
}

/// The folder in which a file lies, whatever the layout.
pub fn folder_of(root: &Path, path: &Path) -> Vec<u8> {
    let dir = path.ancestors().nth(2).unwrap_or(path);
    portable(dir.strip_prefix(root).unwrap_or(dir))
}

/// What a file of the Maildir at `root` is, whose bytes the caller knows.
pub fn look(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<Message> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let info = name.windows(3).rposition(|three| three == b":2,");
    Ok(Message {
        folder: folder_of(root, path),
        hash: *blake3::hash(bytes).as_bytes(),
        flags: info.map_or_else(Vec::new, |at| sorted(&name[at + 3..])),
        recent: path.parent().is_some_and(|sub| sub.ends_with("new")),
        mtime: fs::metadata(path)?.mtime(),
    })
}

fn sorted(info: &[u8]) -> Vec<u8> {
    let end = info
        .iter()
        .position(|&byte| byte == b',')
        .unwrap_or(info.len());
    let mut flags = info.to_vec();
    flags[..end].sort_unstable();
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::{Layout, Mailbox, deliver};

    fn written(layout: Layout) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let mailbox = Mailbox {
            layout,
            ..Mailbox::default()
        };
        let summary = mailbox.write(dir.path()).expect("written");
        let read = read(dir.path()).expect("read");
        assert_eq!(read.files() as u64, summary.files);
        assert_eq!(read.contents().len() as u64, summary.contents);
        dir
    }

    #[test]
    fn the_same_mail_is_the_same_in_both_layouts() {
        assert_same(
            written(Layout::MaildirPlusPlus).path(),
            written(Layout::Nested).path(),
        );
    }

    #[test]
    fn one_more_message_is_one_difference() {
        let (a, b) = (written(Layout::Nested), written(Layout::Nested));
        deliver(b.path(), Path::new("Sent"), b"one more").expect("delivered");
        let read = |dir: &tempfile::TempDir| read(dir.path()).expect("read");
        let difference = read(&a).difference(&read(&b));
        assert_eq!(difference.lines().count(), 1);
        assert!(
            difference.starts_with("0 against 1 of Sent/new/"),
            "{difference}"
        );
    }

    #[test]
    fn what_lies_in_tmp_is_seen_and_is_no_message() {
        let dir = written(Layout::MaildirPlusPlus);
        let before = read(dir.path()).expect("read");
        let file = dir.path().join(".Sent/tmp/half");
        std::os::unix::fs::symlink("/etc/hostname", &file).expect("a file");
        assert_eq!(read(dir.path()).expect("read"), before);
        let litter = in_tmp(dir.path()).expect("listed");
        assert_eq!(
            litter.into_iter().collect::<Vec<_>>(),
            [Path::new(".Sent/tmp/half")]
        );
    }
}
