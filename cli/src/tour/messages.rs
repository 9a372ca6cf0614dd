//! The messages of a Maildir as a mail client sees them: what the tour compares.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mailvc_store::maildir::Layout;
use mailvc_store::object::BlobId;

/// What is a folder's own, and no folder.
const SUBS: [&str; 3] = ["cur", "new", "tmp"];

/// A message as its reader knows it; what its file is called is nobody's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    /// The folder's path, spelled as no layout does.
    pub(super) folder: Vec<u8>,
    /// The hash of the bytes, as `b3sum` prints it.
    pub(super) id: BlobId,
    /// What follows `:2,`, the letters sorted.
    pub(super) flags: Vec<u8>,
    /// Whether it lies in `new`.
    pub(super) recent: bool,
    /// When it arrived, in seconds since 1970.
    pub(super) mtime: i64,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = if self.recent { "new" } else { "cur" };
        let (folder, flags) = (self.folder.escape_ascii(), self.flags.escape_ascii());
        let (id, mtime) = (self.id.short(), self.mtime);
        write!(f, "{folder}/{sub}/{id} with flags `{flags}` of {mtime}")
    }
}

/// Messages, each with its number of files; below zero in what changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Messages(BTreeMap<Message, i64>);

impl Messages {
    /// How many files there are.
    pub(super) fn files(&self) -> u64 {
        self.0.values().sum::<i64>().unsigned_abs()
    }

    /// How many of the files lie elsewhere, have other flags, or are here alone.
    pub(super) fn differing(&self, other: &Self) -> u64 {
        let both: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let apart = |message| self.of(message).abs_diff(other.of(message));
        both.into_iter().map(apart).sum()
    }

    /// A few of the messages that differ, for people.
    pub(super) fn examples(&self, other: &Self) -> Vec<String> {
        let both: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        both.into_iter()
            .filter(|message| self.of(message) != other.of(message))
            .take(5)
            .map(|message| {
                let (found, promised) = (self.of(message), other.of(message));
                format!("{found} in place of {promised} of {message}")
            })
            .collect()
    }

    fn of(&self, message: &Message) -> i64 {
        self.0.get(message).copied().unwrap_or(0)
    }

    fn add(&mut self, message: &Message, files: i64) {
        let now = self.of(message) + files;
        if now == 0 {
            self.0.remove(message);
        } else {
            self.0.insert(message.clone(), now);
        }
    }

    /// What was done to `before` to make it this, done to `other` too.
    pub(super) fn done_to(&self, before: &Self, other: &Self) -> Self {
        let mut all = other.clone();
        for (message, files) in &self.0 {
            all.add(message, *files);
        }
        for (message, files) in &before.0 {
            all.add(message, -files);
        }
        all
    }
}

/// A folder on disk.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its directory, below the Maildir's root.
    pub(super) dir: PathBuf,
    /// Its path, spelled as no layout does.
    pub(super) path: Vec<u8>,
}

/// The layout of a Maildir that may have either.
pub(super) fn layout(root: &Path) -> io::Result<Layout> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let dotted = entry.file_name().as_bytes().starts_with(b".");
        if !dotted && !is_sub(&entry.file_name()) && entry.path().join("cur").is_dir() {
            return Ok(Layout::Nested);
        }
    }
    Ok(Layout::MaildirPlusPlus)
}

/// The folders of a Maildir: the directories that have a `cur`.
pub(super) fn folders(root: &Path) -> io::Result<Vec<Folder>> {
    let layout = layout(root)?;
    let (mut found, mut waiting) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && !is_sub(&entry.file_name()) {
                waiting.push(dir.join(entry.file_name()));
            }
        }
        let is_folder = root.join(&dir).join("cur").is_dir();
        if let Some(path) = layout.folder(&dir).filter(|_| is_folder) {
            let path = path.as_bytes().to_vec();
            found.push(Folder { dir, path });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn is_sub(name: &OsStr) -> bool {
    SUBS.iter().any(|sub| name == *sub)
}

/// The messages' files in a folder's `cur` or `new`, sorted.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut files = Vec::new();
    for entry in listing {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().as_bytes().starts_with(b".") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a whole Maildir.
pub(super) fn read(root: &Path) -> io::Result<Messages> {
    let mut messages = Messages::default();
    for folder in folders(root)? {
        for sub in ["cur", "new"] {
            for path in files(&root.join(&folder.dir).join(sub))? {
                let message = message(&path, &folder, sub == "new")?;
                messages.add(&message, 1);
            }
        }
    }
    Ok(messages)
}

fn message(path: &Path, folder: &Folder, recent: bool) -> io::Result<Message> {
    Ok(Message {
        folder: folder.path.clone(),
        id: BlobId::of(&fs::read(path)?),
        flags: flags(path.file_name().unwrap_or_default().as_bytes()),
        recent,
        mtime: fs::metadata(path)?.mtime(),
    })
}

fn flags(name: &[u8]) -> Vec<u8> {
    let Some(at) = name.windows(3).rposition(|three| three == b":2,") else {
        return Vec::new();
    };
    let info = name.get(at + 3..).unwrap_or_default();
    let end = info.iter().position(|&byte| byte == b',');
    let (letters, rest) = info.split_at(end.unwrap_or(info.len()));
    let mut letters = letters.to_vec();
    letters.sort_unstable();
    letters.extend(rest);
    letters
}

#[cfg(test)]
mod tests {
    use super::super::mailbox::{self, Mailbox};
    use super::*;

    fn written(layout: mailbox::Layout) -> (tempfile::TempDir, Messages) {
        let dir = tempfile::tempdir().expect("a directory");
        let mailbox = Mailbox {
            layout,
            ..Mailbox::default()
        };
        let written = mailbox.write(dir.path()).expect("written");
        let read = read(dir.path()).expect("read");
        assert_eq!(read.files(), written.files);
        (dir, read)
    }

    #[test]
    fn the_same_mail_is_the_same_in_both_layouts() {
        let (_one, dotted) = written(mailbox::Layout::MaildirPlusPlus);
        let (_two, nested) = written(mailbox::Layout::Nested);
        assert_eq!(
            dotted.differing(&nested),
            0,
            "{:?}",
            dotted.examples(&nested)
        );
    }

    #[test]
    fn what_is_done_on_one_side_can_be_done_to_another() {
        let (dir, before) = written(mailbox::Layout::Nested);
        mailbox::deliver(dir.path(), Path::new("Sent"), b"one more").expect("delivered");
        let after = read(dir.path()).expect("read");
        assert_eq!(after.differing(&before), 1);
        assert_eq!(after.done_to(&before, &before), after);
        assert_eq!(before.done_to(&after, &after), before);
    }

    #[test]
    fn flags_are_sorted_and_other_text_stays() {
        assert_eq!(flags(b"1.x:2,SFR"), b"FRS");
        assert_eq!(flags(b"1.x:2,SR,x=1"), b"RS,x=1");
        assert_eq!(flags(b"1.x"), b"");
    }
}
