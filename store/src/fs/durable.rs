//! The one way to put a whole file on disk so that a crash leaves the old one or the new one.

use std::io;
use std::path::Path;

use super::Fs;

/// Writes `bytes` to `path`: a temporary file beside it, fsync, rename, fsync of the directory.
/// Who sees the file sees all of it. Callers hold the lock that makes the temporary name theirs.
pub fn write_durable(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, temporary) = beside(path)?;
    let result = write_and_rename(fs, &temporary, path, bytes);
    if result.is_err() {
        // Best effort: the next write of the same file starts by removing what is left.
        let _ = fs.remove_file(&temporary);
    }
    result?;
    fs.sync_dir(dir)
}

fn write_and_rename(fs: &dyn Fs, temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs.remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs.create_new(temporary)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    fs.rename(temporary, path)
}

/// Appends `bytes` to `path` and makes them durable, the file's own entry included.
pub fn append_durable(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, _) = beside(path)?;
    let mut file = fs.append(path)?;
    file.write_all(bytes)?;
    file.sync()?;
    fs.sync_dir(dir)
}

/// Makes a directory and those above it that are missing, each durable in its parent.
pub fn create_dir_durable(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    match fs.create_dir(path) {
        Ok(()) => fs.sync_dir(parent(path)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_dir_durable(fs, parent(path)?)?;
            match fs.create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => fs.sync_dir(parent(path)?),
            }
        }
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn beside(path: &Path) -> io::Result<(&Path, std::path::PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = name.to_os_string();
    temporary.push(".new");
    Ok((parent(path)?, path.with_file_name(temporary)))
}
