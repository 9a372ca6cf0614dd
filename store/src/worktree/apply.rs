//! Carries out a plan while mail clients and deliveries go on.
//!
//! Messages are added first and removed last, so that a crash at any point leaves too much, never
//! too little. A message is removed only after the very file has been taken out of everybody's
//! reach, hashed, and found in the store (P1).

mod adding;
mod changing;
mod foldering;
mod mending;
mod moving;
mod recording;
mod removing;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, Name, Rows};
use super::listing::Sides;
use super::{Maildir, Plan, WorktreeError, trees};
use crate::index::{FileRow, Index};
use crate::maildir::{Flags, FolderPath, UniqueNames};
use crate::object::{BlobId, EntryKey, FolderMap, MessageCopy};
use crate::odb::ObjectRead;
use crate::progress::{Phase, Progress};

pub(super) use removing::hash_file;

/// What a folder consists of. `cur` is made last, and removed last.
const SUB_DIRS: [&str; 3] = ["tmp", "new", "cur"];

/// Up to so many files or directories, each is flushed by itself: cheaper than flushing all that
/// others wrote to the disk. Each flush of its own waits for the disk, whatever it has to flush.
const FEW: usize = 16;

/// Something that did not go as planned, because somebody else was at work too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyNote {
    /// A file that was to be removed held something else than expected; it stays.
    OtherContent(PathBuf),
    /// The store did not return a message that was to be removed; the file stays.
    NotInStore(PathBuf),
    /// A file was changed or moved by somebody else meanwhile; that stands.
    ChangedMeanwhile(PathBuf),
    /// A folder that was to be removed is not empty; it stays.
    FolderKept(FolderPath),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Applied {
    /// Messages written.
    pub added: u64,
    /// Damaged files replaced by the whole message.
    pub mended: u64,
    /// Messages whose flags, place or time were set.
    pub changed: u64,
    /// Messages moved to another folder.
    pub moved: u64,
    /// Messages removed.
    pub removed: u64,
    /// What did not go as planned.
    pub notes: Vec<ApplyNote>,
}

/// What applying works with.
pub struct Applier<'a> {
    /// The Maildir.
    pub maildir: &'a Maildir,
    /// The index, which knows the files' names.
    pub index: &'a Index,
    /// The store.
    pub odb: &'a dyn ObjectRead,
    /// Marks our files in `tmp`, so that nobody else's are swept.
    pub tag: &'a str,
    /// Makes file names.
    pub names: &'a UniqueNames,
    /// Told of messages.
    pub progress: &'a dyn Progress,
}

impl Applier<'_> {
    /// A path of ours in the folder's `tmp`.
    fn scratch(&self, folder: &FolderPath, what: &str) -> PathBuf {
        let unique = String::from_utf8_lossy(&self.names.next(0)).into_owned();
        let name = format!("{}{what}.{unique}", super::sweep::prefix(self.tag));
        self.maildir.dir(folder).join("tmp").join(name)
    }
}

/// Makes the Maildir what `target` says, by `plan`, which leads there from what the index knows.
/// When this returns, everything is durable and the index knows of it.
pub fn apply(
    applier: &Applier<'_>,
    plan: &Plan,
    target: &FolderMap,
) -> Result<Applied, WorktreeError> {
    let mut run = Run::new(applier, plan)?;
    let total = plan.add.len() + plan.change.len() + plan.moves.len() + plan.remove.len();
    let total = total + plan.mend.len();
    applier.progress.begin(Phase::Write, Some(total as u64));
    run.make_folders(&plan.make)?;
    run.add(&plan.add)?;
    run.write_whole(&plan.mend)?;
    run.change(&plan.change)?;
    run.move_all(&plan.moves)?;
    run.sync_touched()?;
    run.remove(&plan.remove)?;
    run.remove_damaged(&plan.mend)?;
    run.sync_touched()?;
    run.drop_folders(&plan.drop)?;
    if let Some(lines) = &plan.subscriptions {
        applier.maildir.write_subscriptions(lines)?;
    }
    run.record(target)
}

/// One execution of a plan.
struct Run<'a> {
    applier: &'a Applier<'a>,
    /// The files of the messages that the plan touches, by folder and message.
    known: BTreeMap<FolderPath, HashMap<BlobId, Rows>>,
    put: BTreeMap<FolderPath, Rows>,
    gone: BTreeMap<FolderPath, Vec<Name>>,
    /// Directories to be made durable; those that gained files stand in the first set.
    gained: BTreeSet<PathBuf>,
    lost: BTreeSet<PathBuf>,
    touched: BTreeSet<FolderPath>,
    inexact: BTreeSet<FolderPath>,
    dropped: BTreeSet<FolderPath>,
    done: Applied,
}

impl<'a> Run<'a> {
    fn new(applier: &'a Applier<'a>, plan: &Plan) -> Result<Self, WorktreeError> {
        let mut wanted: BTreeMap<&FolderPath, HashSet<BlobId>> = BTreeMap::new();
        let changes = plan.change.iter().map(|step| (&step.folder, step.key.blob));
        let moves = plan.moves.iter().map(|step| (&step.from, step.key.blob));
        let removes = plan.remove.iter().map(|step| (&step.folder, step.key.blob));
        for (folder, blob) in changes.chain(moves).chain(removes) {
            wanted.entry(folder).or_default().insert(blob);
        }
        let damaged = plan.mend.iter().map(|step| (&step.folder, &step.name));
        let damaged: BTreeSet<_> = damaged.collect();
        let mut known = BTreeMap::new();
        for (folder, blobs) in wanted {
            let mut files: HashMap<BlobId, Rows> = HashMap::new();
            applier.index.each_file(folder, b"", &mut |name, row| {
                if blobs.contains(&row.blob) {
                    let rows = files.entry(row.blob).or_default();
                    rows.push((name.to_vec(), row));
                }
            })?;
            // A damaged file is nobody's but the mending step's.
            for rows in files.values_mut() {
                rows.retain(|(name, _)| !damaged.contains(&(folder, name)));
            }
            known.insert(folder.clone(), files);
        }
        Ok(Self {
            applier,
            known,
            put: BTreeMap::new(),
            gone: BTreeMap::new(),
            gained: BTreeSet::new(),
            lost: BTreeSet::new(),
            touched: BTreeSet::new(),
            inexact: BTreeSet::new(),
            dropped: BTreeSet::new(),
            done: Applied::default(),
        })
    }

    fn maildir(&self) -> &'a Maildir {
        self.applier.maildir
    }

    /// Takes the file of a message out of those that are known: the one that says `copy`.
    fn take_known(
        &mut self,
        folder: &FolderPath,
        blob: BlobId,
        copy: &MessageCopy,
    ) -> Option<(Name, FileRow)> {
        let rows = self.known.get_mut(folder)?.get_mut(&blob)?;
        let at = rows
            .iter()
            .position(|(name, row)| trees::copy_of(name, row) == *copy)?;
        Some(rows.swap_remove(at))
    }

    /// Finds a file that somebody renamed, by its unique part.
    fn find_renamed(
        &self,
        folder: &FolderPath,
        name: &[u8],
    ) -> Result<Option<Name>, WorktreeError> {
        let listing = super::listing::list(self.maildir(), folder, Sides::BOTH)?;
        let unique = files::unique(name);
        let found = listing
            .iter()
            .find(|(name, _)| files::unique(name) == unique);
        Ok(found.map(|(name, _)| name.to_vec()))
    }

    /// A fresh name under `cur/` or `new/` for a message.
    fn fresh_name(&self, size: u64, copy: &MessageCopy) -> Name {
        named(&self.applier.names.next(size), copy.recent, &copy.flags)
    }

    /// Records that a file lies at `name` now.
    fn note_put(&mut self, folder: &FolderPath, name: Name, row: FileRow) {
        self.gained
            .insert(parent(&self.maildir().file(folder, &name)));
        self.touched.insert(folder.clone());
        self.put
            .entry(folder.clone())
            .or_default()
            .push((name, row));
    }

    /// Records that no file lies at `name` any more.
    fn note_gone(&mut self, folder: &FolderPath, name: Name) {
        self.lost
            .insert(parent(&self.maildir().file(folder, &name)));
        self.touched.insert(folder.clone());
        self.gone.entry(folder.clone()).or_default().push(name);
    }

    /// Records that a folder is no longer what the plan assumed.
    fn note(&mut self, folder: &FolderPath, note: ApplyNote) {
        self.touched.insert(folder.clone());
        self.inexact.insert(folder.clone());
        self.done.notes.push(note);
    }

    /// The row of a file that is known by `row`, as it now lies at `name`.
    fn row_at(
        &self,
        folder: &FolderPath,
        name: &[u8],
        row: &FileRow,
    ) -> Result<FileRow, WorktreeError> {
        let path = self.maildir().file(folder, name);
        match self.maildir().fs.lstat(&path) {
            Ok(stat) => Ok(FileRow {
                inode: stat.inode,
                mtime_ns: stat.mtime_ns,
                ctime_ns: stat.ctime_ns,
                ..*row
            }),
            // Somebody has it already; the next scan finds out.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(*row),
            Err(error) => Err(WorktreeError::at(path)(error)),
        }
    }

    /// Makes the directories durable that gained or lost files: those that gained first.
    fn sync_touched(&mut self) -> Result<(), WorktreeError> {
        let gained = std::mem::take(&mut self.gained);
        let lost = std::mem::take(&mut self.lost);
        let dirs: Vec<&PathBuf> = gained.iter().chain(lost.difference(&gained)).collect();
        if dirs.len() > FEW {
            return self.sync_disks(dirs);
        }
        for dir in dirs {
            let synced = self.maildir().fs.sync_dir(dir);
            synced.map_err(WorktreeError::at(dir))?;
        }
        Ok(())
    }

    /// Flushes each disk on which directories lie, in their order: a folder may be a link to
    /// elsewhere.
    fn sync_disks<'p>(
        &self,
        dirs: impl IntoIterator<Item = &'p PathBuf>,
    ) -> Result<(), WorktreeError> {
        let fs = &*self.maildir().fs;
        let mut disks = BTreeSet::new();
        for dir in dirs {
            let device = fs.stat(dir).map_err(WorktreeError::at(dir))?.device;
            if disks.insert(device) {
                fs.sync_all(dir).map_err(WorktreeError::at(dir))?;
            }
        }
        Ok(())
    }
}

/// A name under `cur/` or `new/`.
fn named(base: &[u8], recent: bool, flags: &Flags) -> Name {
    let file = crate::maildir::FileName::parse(base).with_flags(recent, flags);
    [if recent { b"new/" } else { b"cur/" }, file.as_slice()].concat()
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// The row of a message that was just written.
fn row_of(key: EntryKey, size: u64) -> FileRow {
    FileRow {
        blob: key.blob,
        day: key.day.0,
        size,
        inode: 0,
        mtime_ns: 0,
        ctime_ns: 0,
    }
}

/// Carries over to `now`, which somebody else has changed, what was to change from `from` to `to`.
fn rebase_flags(from: &Flags, to: &Flags, now: &Flags) -> Flags {
    let mut flags = now.clone();
    let removed = |letter: &u8| from.letters().contains(letter) && !to.letters().contains(letter);
    let kept = now
        .letters()
        .iter()
        .copied()
        .filter(|letter| !removed(letter));
    let added = to
        .letters()
        .iter()
        .copied()
        .filter(|letter| !from.letters().contains(letter));
    flags.set_letters(kept.chain(added).collect::<Vec<_>>());
    if from.tail() != to.tail() {
        flags.set_tail(to.tail());
    }
    flags
}
