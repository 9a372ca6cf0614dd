use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    ReadableTable, TableDefinition, TableError, TransactionError, WriteTransaction,
};

use super::error::{Fault, IndexError};
use super::files::{FILES, FOLDERS};
use super::message_ids::{INDEXED, MESSAGE_IDS};
use crate::fs::Fs;

/// Which tables there are and how their rows are laid out; another number is another index.
const SCHEMA: u64 = 1;
/// redb's cache. A scan reads its rows once, in order: more would not be read twice.
const CACHE: usize = 8 << 20;
/// How long a writer waits for another one. Transactions take milliseconds; the lock is not
/// fair, so that one of several waiters may see a second pass.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it asks.
const POLL: Duration = Duration::from_millis(3);

/// Numbers that the index itself needs: `schema`, and `folders`, the next folder's number.
pub(super) const NUMBERS: TableDefinition<'static, &str, u64> = TableDefinition::new("numbers");

/// The index of one store. Any number of processes may have it open, and write to it, at once.
///
/// Opening redb for writing, and closing it again, waits for the disk several times: who only
/// looks opens it for reading.
pub struct Index {
    path: PathBuf,
    /// The file's, by which it is known again.
    inode: Option<u64>,
    new: bool,
    /// Missing where the index was just made, or needs what only a writer may mend.
    reader: Option<ReadOnlyDatabase>,
    /// Opened by the first write.
    writer: OnceLock<Database>,
}

impl Index {
    /// Opens the index at `path`, making it where there is none. One that is damaged or of
    /// another schema is removed and made anew.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, IndexError> {
        match Self::try_open(fs, path) {
            Err(IndexError::Damaged { .. }) => {
                Self::discard(fs, path)?;
                Self::try_open(fs, path)
            }
            opened => opened,
        }
    }

    /// Removes the index, so that the next [`open`](Self::open) makes another. Who has the old
    /// one open goes on with it; what they write there is lost, and is only a cache's loss.
    pub fn discard(fs: &dyn Fs, path: &Path) -> Result<(), IndexError> {
        match fs.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(IndexError::Io {
                path: path.to_owned(),
                source: error,
            }),
            _ => Ok(()),
        }
    }

    /// Whether this call of [`open`](Self::open) made the index: nothing is known yet.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Whether the index still lies where it was opened: it can be deleted at any time.
    pub fn is_there(&self, fs: &dyn Fs) -> bool {
        let inode = fs.lstat(&self.path).ok().map(|stat| stat.inode);
        inode.is_some() && inode == self.inode
    }

    fn try_open(fs: &dyn Fs, path: &Path) -> Result<Self, IndexError> {
        let mut index = Self {
            path: path.to_owned(),
            inode: None,
            new: false,
            reader: None,
            writer: OnceLock::new(),
        };
        let made = make_file(fs, path).map_err(|fault| fault.at(path))?;
        index.inode = fs.lstat(path).ok().map(|stat| stat.inode);
        if !made && is_sound(fs, path) {
            index.reader = guarded(|| Ok(builder().open_read_only(path)?)).ok();
        }
        if !index.is_ready()? {
            index.new = index.write(make_tables)?;
        }
        Ok(index)
    }

    fn is_ready(&self) -> Result<bool, IndexError> {
        self.read(|transaction| Ok(check_schema(transaction)?.is_some()))
    }

    /// Runs `work` in a read transaction: it sees one state, however others write meanwhile.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, IndexError> {
        let run = || match (self.writer.get(), &self.reader) {
            (None, Some(reader)) => work(&reader.begin_read()?),
            _ => work(&self.writer()?.begin_read()?),
        };
        guarded(run).map_err(|fault| fault.at(&self.path))
    }

    /// Runs `work` in a write transaction: all of it happens, durably, or nothing.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, IndexError> {
        let run = || {
            let transaction = begin_write(self.writer()?)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        guarded(run).map_err(|fault| fault.at(&self.path))
    }

    fn writer(&self) -> Result<&Database, Fault> {
        if let Some(open) = self.writer.get() {
            return Ok(open);
        }
        let database = builder().create(&self.path)?;
        // Rows that change what another file says are worse than none.
        let now = std::fs::symlink_metadata(&self.path)?.ino();
        if self.inode.is_some_and(|inode| inode != now) {
            return Err(Fault::damaged("it was replaced meanwhile"));
        }
        Ok(self.writer.get_or_init(|| database))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let databases = (self.reader.take(), self.writer.take());
        // What a damaged file may do to redb's closing is nobody's business any more.
        let _ = guarded(|| {
            drop(databases);
            Ok(())
        });
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// How redb opens a file, wherever it does: processes must agree on the mode.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder.set_cache_size(CACHE);
    builder
}

/// Makes the file where there is none, ours, so that it is readable by its owner alone. Whether
/// there was none.
fn make_file(fs: &dyn Fs, path: &Path) -> Result<bool, Fault> {
    match fs.create_new(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file can be read without a closer look: redb's header says that it was closed in
/// order, and it is as long as its parts. If not, only opening it for writing finds out what is
/// left of it; or another process has it open at this moment.
pub(super) fn is_sound(fs: &dyn Fs, path: &Path) -> bool {
    /// In the byte after the magic number, by redb's description of its format; four-byte numbers
    /// follow from byte 12 on.
    const RECOVERY_REQUIRED: u8 = 2;
    let mut header = [0; 32];
    let read = fs.open(path).and_then(|file| {
        file.read_exact_at(&mut header, 0)?;
        file.metadata()
    });
    let Ok(metadata) = read else {
        return false;
    };
    let (numbers, _) = header[12..].as_chunks::<4>();
    let [page, before, in_full, full, in_last] =
        [0, 1, 2, 3, 4].map(|at| u64::from(u32::from_le_bytes(numbers[at])));
    let last = if in_last > 0 { before + in_last } else { 0 };
    let pages = full
        .saturating_mul(before + in_full)
        .saturating_add(last + 1);
    header.starts_with(b"redb")
        && header[9] & RECOVERY_REQUIRED == 0
        && metadata.len() >= pages.saturating_mul(page)
}

/// redb trusts the pages of a file that was closed in order, and may panic on those of a damaged
/// one: here that is an error like others.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::damaged("its pages make no sense")))
}

fn begin_write(database: &Database) -> Result<WriteTransaction, Fault> {
    let start = Instant::now();
    loop {
        match database.try_begin_write() {
            Err(TransactionError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(POLL);
            }
            begun => return Ok(begun?),
        }
    }
}

/// The schema that is there; `None` in a file that was just made.
fn check_schema(transaction: &ReadTransaction) -> Result<Option<u64>, Fault> {
    match transaction.open_table(NUMBERS) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => match table?.get("schema")?.map(|number| number.value()) {
            Some(SCHEMA) => Ok(Some(SCHEMA)),
            other => Err(Fault::Damaged(format!("schema {other:?}"))),
        },
    }
}

/// Makes all tables; whether it was we who made them, and not another process meanwhile.
fn make_tables(transaction: &WriteTransaction) -> Result<bool, Fault> {
    let mut numbers = transaction.open_table(NUMBERS)?;
    if numbers.get("schema")?.is_some() {
        return Ok(false);
    }
    numbers.insert("schema", SCHEMA)?;
    transaction.open_table(FOLDERS)?;
    transaction.open_table(FILES)?;
    transaction.open_table(MESSAGE_IDS)?;
    transaction.open_table(INDEXED)?;
    Ok(true)
}
