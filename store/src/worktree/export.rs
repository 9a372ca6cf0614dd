//! Writes a state into a directory of its own, as a Maildir that nobody has used yet.
//!
//! It is made beside the directory and takes its name when it is whole and durable: nobody ever
//! sees a part of it, and what an earlier try left is cleared by the next. It may never write into
//! a directory that holds anything.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Maildir, WorktreeError};
use crate::fs::{EntryKind, Fs, create_dir_durable};
use crate::maildir::{FileName, FolderPath, UniqueNames};
use crate::object::{BlobId, FolderMap, MessageCopy};
use crate::odb::ObjectRead;
use crate::progress::{Phase, Progress};
use crate::tree;

/// So many messages are held in mind at once.
const BATCH: usize = 65_536;

/// What exporting works with.
pub struct Exporter<'a> {
    /// The store.
    pub odb: &'a dyn ObjectRead,
    /// Makes file names.
    pub names: &'a UniqueNames,
    /// Told of messages.
    pub progress: &'a dyn Progress,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
}

/// One file that is to be written.
struct Wanted {
    blob: BlobId,
    size: u64,
    copy: MessageCopy,
}

/// Makes `maildir`, whose root is an absolute path to an empty directory or to none at all, in a
/// directory that is there, what `map` says.
pub fn export(
    exporter: &Exporter<'_>,
    map: &FolderMap,
    maildir: &Maildir,
) -> Result<Exported, WorktreeError> {
    let fs = &*maildir.fs;
    let root = vacant(fs, &maildir.root)?;
    let partial = beside(&root)?;
    let scratch = Maildir {
        root: partial.clone(),
        ..maildir.clone()
    };
    clear(fs, &partial)?;
    let done = exporter.fill(map, &scratch).and_then(|exported| {
        fs.sync_all(&partial)
            .and_then(|()| fs.rename(&partial, &root))
            .and_then(|()| root.parent().map_or(Ok(()), |parent| fs.sync_dir(parent)))
            .map_err(WorktreeError::at(&root))?;
        Ok(exported)
    });
    if done.is_err() {
        // The first error is the one to tell; the next try clears what this cannot.
        let _ = clear(fs, &partial);
    }
    done
}

impl Exporter<'_> {
    fn fill(&self, map: &FolderMap, maildir: &Maildir) -> Result<Exported, WorktreeError> {
        self.progress.begin(Phase::Write, Some(map.sums().copies));
        let mut done = Exported::default();
        let root = FolderPath::root();
        make_folder(maildir, &root)?;
        for (path, folder) in &map.folders {
            make_folder(maildir, path)?;
            let mut wanted = Vec::new();
            for entry in tree::entries(self.odb, folder.tree) {
                let (key, entry) = entry?;
                wanted.extend(entry.copies.iter().map(|copy| Wanted {
                    blob: key.blob,
                    size: entry.size,
                    copy: copy.clone(),
                }));
                if wanted.len() >= BATCH {
                    self.write_all(maildir, path, std::mem::take(&mut wanted), &mut done)?;
                }
            }
            self.write_all(maildir, path, wanted, &mut done)?;
        }
        if !map.subscriptions.is_empty() {
            maildir.write_subscriptions(&map.subscriptions)?;
        }
        Ok(done)
    }

    fn write_all(
        &self,
        maildir: &Maildir,
        path: &FolderPath,
        mut wanted: Vec<Wanted>,
        done: &mut Exported,
    ) -> Result<(), WorktreeError> {
        if self.progress.cancelled() {
            return Err(WorktreeError::Cancelled);
        }
        wanted.sort_by_cached_key(|wanted| self.odb.near(wanted.blob));
        let write = |wanted: &Wanted| self.write(maildir, path, wanted);
        wanted
            .par_iter()
            .map(write)
            .collect::<Result<(), WorktreeError>>()?;
        done.files += wanted.len() as u64;
        done.bytes += wanted.iter().map(|wanted| wanted.size).sum::<u64>();
        Ok(())
    }

    fn write(
        &self,
        maildir: &Maildir,
        folder: &FolderPath,
        wanted: &Wanted,
    ) -> Result<(), WorktreeError> {
        let base = self.names.next(wanted.size);
        let file = FileName::parse(&base).with_flags(wanted.copy.recent, &wanted.copy.flags);
        let sub: &[u8] = if wanted.copy.recent { b"new/" } else { b"cur/" };
        let path = maildir.file(folder, &[sub, &file].concat());
        let mut file = maildir
            .fs
            .create_new(&path)
            .map_err(WorktreeError::at(&path))?;
        self.odb.read_blob(wanted.blob, &mut file)?;
        file.set_mtime(wanted.copy.mtime)
            .map_err(WorktreeError::at(&path))?;
        self.progress.advance(1, wanted.size);
        Ok(())
    }
}

fn make_folder(maildir: &Maildir, folder: &FolderPath) -> Result<(), WorktreeError> {
    for sub in ["tmp", "new", "cur"] {
        let path = maildir.dir(folder).join(sub);
        create_dir_durable(&*maildir.fs, &path).map_err(WorktreeError::at(path))?;
    }
    Ok(())
}

/// The directory itself, links followed, if nothing is in it.
fn vacant(fs: &dyn Fs, root: &Path) -> Result<PathBuf, WorktreeError> {
    match fs.read_dir(root) {
        Ok(entries) if entries.is_empty() => {
            std::fs::canonicalize(root).map_err(WorktreeError::at(root))
        }
        Ok(_) => Err(WorktreeError::NotEmpty(root.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(root.to_owned()),
        Err(error) => Err(WorktreeError::at(root)(error)),
    }
}

/// Where it is made: always the same place, so that the next try finds what this one leaves.
fn beside(root: &Path) -> Result<PathBuf, WorktreeError> {
    let refused = || WorktreeError::at(root)(io::ErrorKind::InvalidInput.into());
    let name = root.file_name().ok_or_else(refused)?;
    let mut partial = OsString::from(".");
    partial.push(name);
    partial.push(".mailvc-partial");
    Ok(root.with_file_name(partial))
}

/// Removes a directory of ours with all that is in it.
fn clear(fs: &dyn Fs, dir: &Path) -> Result<(), WorktreeError> {
    let entries = match fs.read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(WorktreeError::at(dir))?,
    };
    for entry in entries {
        let path = dir.join(&entry.name);
        let kind = fs.lstat(&path).map_err(WorktreeError::at(&path))?.kind;
        if kind == EntryKind::Dir {
            clear(fs, &path)?;
        } else {
            fs.remove_file(&path).map_err(WorktreeError::at(&path))?;
        }
    }
    fs.remove_dir(dir).map_err(WorktreeError::at(dir))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // what another program left
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::fs::OsFs;
    use crate::maildir::{Flags, Layout};
    use crate::object::{Copies, Day, Entry, EntryKey, Folder, Kind};
    use crate::odb::{MemoryOdb, ObjectWrite};
    use crate::progress::NoProgress;

    fn state(odb: &MemoryOdb) -> FolderMap {
        let key = odb.write(Kind::Blob, b"Subject: x\n\ny").expect("stored");
        let copy = MessageCopy {
            recent: false,
            flags: Flags::from_info(b"FS"),
            keywords: Vec::new(),
            mtime: 1_000_000_000,
        };
        let entry = Entry {
            size: 13,
            copies: Copies::collect([
                copy.clone(),
                MessageCopy {
                    recent: true,
                    ..copy
                },
            ])
            .expect("two"),
            kept: 0,
        };
        let empty = tree::empty(odb).expect("stored");
        let key = EntryKey {
            day: Day(1),
            blob: BlobId::new(key.hash),
        };
        let (tree, sums) = tree::edit(odb, empty, [(key, Some(entry))]).expect("a tree");
        let folders = [b"A/B".as_slice(), b""].map(|path| {
            let path = FolderPath::new(path).expect("a path");
            (path, Folder { tree, sums })
        });
        FolderMap {
            folders: BTreeMap::from(folders),
            ..FolderMap::default()
        }
    }

    fn run(odb: &MemoryOdb, map: &FolderMap, root: &Path) -> Result<Exported, WorktreeError> {
        let maildir = Maildir {
            fs: Arc::new(OsFs),
            root: root.to_owned(),
            layout: Layout::MaildirPlusPlus,
        };
        let exporter = Exporter {
            odb,
            names: &UniqueNames::new("host"),
            progress: &NoProgress,
        };
        export(&exporter, map, &maildir)
    }

    #[test]
    fn a_state_becomes_a_maildir() {
        let dir = tempfile::tempdir().expect("a directory");
        let odb = MemoryOdb::default();
        let root = dir.path().join("out");
        let done = run(&odb, &state(&odb), &root).expect("written");
        assert_eq!((done.files, done.bytes), (4, 52));
        let cur: Vec<_> = std::fs::read_dir(root.join(".A.B/cur"))
            .expect("a listing")
            .map(|entry| entry.expect("an entry"))
            .collect();
        let [file] = cur.as_slice() else {
            panic!("{cur:?}")
        };
        assert!(file.file_name().to_string_lossy().ends_with(",S=13:2,FS"));
        let stat = OsFs.lstat(&file.path()).expect("a file");
        assert_eq!(stat.mtime(), 1_000_000_000);
        let made = std::fs::read_dir(dir.path()).expect("a listing");
        assert_eq!(made.count(), 1, "no litter");
    }

    #[test]
    fn a_directory_that_holds_anything_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("x"), "x").expect("written");
        let odb = MemoryOdb::default();
        let refused = run(&odb, &state(&odb), dir.path());
        assert!(matches!(refused, Err(WorktreeError::NotEmpty(_))));
    }

    #[test]
    fn a_message_that_is_not_stored_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let odb = MemoryOdb::default();
        let mut map = state(&odb);
        let other = MemoryOdb::default();
        for folder in map.folders.values_mut() {
            for (key, entry) in tree::entries(&odb, folder.tree).flatten() {
                let empty = tree::empty(&other).expect("stored");
                let edit = [(key, Some(entry))];
                (folder.tree, folder.sums) = tree::edit(&other, empty, edit).expect("a tree");
            }
        }
        let root = dir.path().join("out");
        assert!(run(&other, &map, &root).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).expect("a listing").count(), 0);
    }
}
