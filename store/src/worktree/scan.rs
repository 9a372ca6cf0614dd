//! What is in the Maildir now, as a folder map, at the cost of what changed.
//!
//! A directory is listed only if its times differ from those of its last listing, or those were
//! too fresh to be trusted; only files that a listing newly names are read. A scan is a
//! *consistent cut*: when it ends, no directory has changed since its own listing began. Where it
//! cannot be made one, or a folder cannot be looked into, or was replaced, the scan says so, and
//! what is missing there is not taken for deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use super::files::{self, Name, Rows};
use super::folders::Discovery;
use super::listing::{self, Stamps};
use super::{Maildir, Mend, WorktreeError, trees};
use crate::fs::SharedFs;
use crate::index::{FileRow, FolderChange, FolderRow, Index};
use crate::maildir::FolderPath;
use crate::object::{BlobId, FolderMap};
use crate::odb::{AddedBlob, Batch, BlobSource, ObjectRead};
use crate::progress::{Phase, Progress};
use crate::time::now_ns;

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

/// Something in the Maildir that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// The folder that is concerned, where the path is one.
    pub folder: Option<FolderPath>,
    /// What.
    pub kind: ProblemKind,
}

/// What is wrong with a folder or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A symbolic link that leads nowhere: what was behind it is not taken for deleted.
    DanglingSymlink,
    /// The system refused to list or read it: what was in it is not taken for deleted.
    Unreadable(String),
    /// A folder name that no snapshot can hold; the folder is left alone.
    FolderName,
    /// A directory or link where messages lie; left alone.
    NotAFile,
    /// The file was emptied, zero-filled or cut short in place: the store keeps the whole
    /// message, and `restore` mends the file.
    Damaged(BlobId),
    /// Half of a folder's files were replaced by others of the same names, as by a restored
    /// backup: what is missing in it is not taken for deleted.
    Replaced,
}

impl ProblemKind {
    /// Whether what is missing in that place may just not be visible.
    pub fn hides_mail(&self) -> bool {
        matches!(
            self,
            Self::DanglingSymlink | Self::Unreadable(_) | Self::Replaced
        )
    }
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
    /// Told of directories and files.
    pub progress: &'a dyn Progress,
}

/// One folder while it is looked at.
struct Work {
    folder: FolderPath,
    row: FolderRow,
    stamps: Stamps,
    /// The rows that the index has; empty until the folder is listed.
    indexed: Rows,
    /// The rows as of the last look.
    rows: Rows,
    pending: Vec<Pending>,
    /// When the last listing began; 0 if the folder was not listed.
    listed_at: i64,
    stale: bool,
    vanished: bool,
    replaced: usize,
}

/// A file that must be read.
struct Pending {
    name: Name,
    inode: u64,
    /// What the index knew under this name.
    known: Option<FileRow>,
}

struct Source {
    fs: SharedFs,
    path: PathBuf,
}

impl BlobSource for Source {
    fn open(&self) -> std::io::Result<std::fs::File> {
        self.fs.open(&self.path)
    }
}

/// What a scan collects on its way.
#[derive(Default)]
struct State {
    works: BTreeMap<FolderPath, Work>,
    /// Folders that could not be looked into. One that failed once is not tried again: the scan
    /// would never hold still.
    hidden: BTreeSet<FolderPath>,
    problems: Vec<Problem>,
    /// What damaged files held: what is known of the message, and what is there instead.
    damaged: BTreeMap<(FolderPath, Name), (FileRow, BlobId)>,
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
            if Self::mark_doubtful_listings(&mut state, &known) {
                std::thread::sleep(Duration::from_nanos(
                    TICK_NS as u64 * (1 + round as u64 / 4),
                ));
            }
            if state.works.values().all(|work| !work.stale) {
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
                    let kind = ProblemKind::Unreadable(source.to_string());
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
            work.stale |= !work.stamps.still_holds(&stamps);
            if !work.stale {
                return;
            }
            work.stamps = stamps;
            return;
        }
        let row = known.get(&folder).copied().unwrap_or_default();
        let listed = Stamps {
            new: row.new,
            cur: row.cur,
        };
        let fresh = row.tree.is_none()
            || !listed.settled()
            || !listed.still_holds(&stamps)
            || self.depth > Depth::Changed;
        let work = Work {
            folder: folder.clone(),
            row,
            stamps,
            indexed: Rows::new(),
            rows: Rows::new(),
            pending: Vec::new(),
            listed_at: 0,
            stale: fresh,
            vanished: false,
            replaced: 0,
        };
        state.works.insert(folder, work);
    }

    fn look_at_stale(&self, state: &mut State) -> Result<(), WorktreeError> {
        let stale = state.works.values().filter(|work| work.stale).count() as u64;
        if stale > 0 {
            self.progress.begin(Phase::List, Some(stale));
        }
        let mut problems = Vec::new();
        let mut lost = Vec::new();
        for work in state.works.values_mut().filter(|work| work.stale) {
            match self.look(work) {
                Ok(strange) => problems.extend(strange),
                Err(WorktreeError::Io { path, source }) => {
                    let kind = ProblemKind::Unreadable(source.to_string());
                    problems.push(Problem {
                        path,
                        folder: Some(work.folder.clone()),
                        kind,
                    });
                    lost.push(work.folder.clone());
                }
                Err(error) => return Err(error),
            }
            self.progress.advance(1, 0);
        }
        for folder in lost {
            state.works.remove(&folder);
            state.hidden.insert(folder);
        }
        for problem in problems {
            report(state, problem);
        }
        Ok(())
    }

    /// Lists one folder and finds out what of it must be read.
    fn look(&self, work: &mut Work) -> Result<Vec<Problem>, WorktreeError> {
        if work.listed_at == 0 {
            work.indexed = self.index.files(&work.folder)?;
            work.rows.clone_from(&work.indexed);
        }
        work.listed_at = now_ns();
        work.stale = false;
        let listing = listing::list(self.maildir, &work.folder)?;
        let known = work.rows.len();
        let files::Compared {
            mut same,
            replaced,
            fresh,
            gone,
        } = files::compare(std::mem::take(&mut work.rows), listing.files);
        if self.depth == Depth::Stat {
            self.recheck(work, &mut same);
        }
        work.replaced = work.replaced.max(replaced.len());
        work.rows = same;
        let known_again = replaced.into_iter().map(|(name, row)| Pending {
            name,
            inode: 0,
            known: Some(row),
        });
        work.pending.extend(known_again);
        self.match_renames(work, fresh, gone);
        work.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let at = |name: &Name| self.maildir.file(&work.folder, name);
        let problem = |path, kind| Problem {
            path,
            folder: Some(work.folder.clone()),
            kind,
        };
        let mut problems: Vec<Problem> = listing
            .strange
            .iter()
            .map(|name| Problem {
                folder: None,
                ..problem(at(name), ProblemKind::NotAFile)
            })
            .collect();
        if known >= 4 && work.replaced * 2 >= known {
            problems.push(problem(
                self.maildir.dir(&work.folder),
                ProblemKind::Replaced,
            ));
        }
        Ok(problems)
    }

    /// Finds names that vanished under new names: the same inode, unique part, size and time is
    /// the same file, whose flags a mail client changed. All other new names must be read.
    fn match_renames(&self, work: &mut Work, fresh: Vec<(Name, u64)>, gone: Rows) {
        let mut gone: BTreeMap<(u64, Vec<u8>), FileRow> = gone
            .into_iter()
            .map(|(name, row)| ((row.inode, files::unique(&name).to_vec()), row))
            .collect();
        for (name, inode) in fresh {
            let place = (inode, files::unique(&name).to_vec());
            let row = gone
                .get(&place)
                .filter(|row| self.is_unchanged(&work.folder, &name, row));
            match row.and_then(|row| self.restat(&work.folder, &name, row)) {
                Some(row) => {
                    gone.remove(&place);
                    work.rows.push((name, row));
                }
                None => work.pending.push(Pending {
                    name,
                    inode,
                    known: None,
                }),
            }
        }
        work.vanished |= !gone.is_empty();
    }

    fn is_unchanged(&self, folder: &FolderPath, name: &[u8], row: &FileRow) -> bool {
        self.maildir
            .fs
            .lstat(&self.maildir.file(folder, name))
            .is_ok_and(|stat| {
                (stat.inode, stat.size, stat.mtime_ns) == (row.inode, row.size, row.mtime_ns)
            })
    }

    fn restat(&self, folder: &FolderPath, name: &[u8], row: &FileRow) -> Option<FileRow> {
        let stat = self
            .maildir
            .fs
            .lstat(&self.maildir.file(folder, name))
            .ok()?;
        Some(FileRow {
            ctime_ns: stat.ctime_ns,
            ..*row
        })
    }

    /// Sends files whose size or times differ from the index to be read again.
    fn recheck(&self, work: &mut Work, same: &mut Rows) {
        let mut pending = Vec::new();
        same.retain(|(name, row)| {
            let path = self.maildir.file(&work.folder, name);
            let Ok(stat) = self.maildir.fs.lstat(&path) else {
                return true;
            };
            let seen = (stat.size, stat.mtime_ns, stat.ctime_ns);
            let holds = seen == (row.size, row.mtime_ns, row.ctime_ns);
            if !holds {
                let known = Some(*row);
                pending.push(Pending {
                    name: name.clone(),
                    inode: stat.inode,
                    known,
                });
            }
            holds
        });
        work.pending.extend(pending);
    }

    /// Reads what the last look found to be new.
    fn read_pending(&self, batch: &Batch<'_>, state: &mut State) -> Result<(), WorktreeError> {
        let mut wanted: Vec<(FolderPath, Pending)> = Vec::new();
        for work in state.works.values_mut() {
            let mut pending = std::mem::take(&mut work.pending);
            // The order of inodes is the order on disk, and close to that of arrival.
            pending.sort_by_key(|pending| pending.inode);
            wanted.extend(
                pending
                    .into_iter()
                    .map(|pending| (work.folder.clone(), pending)),
            );
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let touched: BTreeSet<FolderPath> =
            wanted.iter().map(|(folder, _)| folder.clone()).collect();
        let sources: Vec<Source> = wanted
            .iter()
            .map(|(folder, pending)| Source {
                fs: self.maildir.fs.clone(),
                path: self.maildir.file(folder, &pending.name),
            })
            .collect();
        self.progress.begin(Phase::Read, Some(sources.len() as u64));
        let added = batch.add_blobs(&sources, self.progress)?;
        if self.progress.cancelled() {
            return Err(WorktreeError::Cancelled);
        }
        for (((folder, pending), source), added) in wanted.into_iter().zip(sources).zip(added) {
            match added {
                Ok(added) => self.take_in(batch, state, (folder, pending), &added)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    // Renamed since it was listed: the next look finds it.
                    if let Some(work) = state.works.get_mut(&folder) {
                        work.stale = true;
                        work.vanished |= pending.known.is_some();
                    }
                }
                Err(error) => {
                    let kind = ProblemKind::Unreadable(error.to_string());
                    let problem = Problem {
                        path: source.path,
                        folder: Some(folder),
                        kind,
                    };
                    if let (Some(work), Some(known)) = (
                        problem
                            .folder
                            .as_ref()
                            .and_then(|folder| state.works.get_mut(folder)),
                        pending.known,
                    ) {
                        work.rows.push((pending.name, known));
                    }
                    report(state, problem);
                }
            }
        }
        for folder in touched {
            if let Some(work) = state.works.get_mut(&folder) {
                work.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            }
        }
        Ok(())
    }

    /// Turns a file that was read into a row. The rows are sorted when all are in.
    fn take_in(
        &self,
        batch: &Batch<'_>,
        state: &mut State,
        (folder, pending): (FolderPath, Pending),
        added: &AddedBlob,
    ) -> Result<(), WorktreeError> {
        state.read += 1;
        let path = self.maildir.file(&folder, &pending.name);
        let Some(work) = state.works.get_mut(&folder) else {
            return Ok(());
        };
        let stat = match self.maildir.fs.lstat(&path) {
            Ok(stat) if stat.size == added.size => stat,
            // Gone, or still growing: look again.
            _ => {
                work.stale = true;
                if let Some(known) = pending.known {
                    work.rows.push((pending.name, known));
                }
                return Ok(());
            }
        };
        let row = FileRow {
            blob: added.id,
            day: added.day,
            size: added.size,
            inode: stat.inode,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
        };
        match pending.known {
            Some(known)
                if known.blob != row.blob && self.is_damage(batch, &path, &known, added)? =>
            {
                let blob = known.blob;
                work.rows.push((pending.name.clone(), known));
                let found = (known, added.id);
                state.damaged.insert((folder, pending.name), found);
                let kind = ProblemKind::Damaged(blob);
                report(
                    state,
                    Problem {
                        path,
                        folder: None,
                        kind,
                    },
                );
            }
            _ => work.rows.push((pending.name, row)),
        }
        Ok(())
    }

    /// Whether a file's new content is what a crash or a broken disk makes of the old: nothing,
    /// zeros, or its beginning.
    fn is_damage(
        &self,
        odb: &dyn ObjectRead,
        path: &std::path::Path,
        known: &FileRow,
        added: &AddedBlob,
    ) -> Result<bool, WorktreeError> {
        if added.size == 0 {
            return Ok(known.size > 0);
        }
        let mut bytes = Vec::new();
        let read = self.maildir.fs.open(path).and_then(|file| {
            file.take(known.size.max(added.size))
                .read_to_end(&mut bytes)
        });
        if read.is_err() {
            return Ok(false);
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(true);
        }
        Ok(added.size < known.size && odb.read(known.blob.into())?.starts_with(&bytes))
    }

    /// If something is missing, a directory that was listed within a tick of its last change must
    /// be listed again. Returns whether to wait for that tick to pass.
    fn mark_doubtful_listings(state: &mut State, known: &BTreeMap<FolderPath, FolderRow>) -> bool {
        let vanished = state.works.values().any(|work| work.vanished)
            || known.keys().any(|folder| !state.works.contains_key(folder));
        let mut wait = state.works.values().any(|work| work.stale);
        if vanished {
            for work in state.works.values_mut() {
                let fresh = work.stamps.last_change() > work.listed_at.saturating_sub(TICK_NS);
                if work.listed_at > 0 && fresh {
                    work.stale = true;
                    wait = true;
                }
            }
        }
        wait
    }

    fn finish(
        &self,
        batch: &Batch<'_>,
        state: State,
        known: &BTreeMap<FolderPath, FolderRow>,
        consistent: bool,
    ) -> Result<Scan, WorktreeError> {
        let damaged = damaged(&state);
        let mut map = FolderMap {
            subscriptions: self.maildir.subscriptions()?,
            ..FolderMap::default()
        };
        let mut rows = Vec::new();
        for (path, work) in state.works {
            let local = self.local.folders.get(&path);
            let mut folder = match (work.listed_at, work.row.tree) {
                (0, Some(tree)) => match local {
                    Some(local) if local.tree == tree => *local,
                    _ => trees::folder(batch, tree)?,
                },
                (_, base) => trees::update(batch, &path, base, (&work.indexed, &work.rows))?,
            };
            if let Some(local) = local.filter(|local| local.tree != folder.tree) {
                folder = trees::adopt_kept(batch, local.tree, folder)?;
            }
            map.folders.insert(path.clone(), folder);
            if work.listed_at > 0 || work.row.tree != Some(folder.tree) {
                let (put, remove) = files::difference(&work.indexed, &work.rows);
                let unsettle = |stamp: Option<crate::index::DirStamp>| {
                    stamp.map(|stamp| crate::index::DirStamp {
                        settled: stamp.settled && consistent,
                        ..stamp
                    })
                };
                let row = if work.listed_at > 0 {
                    FolderRow {
                        cur: unsettle(work.stamps.cur),
                        new: unsettle(work.stamps.new),
                        tree: Some(folder.tree),
                        scans: work.row.scans + 1,
                    }
                } else {
                    FolderRow {
                        tree: Some(folder.tree),
                        ..work.row
                    }
                };
                if !(put.is_empty() && remove.is_empty() && row == work.row) {
                    rows.push(FolderChange {
                        path,
                        row: Some(row),
                        put,
                        remove,
                    });
                }
            }
        }
        let is_hidden = |path: &FolderPath| state.hidden.iter().any(|top| is_within(path, top));
        for (path, folder) in &self.local.folders {
            if is_hidden(path) && !map.folders.contains_key(path) {
                map.folders.insert(path.clone(), *folder);
            }
        }
        for path in known.keys().filter(|path| !map.folders.contains_key(*path)) {
            let gone = FolderChange {
                path: path.clone(),
                row: None,
                put: Vec::new(),
                remove: Vec::new(),
            };
            rows.push(gone);
        }
        Ok(Scan {
            map,
            problems: state.problems,
            damaged,
            hidden: state.hidden,
            consistent,
            rows,
            read: state.read,
        })
    }
}

/// What mends the files that were damaged, and that the last look still found to be so.
fn damaged(state: &State) -> Vec<Mend> {
    let is_there = |folder: &FolderPath, name: &Name, known: &FileRow| {
        let rows = state.works.get(folder).map(|work| &work.rows);
        rows.is_some_and(|rows| {
            let at = rows.binary_search_by(|(found, _)| found.cmp(name));
            at.is_ok_and(|at| rows[at].1 == *known)
        })
    };
    let damaged = state.damaged.iter();
    damaged
        .filter(|((folder, name), (known, _))| is_there(folder, name, known))
        .map(|((folder, name), (known, found))| Mend {
            folder: folder.clone(),
            name: name.clone(),
            key: trees::key_of(known),
            size: known.size,
            copy: trees::copy_of(name, known),
            found: *found,
            written: false,
        })
        .collect()
}

/// Whether `path` is `top` or lies below it.
fn is_within(path: &FolderPath, top: &FolderPath) -> bool {
    top.is_root()
        || path == top
        || path
            .as_bytes()
            .strip_prefix(top.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"/"))
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
