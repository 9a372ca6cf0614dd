//! The only door to the disk for everything that writes. Faults are injected here, so a write
//! that goes around it is a write whose crash nobody has tried.

mod durable;
mod lock;
mod os;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

pub use durable::{append_durable, create_dir_durable, write_durable};
pub use lock::{Holder, Lock, LockError};
pub use os::{OsFs, free_space};

/// A file system, shared by all who work on one store.
pub type SharedFs = Arc<dyn Fs>;

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, without its directory.
    pub name: OsString,
    /// The inode that the directory names.
    pub inode: u64,
    /// What the directory says the entry is; `Unknown` where it does not say.
    pub kind: EntryKind,
}

/// What a directory entry is, a symbolic link not being followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A socket, device or pipe.
    Other,
    /// The file system did not say.
    Unknown,
}

/// What is known of a file or directory. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: EntryKind,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last change of the content.
    pub mtime_ns: i64,
    /// Last change of the content or of the inode.
    pub ctime_ns: i64,
    /// Permission bits.
    pub mode: u32,
}

impl Stat {
    /// What is known of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        os::stat_of_file(file)
    }

    /// The content's time in whole seconds, as a Maildir keeps the arrival date.
    pub fn mtime(&self) -> i64 {
        self.mtime_ns.div_euclid(1_000_000_000)
    }
}

/// A file that is being written.
pub trait FileWrite: Write + Send {
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Sets the content's time, in whole seconds since 1970.
    fn set_mtime(&mut self, seconds: i64) -> io::Result<()>;
}

/// A file system. Every method is one operation that can fail, or be the last before a crash.
///
/// A path that ends in a symbolic link is followed by `open` and `stat`, never by the others.
pub trait Fs: Send + Sync + std::fmt::Debug {
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// What `path` is, symbolic links followed.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// What `path` itself is, a symbolic link not being followed.
    fn lstat(&self, path: &Path) -> io::Result<Stat>;
    /// All entries of a directory, in the directory's own order, without `.` and `..`. An error
    /// in the middle of the listing is an error of the whole.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Tells the entries of a directory one by one, of which there may be hundreds of thousands;
    /// otherwise like [`read_dir`](Self::read_dir). What was told before an error does not count.
    fn each_entry(&self, path: &Path, each: &mut dyn FnMut(DirEntry)) -> io::Result<()> {
        self.read_dir(path)?.into_iter().for_each(each);
        Ok(())
    }
    /// Makes a file that must not exist yet, readable and writable by the owner alone.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FileWrite>>;
    /// Opens a file for appending, making it (for the owner alone) where there is none.
    fn append(&self, path: &Path) -> io::Result<Box<dyn FileWrite>>;
    /// Moves a file, replacing what `to` was.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves a file; fails with `AlreadyExists` if `to` is there.
    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory for the owner alone; its parent must be there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory's entries durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything durable that was written to the file system that holds `path`.
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// Sets a file's content time, in whole seconds since 1970.
    fn set_mtime(&self, path: &Path, seconds: i64) -> io::Result<()>;
}
