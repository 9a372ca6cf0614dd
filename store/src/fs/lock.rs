//! Kernel locks. They end with the process, so none is ever stale; the file beside them says for
//! whom a waiter waits, as information only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::time::Timestamp;

/// Who holds a lock, as it wrote down itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id; 0 if it did not say.
    pub pid: u32,
    /// The command, such as `mailvc sync`.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pid == 0 {
            return write!(f, "another process");
        }
        let seconds = Timestamp::now().0.saturating_sub(self.since.0).max(0);
        write!(
            f,
            "`{}` (process {}, for {seconds} s)",
            self.command, self.pid
        )
    }
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("{path} is in use by {holder}")]
    Busy {
        /// What is locked.
        path: PathBuf,
        /// By whom.
        holder: Holder,
    },
    /// The lock itself cannot be used.
    #[error("cannot lock {path}")]
    Io {
        /// What was to be locked.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An exclusive lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// How often a waiter asks again.
const POLL: Duration = Duration::from_millis(20);

impl Lock {
    /// Locks the file `path`, made where there is none, waiting at most `patience`. `waiting` is
    /// called once if somebody else holds it.
    pub fn file(
        path: &Path,
        command: &str,
        patience: Duration,
        waiting: &dyn Fn(&Holder),
    ) -> Result<Self, LockError> {
        let failed = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        acquire(&file, path, patience, waiting, &|| holder_of(path))?;
        write_holder(&mut file, command).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Locks a directory itself, leaving nothing in it. Who holds it cannot be told.
    pub fn dir(
        path: &Path,
        patience: Duration,
        waiting: &dyn Fn(&Holder),
    ) -> Result<Self, LockError> {
        let file = File::open(path).map_err(|source| LockError::Io {
            path: path.to_owned(),
            source,
        })?;
        acquire(&file, path, patience, waiting, &unknown_holder)?;
        Ok(Self { _file: file })
    }
}

fn acquire(
    file: &File,
    path: &Path,
    patience: Duration,
    waiting: &dyn Fn(&Holder),
    holder: &dyn Fn() -> Holder,
) -> Result<(), LockError> {
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => {
                return Err(LockError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        if start.elapsed() >= patience {
            return Err(LockError::Busy {
                path: path.to_owned(),
                holder: holder(),
            });
        }
        if !told {
            waiting(&holder());
            told = true;
        }
        std::thread::sleep(POLL.min(patience));
    }
}

fn unknown_holder() -> Holder {
    Holder {
        pid: 0,
        command: String::new(),
        since: Timestamp::default(),
    }
}

fn write_holder(file: &mut File, command: &str) -> io::Result<()> {
    let line = format!(
        "{} {} {}\n",
        std::process::id(),
        Timestamp::now().0,
        command
    );
    file.rewind()?;
    file.write_all(line.as_bytes())?;
    file.set_len(line.len() as u64)
}

fn holder_of(path: &Path) -> Holder {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text));
    let mut words = text.trim_end().splitn(3, ' ');
    let parsed = (|| {
        let pid = words.next()?.parse().ok()?;
        let since = Timestamp(words.next()?.parse().ok()?);
        Some(Holder {
            pid,
            command: words.next()?.to_owned(),
            since,
        })
    })();
    parsed
        .filter(|_| read.is_ok())
        .unwrap_or_else(unknown_holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_told_for_whom_it_waits() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let held = Lock::file(&path, "mailvc sync", Duration::ZERO, &|_| {}).expect("free");
        match Lock::file(&path, "mailvc log", Duration::ZERO, &|_| {}) {
            Err(LockError::Busy { holder, .. }) => {
                assert_eq!(holder.pid, std::process::id());
                assert_eq!(holder.command, "mailvc sync");
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        Lock::file(&path, "mailvc log", Duration::ZERO, &|_| {}).expect("free again");
    }

    #[test]
    fn a_directory_can_be_locked_and_nothing_is_left_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let held = Lock::dir(dir.path(), Duration::ZERO, &|_| {}).expect("free");
        assert!(matches!(
            Lock::dir(dir.path(), Duration::ZERO, &|_| {}),
            Err(LockError::Busy { .. })
        ));
        drop(held);
        assert_eq!(std::fs::read_dir(dir.path()).expect("a listing").count(), 0);
    }
}
