//! Files for decoders that read files: in memory where the system has such a place.

#![allow(clippy::disallowed_methods)] // bytes that others may have written

use std::path::Path;

use tempfile::TempDir;

/// An empty directory.
pub(super) fn scratch() -> TempDir {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    dir.expect("a directory")
}

/// A directory with one file.
pub(super) fn holding(name: &str, bytes: &[u8]) -> TempDir {
    let dir = scratch();
    put(&dir.path().join(name), bytes);
    dir
}

/// Writes a file, and the directories above it.
pub(super) fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap_or(path)).expect("directories");
    std::fs::write(path, bytes).expect("a file");
}

/// How many entries a directory has; none if it is not there.
pub(super) fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}
