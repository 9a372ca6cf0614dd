//! What was done and not synced, and how to take it back.
//!
//! Every file that it names has a hard link in the side directory: its inode stays what it was
//! when it comes back, and is not given to another meanwhile.

#![allow(clippy::disallowed_methods)] // this is the disk

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, FileTimes, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mailvc_store::fs::{Fs, OsFs};

/// What a name stands for: the place in the side directory where it is while it has no name.
#[derive(Debug, Clone)]
pub(super) enum Object {
    File(PathBuf),
    Dir(PathBuf),
}

/// Entries of one directory that change together, or not at all.
#[derive(Debug)]
struct Change {
    number: u64,
    dir: PathBuf,
    entries: Vec<Entry>,
    /// The change without which this one is not seen: a file's arrival, for its departure.
    after: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    name: OsString,
    before: Option<Object>,
    after: Option<Object>,
}

/// What is on the platter of a file that was written to.
#[derive(Debug)]
struct Durable {
    size: u64,
    mtime: SystemTime,
}

#[derive(Debug)]
pub(super) struct Journal {
    side: PathBuf,
    made: u64,
    changes: Vec<Change>,
    files: HashMap<u64, Durable>,
}

impl Journal {
    pub(super) fn new(side: PathBuf) -> Self {
        Self {
            side,
            made: 0,
            changes: Vec::new(),
            files: HashMap::new(),
        }
    }

    fn link(&self, inode: u64) -> PathBuf {
        self.side.join(inode.to_string())
    }

    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Makes sure that the file `path` can come back.
    pub(super) fn keep(&self, path: &Path) -> io::Result<Object> {
        let link = self.link(fs::symlink_metadata(path)?.ino());
        match fs::hard_link(path, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(Object::File(link)),
        }
    }

    pub(super) fn keep_if_there(&self, path: &Path) -> io::Result<Option<Object>> {
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(None),
            Ok(_) => self.keep(path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records one entry's change; a path has a parent and a name here.
    fn entry(&mut self, path: &Path, before: Option<Object>, after: Option<Object>) -> u64 {
        let number = self.number();
        self.changes.push(Change {
            number,
            dir: path.parent().unwrap_or(path).to_owned(),
            entries: vec![named(path, before, after)],
            after: None,
        });
        number
    }

    pub(super) fn created_file(&mut self, path: &Path) -> io::Result<()> {
        let object = self.keep(path)?;
        let meta = fs::symlink_metadata(path)?;
        self.files.insert(meta.ino(), durable(&meta)?);
        self.entry(path, None, Some(object));
        Ok(())
    }

    pub(super) fn created_dir(&mut self, path: &Path) {
        let park = self.park();
        self.entry(path, None, Some(Object::Dir(park)));
    }

    pub(super) fn removed_dir(&mut self, path: &Path) {
        let park = self.park();
        self.entry(path, Some(Object::Dir(park)), None);
    }

    fn park(&mut self) -> PathBuf {
        let number = self.number();
        self.side.join(format!("dir-{number}"))
    }

    pub(super) fn removed(&mut self, path: &Path, what: Option<Object>) {
        self.entry(path, what, None);
    }

    pub(super) fn renamed(
        &mut self,
        from: &Path,
        to: &Path,
        moved: Object,
        replaced: Option<Object>,
    ) {
        if from == to {
            return;
        }
        let arrival = self.entry(to, replaced, Some(moved.clone()));
        if from.parent() == to.parent() {
            if let Some(change) = self.changes.last_mut() {
                change.entries.insert(0, named(from, Some(moved), None));
            }
        } else {
            self.entry(from, Some(moved), None);
            if let Some(change) = self.changes.last_mut() {
                change.after = Some(arrival);
            }
        }
    }

    /// The file's bytes or times are about to change.
    pub(super) fn changing(&mut self, path: &Path) -> io::Result<()> {
        self.keep(path)?;
        self.changing_inode(fs::symlink_metadata(path)?.ino())
    }

    pub(super) fn changing_inode(&mut self, inode: u64) -> io::Result<()> {
        if !self.files.contains_key(&inode) {
            let meta = fs::symlink_metadata(self.link(inode))?;
            self.files.insert(inode, durable(&meta)?);
        }
        Ok(())
    }

    pub(super) fn sync_file(&mut self, inode: u64) {
        if let Ok(meta) = fs::symlink_metadata(self.link(inode))
            && let Ok(now) = durable(&meta)
        {
            // Kept in the map: the file may still be open, and be written to.
            self.files.insert(inode, now);
        }
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        self.changes.retain(|change| change.dir != dir);
    }

    pub(super) fn sync_all(&mut self) {
        self.changes.clear();
        let inodes: Vec<u64> = self.files.keys().copied().collect();
        for inode in inodes {
            self.sync_file(inode);
        }
    }

    /// Takes back what was not synced; with a seed, all of it but a random part.
    pub(super) fn rewind(&mut self, seed: Option<u64>) -> io::Result<()> {
        let changes = std::mem::take(&mut self.changes);
        for change in changes.iter().rev() {
            for entry in change.entries.iter().rev() {
                take_back(&change.dir.join(&entry.name), entry)?;
            }
        }
        let mut chance = seed.map(Chance);
        if let Some(chance) = &mut chance {
            replay(&changes, chance)?;
        }
        for (inode, durable) in std::mem::take(&mut self.files) {
            rewind_file(&self.link(inode), &durable, chance.as_mut())?;
        }
        Ok(())
    }
}

fn named(path: &Path, before: Option<Object>, after: Option<Object>) -> Entry {
    Entry {
        name: path.file_name().unwrap_or_default().to_owned(),
        before,
        after,
    }
}

fn durable(meta: &Metadata) -> io::Result<Durable> {
    Ok(Durable {
        size: meta.len(),
        mtime: meta.modified()?,
    })
}

/// Does again what survives, in order.
fn replay(changes: &[Change], chance: &mut Chance) -> io::Result<()> {
    let mut lost = Vec::new();
    for change in changes {
        // No file system forgets the arrival of a file and remembers its departure.
        let orphan = change.after.is_some_and(|arrival| lost.contains(&arrival));
        if orphan || chance.below(2) == 0 {
            lost.push(change.number);
            continue;
        }
        for entry in &change.entries {
            set(&change.dir.join(&entry.name), entry.after.as_ref())?;
        }
    }
    Ok(())
}

fn take_back(path: &Path, entry: &Entry) -> io::Result<()> {
    match (&entry.before, &entry.after) {
        // With what lies in it: whoever brings it back brings that back too.
        (None, Some(Object::Dir(park))) => unless_missing(fs::rename(path, park)),
        (before, _) => set(path, before.as_ref()),
    }
}

/// Lets `path` stand for `object`, or for nothing. Where the directory itself is gone there is
/// nothing to do.
fn set(path: &Path, object: Option<&Object>) -> io::Result<()> {
    let result = match object {
        None => clear(path),
        Some(Object::File(link)) => clear(path).and_then(|()| fs::hard_link(link, path)),
        Some(Object::Dir(park)) if park.exists() => fs::rename(park, path),
        Some(Object::Dir(_)) => match OsFs.create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        },
    };
    unless_missing(result)
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let dir = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let result = if dir {
        fs::remove_dir(path)
    } else {
        fs::remove_file(path)
    };
    match result {
        // What is in it survived, so it did.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => unless_missing(other),
    }
}

fn rewind_file(link: &Path, durable: &Durable, chance: Option<&mut Chance>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(link)?;
    let size = file.metadata()?.len();
    let unsynced = size.saturating_sub(durable.size);
    file.set_len(match &chance {
        None => durable.size.min(size),
        Some(_) => size,
    })?;
    if let Some(chance) = chance {
        // Up to here written, up to there allocated: zeros between.
        let written = durable.size + chance.below(unsynced + 1);
        let allocated = written + chance.below(size.saturating_sub(written) + 1);
        file.set_len(written)?;
        file.set_len(allocated)?;
    }
    file.set_times(FileTimes::new().set_modified(durable.mtime))
}

/// Enough randomness to choose what survives.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 29)) >> 16) % bound
    }
}
