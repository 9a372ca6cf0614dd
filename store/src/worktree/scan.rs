//! What is in the Maildir now, as a folder map, at the cost of what changed.
//!
//! A directory is listed only if its times differ from those of its last listing, or those were
//! too fresh to be trusted; only files that a listing newly names are read. A scan is a
//! *consistent cut*: when it ends, no directory has changed since its own listing began. Where it
//! cannot be made one, or a folder cannot be looked into, or was replaced, the scan says so, and
//! what is missing there is not taken for deleted.

mod finishing;
mod looking;
mod problem;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::files::Name;
use super::folders::Discovery;
use super::listing::{ListedAt, Sides, Stamps};
use super::{Maildir, Mend, WorktreeError};
use crate::index::{FileRow, FolderChange, FolderRow, Index};
use crate::maildir::FolderPath;
use crate::object::{BlobId, FolderMap};
use crate::odb::Batch;
use crate::progress::Progress;

pub use problem::{Problem, ProblemKind};

/// How often a scan looks again before it gives up on a Maildir that does not hold still.
const ROUNDS: usize = 12;
/// A directory that changed so shortly before it was listed may have changed again in the same
/// tick of the file system's clock.
const TICK_NS: i64 = 20_000_000;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// List the directories whose times changed.
    Changed,
    /// List every directory.
    List,
    /// List every directory, and compare every file's size and times with the index.
    Stat,
}

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    /// The Maildir as it is. Folders that could not be looked into are as in the local snapshot.
    pub map: FolderMap,
    /// What was strange.
    pub problems: Vec<Problem>,
    /// The files that were damaged in place, each with what mends it.
    pub damaged: Vec<Mend>,
    /// The folders that could not be looked into: what lies in them is as in the local snapshot.
    pub hidden: BTreeSet<FolderPath>,
    /// Whether the map is one moment's state. If not, nothing missing in it counts as deleted.
    pub consistent: bool,
    /// What the index must be told once the batch is durable.
    pub rows: Vec<FolderChange>,
    /// How many files were read.
    pub read: u64,
}

impl Scan {
    /// The folders in which what is missing may just not be visible.
    pub fn doubtful(&self) -> impl Iterator<Item = &FolderPath> {
        self.problems
            .iter()
            .filter(|p| p.kind.hides_mail())
            .filter_map(|p| p.folder.as_ref())
    }

    /// Whether something could not be seen that may be seen the next time, and in which whatever
    /// is missing may lie.
    pub fn failed(&self) -> bool {
        let mut kinds = self.problems.iter().map(|problem| &problem.kind);
        kinds.any(|kind| matches!(kind, ProblemKind::Failed(_)))
    }
}

/// Looks at a Maildir.
pub struct Scanner<'a> {
    /// The Maildir.
    pub maildir: &'a Maildir,
    /// What was seen the last time.
    pub index: &'a Index,
    /// The local snapshot's folders, if there is one.
    pub local: &'a FolderMap,
    /// How closely to look.
    pub depth: Depth,
    /// Whether nothing must be left of what is found.
    pub dry_run: bool,
    /// Told of directories and files.
    pub progress: &'a dyn Progress,
}

/// One folder while it is looked at.
struct Work {
    folder: FolderPath,
    row: FolderRow,
    stamps: Stamps,
    /// The index's rows under names that are gone, or stand for something else now.
    gone: BTreeMap<Name, FileRow>,
    /// The rows that the index lacks.
    found: BTreeMap<Name, FileRow>,
    /// What damaged files held: what is known of the message, and what is there instead.
    damaged: BTreeMap<Name, (FileRow, BlobId)>,
    pending: Vec<Pending>,
    /// When the last listings began.
    listed_at: ListedAt,
    /// What must be listed.
    stale: Sides,
    vanished: bool,
    /// A file could not be read: the directory is listed again the next time.
    unread: bool,
    /// How many files the index knows here; none before the folder was listed.
    files: Option<u64>,
    /// Whether the index knew nothing of the folder when the scan began.
    unknown: bool,
}

impl Work {
    fn new(folder: FolderPath, row: FolderRow, (stamps, stale): (Stamps, Sides)) -> Self {
        Self {
            folder,
            row,
            stamps,
            gone: BTreeMap::new(),
            found: BTreeMap::new(),
            damaged: BTreeMap::new(),
            pending: Vec::new(),
            listed_at: ListedAt::default(),
            stale,
            vanished: false,
            unread: false,
            files: None,
            unknown: false,
        }
    }

    /// Notes what stands under a name: `before` is what the index has there.
    fn set(&mut self, name: Name, before: Option<FileRow>, now: FileRow) {
        if before == Some(now) {
            self.gone.remove(&name);
            self.found.remove(&name);
            return;
        }
        if let Some(before) = before {
            self.gone.insert(name.clone(), before);
        }
        self.found.insert(name, now);
    }
}

/// A file that must be read.
struct Pending {
    name: Name,
    inode: u64,
    /// What is known of the message that it was, under this name or another.
    known: Option<Box<Known>>,
}

struct Known {
    row: FileRow,
    /// Whether the index has the row under this very name.
    here: bool,
}

/// What a scan collects on its way.
#[derive(Default)]
struct State {
    works: BTreeMap<FolderPath, Work>,
    /// Folders that could not be looked into. One that failed once is not tried again: the scan
    /// would never hold still.
    hidden: BTreeSet<FolderPath>,
    problems: Vec<Problem>,
    read: u64,
}

impl Scanner<'_> {
    /// Looks, and stores in `batch` what is new.
    pub fn scan(&self, batch: &Batch<'_>) -> Result<Scan, WorktreeError> {
        let trust = times_can_be_trusted(&self.maildir.root);
        let known: BTreeMap<_, _> = self.index.folders()?.into_iter().collect();
        let mut state = State::default();
        self.discover(&known, &mut state, trust)?;
        let mut consistent = false;
        for round in 0..ROUNDS {
            if self.progress.cancelled() {
                return Err(WorktreeError::Cancelled);
            }
            self.look_at_stale(&mut state)?;
            self.read_pending(batch, &mut state)?;
            self.discover(&known, &mut state, trust)?;
            if Self::mark_doubtful_listings(&mut state, &known, trust) {
                std::thread::sleep(Duration::from_nanos(
                    TICK_NS as u64 * (1 + round as u64 / 4),
                ));
            }
            if state.works.values().all(|work| !work.stale.any()) {
                consistent = true;
                break;
            }
        }
        self.finish(batch, state, &known, consistent)
    }

    /// Finds the folders and takes their directories' times. Those that changed since they were
    /// listed become stale.
    fn discover(
        &self,
        known: &BTreeMap<FolderPath, FolderRow>,
        state: &mut State,
        trust: bool,
    ) -> Result<(), WorktreeError> {
        let Discovery { folders, problems } = self.maildir.discover()?;
        if folders.is_empty() && problems.is_empty() {
            return Err(WorktreeError::NotAMaildir(self.maildir.root.clone()));
        }
        for problem in problems {
            let hides = problem.kind.hides_mail();
            let hidden = problem.folder.clone().filter(|_| hides);
            state.hidden.extend(hidden);
            report(state, problem);
        }
        state.works.retain(|folder, _| folders.contains(folder));
        for folder in folders {
            if state.hidden.contains(&folder) {
                continue;
            }
            match Stamps::take(self.maildir, &folder, trust) {
                Ok(stamps) => self.note_stamps(state, known, folder, stamps),
                Err(WorktreeError::Io { path, source }) => {
                    let kind = ProblemKind::of(&source);
                    report(
                        state,
                        Problem {
                            path,
                            folder: Some(folder.clone()),
                            kind,
                        },
                    );
                    state.works.remove(&folder);
                    state.hidden.insert(folder);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_stamps(
        &self,
        state: &mut State,
        known: &BTreeMap<FolderPath, FolderRow>,
        folder: FolderPath,
        stamps: Stamps,
    ) {
        if let Some(work) = state.works.get_mut(&folder) {
            work.stale = work.stale.or(work.stamps.changed(&stamps));
            if work.stale.any() {
                work.stamps = stamps;
            }
            return;
        }
        let before = known.get(&folder).copied();
        let row = before.unwrap_or_default();
        let listed = Stamps {
            new: row.new,
            cur: row.cur,
        };
        let stale = if row.tree.is_none() || self.depth > Depth::Changed {
            Sides::BOTH
        } else {
            listed.unsettled().or(listed.changed(&stamps))
        };
        let mut work = Work::new(folder.clone(), row, (stamps, stale));
        work.unknown = before.is_none();
        state.works.insert(folder, work);
    }

    /// If something is missing, a directory that was listed within a tick of its last change must
    /// be listed again. Returns whether to wait for that tick to pass.
    fn mark_doubtful_listings(
        state: &mut State,
        known: &BTreeMap<FolderPath, FolderRow>,
        trust: bool,
    ) -> bool {
        let vanished = state.works.values().any(|work| work.vanished)
            || known.keys().any(|folder| !state.works.contains_key(folder));
        if vanished {
            for work in state.works.values_mut() {
                let doubtful = work.stamps.doubtful(&work.listed_at, TICK_NS, trust);
                work.stale = work.stale.or(doubtful);
            }
        }
        state.works.values().any(|work| work.stale.any())
    }
}

fn report(state: &mut State, problem: Problem) {
    if !state.problems.contains(&problem) {
        state.problems.push(problem);
    }
}

/// Network and user-space file systems keep times by another clock, or not at all.
fn times_can_be_trusted(root: &std::path::Path) -> bool {
    /// Magic numbers of `statfs(2)`: NFS, SMB, SMB2, CIFS, FUSE, 9P, AFS.
    const REMOTE: [i64; 7] = [
        0x6969,
        0x517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x5346_414f,
    ];
    #[allow(clippy::useless_conversion)] // elsewhere the field is narrower
    rustix::fs::statfs(root).is_ok_and(|stat| !REMOTE.contains(&i64::from(stat.f_type)))
}
