//! The one file system with faults: a real directory whose n-th write operation fails, or is the
//! last before the process or the power goes; or whose n-th operation that only reads fails.
//!
//! What a power cut leaves is what was synced, to the letter of POSIX and no better: bytes that no
//! `sync` followed are gone, and so is every change of a directory that no `sync_dir` of that very
//! directory followed. A rename from one directory to another is two changes; who syncs the source
//! alone has lost the file. Files that others write (deliveries, locks, redb) count as durable.
//! Known to be kinder than a real disk: a directory that is renamed is durable at once, with
//! everything before it.

mod every;
mod file;
mod journal;
mod operations;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailvc_store::fs::{Fs, OsFs, SharedFs};
use tempfile::TempDir;

pub use every::{Points, at_chosen_operations, at_every_operation};
use journal::Journal;

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error number (28 is a full disk, 5 a broken one); what follows works.
    Fail(i32),
    /// An operation that only reads (open, stat, a listing) fails with this error number; what
    /// follows works.
    Refuse(i32),
    /// A file can be opened, and none of its bytes be read: error number 5.
    Unreadable,
    /// The process is killed; a write gets half of its bytes down before.
    Torn,
    /// The power goes before it; [`FaultFs::power_cut`] leaves what was synced.
    PowerLoss,
    /// As `PowerLoss`, but of the changes that were not synced any subset survives, which the
    /// seed decides, and of the bytes any part, some of them as zeros.
    Reorder(u64),
}

/// A real directory with faults; clones share it. Removed with the last of them.
#[derive(Debug, Clone)]
pub struct FaultFs(Arc<Disk>);

#[derive(Debug)]
struct Disk {
    root: PathBuf,
    state: Mutex<State>,
    /// Holds `root`, and beside it whatever may have to come back.
    _dir: TempDir,
}

#[derive(Debug)]
struct State {
    /// Those at which the fault armed last can strike.
    operations: u64,
    kind: Fault,
    armed: Option<(u64, Fault)>,
    /// Something that only reads was refused.
    refused: bool,
    crashed: Option<Fault>,
    /// Raised by each revival: files that were open before are those of a dead process.
    life: u64,
    journal: Journal,
}

/// What the next operation is to do.
enum Step {
    Go,
    Half,
}

impl Fault {
    /// Whether it strikes at operations of this kind.
    fn strikes_at(self, operation: Operation) -> bool {
        match self {
            Self::Refuse(_) => operation != Operation::Write,
            Self::Unreadable => operation == Operation::Open,
            _ => operation == Operation::Write,
        }
    }
}

/// What is done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// Something that only looks: a stat, a listing.
    Look,
    /// The opening of a file to be read.
    Open,
    /// Anything that writes.
    Write,
}

fn down() -> io::Error {
    io::Error::other("the machine is down")
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.crashed.is_some() {
            return Err(down());
        }
        Ok(())
    }

    /// Counts an operation that writes, and lets the fault strike if it is this one's turn.
    fn step(&mut self) -> io::Result<Step> {
        self.step_of(Operation::Write)
    }

    fn step_of(&mut self, operation: Operation) -> io::Result<Step> {
        self.alive()?;
        if !self.kind.strikes_at(operation) {
            return Ok(Step::Go);
        }
        self.operations += 1;
        match self.armed {
            Some((at, fault)) if at == self.operations => {
                self.armed = None;
                self.strike(fault)
            }
            _ => Ok(Step::Go),
        }
    }

    fn strike(&mut self, fault: Fault) -> io::Result<Step> {
        self.refused = matches!(fault, Fault::Refuse(_) | Fault::Unreadable);
        match fault {
            Fault::Fail(errno) | Fault::Refuse(errno) => {
                return Err(io::Error::from_raw_os_error(errno));
            }
            Fault::Unreadable => return Ok(Step::Half),
            _ => {}
        }
        self.crashed = Some(fault);
        match fault {
            Fault::Torn => Ok(Step::Half),
            _ => Err(down()),
        }
    }

    fn cut(&mut self, seed: Option<u64>) -> io::Result<()> {
        self.crashed.get_or_insert(Fault::PowerLoss);
        self.journal.rewind(seed)
    }

    /// As `step`, for operations that have no half.
    fn whole_step(&mut self) -> io::Result<()> {
        match self.step()? {
            Step::Go => Ok(()),
            Step::Half => Err(down()),
        }
    }
}

impl FaultFs {
    /// An empty disk.
    ///
    /// # Panics
    /// Where no temporary directory can be made.
    #[allow(clippy::disallowed_methods)] // before there are any faults
    pub fn new() -> Self {
        // In memory if there is such a place: what survives is decided here, not by a real disk.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.expect("a temporary directory");
        let base = dir.path().canonicalize().expect("a path");
        let (root, side) = (base.join("disk"), base.join("side"));
        std::fs::create_dir(&root).expect("the disk");
        std::fs::create_dir(&side).expect("the side");
        let state = State {
            operations: 0,
            kind: Fault::Torn,
            armed: None,
            refused: false,
            crashed: None,
            life: 0,
            journal: Journal::new(side),
        };
        Self(Arc::new(Disk {
            root,
            state: Mutex::new(state),
            _dir: dir,
        }))
    }

    /// The directory in which everything is to lie: stores and Maildirs.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// As what the store takes.
    pub fn shared(&self) -> SharedFs {
        Arc::new(self.clone())
    }

    /// Lets `fault` strike at the `operation`-th operation of its kind from now, the next being 1.
    pub fn arm(&self, operation: u64, fault: Fault) {
        let mut state = self.state();
        state.operations = 0;
        state.kind = fault;
        state.refused = false;
        state.armed = Some((operation, fault));
    }

    /// Takes back [`arm`](Self::arm); says whether the fault had struck.
    pub fn disarm(&self) -> bool {
        self.state().armed.take().is_none()
    }

    /// The operations at which the fault can strike, since the last `arm`; writes, if there was none.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether something that only reads was refused, so that there may have been mail unseen.
    pub fn refused_to_read(&self) -> bool {
        self.state().refused
    }

    /// Whether the process or the power is gone.
    pub fn crashed(&self) -> bool {
        self.state().crashed.is_some()
    }

    /// Rewinds the directory to what a power cut leaves, at this instant or at that of the crash.
    pub fn power_cut(&self) -> io::Result<()> {
        let mut state = self.state();
        let seed = match state.crashed {
            Some(Fault::Reorder(seed)) => Some(seed),
            _ => None,
        };
        state.cut(seed)
    }

    /// As [`power_cut`](Self::power_cut), any subset of the unsynced changes surviving.
    pub fn reordered_power_cut(&self, seed: u64) -> io::Result<()> {
        self.state().cut(Some(seed))
    }

    /// Starts the machine again; files that were open stay dead.
    pub fn revive(&self) {
        let mut state = self.state();
        state.crashed = None;
        state.armed = None;
        state.refused = false;
        state.life += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere is no reason to panic here.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation that only looks.
    fn look(&self) -> io::Result<()> {
        self.state().step_of(Operation::Look).map(|_| ())
    }

    /// The opening of a file to be read.
    fn opening(&self, path: &Path) -> io::Result<File> {
        let step = self.state().step_of(Operation::Open)?;
        let file = OsFs.open(path)?;
        match step {
            Step::Go => Ok(file),
            // The first page of a process is nobody's.
            Step::Half => OsFs.open(Path::new("/proc/self/mem")),
        }
    }

    /// `path` with its directory's true name.
    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.dir(path.parent().unwrap_or(Path::new("")))?.join(name))
    }

    fn dir(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path.canonicalize()?;
        if path.starts_with(&self.0.root) {
            return Ok(path);
        }
        Err(io::Error::other(format!(
            "{} is not on the disk with faults",
            path.display()
        )))
    }
}

impl Default for FaultFs {
    fn default() -> Self {
        Self::new()
    }
}
