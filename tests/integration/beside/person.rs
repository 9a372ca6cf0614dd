//! Somebody at the second device, for whom a letter is the same letter whatever mbsync has added.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mailvc_tests::mail_client::Change;
use mailvc_tests::maildir::{self, Message};
use mailvc_tests::random::Random;

use super::letters::{is_ours, with, without_added};
use super::scene::FOLDERS;

pub(super) struct Person {
    root: PathBuf,
    random: Random,
}

impl Person {
    pub(super) fn new(root: &Path, seed: u64) -> Self {
        Self {
            root: root.to_owned(),
            random: Random::new(seed),
        }
    }

    /// Flags a letter, or files it elsewhere.
    pub(super) fn work(&mut self) -> io::Result<Vec<Change>> {
        let mut theirs = all(&self.root)?;
        theirs.retain(|(_, message)| !is_ours(message));
        if theirs.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.random.below(theirs.len() as u64) as usize;
        let (path, before) = theirs.swap_remove(at);
        let after = if self.random.below(3) == 0 {
            let folder = FOLDERS[self.random.below(3) as usize];
            rename(&path, &self.root.join(folder), &before.flags)?
        } else {
            let flag = b"FRS"[self.random.below(3) as usize];
            let flags = with(&before.flags, flag);
            rename(&path, folder_of(&path), &flags)?
        };
        let hash = before.hash;
        let after = maildir::look(&self.root, &after, b"")?;
        Ok(vec![(Some(before), Some(Message { hash, ..after }))])
    }
}

/// All messages as they are without what mbsync added.
pub(super) fn all(root: &Path) -> io::Result<Vec<(PathBuf, Message)>> {
    let mut found = Vec::new();
    for (path, _) in maildir::listed(root)? {
        let bytes = fs::read(&path);
        let look = |bytes: Vec<u8>| maildir::look(root, &path, &without_added(&bytes));
        match bytes.and_then(look) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            message => found.push((path, message?)),
        }
    }
    Ok(found)
}

/// The directory of the folder in which a file lies.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.ancestors().nth(2).unwrap_or(path)
}

/// Files a message under its own name with other flags.
pub(super) fn rename(path: &Path, folder: &Path, flags: &[u8]) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let base = name.split(":2,").next().unwrap_or_default();
    let name = format!("{base}:2,{}", String::from_utf8_lossy(flags));
    let target = folder.join("cur").join(name);
    fs::rename(path, &target)?;
    Ok(target)
}
