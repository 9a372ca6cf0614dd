//! A disk on which somebody does something in a chosen moment.

use super::*;
use crate::fs::{DirEntry, FileWrite, Fs, Stat};

/// What is done just now.
pub(super) enum Moment<'a> {
    /// A directory is listed.
    List(&'a Path),
    /// A file is opened for reading.
    Open(&'a Path),
    /// A file gets a name that was free.
    Rename(&'a Path, &'a Path),
    /// A file gets the name of another, or a new one.
    Replace(&'a Path, &'a Path),
    /// A file is removed.
    Remove(&'a Path),
}

/// The real file system, and somebody who does something just before we do.
pub(super) struct Meddling<F>(F);

impl<F> std::fmt::Debug for Meddling<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddling")
    }
}

/// What a file system leaves to the real one.
macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> io::Result<$result> { OsFs.$name($($arg),*) })*
    };
}

pub(super) use pass_on;

impl<F: Fn(&Moment<'_>) + Send + Sync> Fs for Meddling<F> {
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        (self.0)(&Moment::List(path));
        OsFs.read_dir(path)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.0)(&Moment::Rename(from, to));
        OsFs.rename_noreplace(from, to)
    }

    fn open(&self, path: &Path) -> io::Result<fs::File> {
        (self.0)(&Moment::Open(path));
        OsFs.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.0)(&Moment::Replace(from, to));
        OsFs.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        (self.0)(&Moment::Remove(path));
        OsFs.remove_file(path)
    }

    pass_on! {
        stat(path: &Path) -> Stat;
        lstat(path: &Path) -> Stat;
        create_new(path: &Path) -> Box<dyn FileWrite>;
        append(path: &Path) -> Box<dyn FileWrite>;
        create_dir(path: &Path) -> ();
        remove_dir(path: &Path) -> ();
        sync_dir(path: &Path) -> ();
        sync_all(path: &Path) -> ();
        set_mtime(path: &Path, seconds: i64) -> ();
    }
}

/// The store of a device, where somebody meddles.
pub(super) fn meddled(
    device: &Device,
    meddler: impl Fn(&Moment<'_>) + Send + Sync + 'static,
) -> Repository {
    Repository::open(Arc::new(Meddling(meddler)), &device.store()).expect("opened")
}
