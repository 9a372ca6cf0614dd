use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Problem, ProblemKind, WorktreeError};
use crate::fs::{DirEntry, EntryKind, SharedFs, Stat};
use crate::maildir::{FolderPath, Layout};

/// The file that marks a Maildir as ours. A name without a leading dot, so that no program takes
/// it for a folder.
pub const ANCHOR: &str = "mailvc-anchor";

/// How deep a nested layout is followed.
const MAX_DEPTH: usize = 32;
const SUBSCRIPTIONS: &str = "subscriptions";
/// The first line of Dovecot's second subscriptions format; an empty line must follow it.
const SUBSCRIPTIONS_V2: &[u8] = b"V\t2";
const MAX_SUBSCRIPTIONS: u64 = 4 << 20;

/// What `init` remembers of the anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// What the file says.
    pub content: String,
    /// Its inode: a restored or copied Maildir has another.
    pub inode: u64,
}

/// A Maildir: where it is and how it spells its folders.
#[derive(Debug, Clone)]
pub struct Maildir {
    /// The file system through which it is touched.
    pub fs: SharedFs,
    /// Its root.
    pub root: PathBuf,
    /// How folders lie in it.
    pub layout: Layout,
}

/// The folders that were found, and those that could not be looked into.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    pub(super) folders: BTreeSet<FolderPath>,
    pub(super) problems: Vec<Problem>,
}

impl Maildir {
    /// The directory of a folder, which holds its `cur`, `new` and `tmp`.
    pub fn dir(&self, folder: &FolderPath) -> PathBuf {
        let relative = self.layout.dir(folder);
        if relative.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(relative)
        }
    }

    /// Where a message lies: `name` is `cur/NAME` or `new/NAME`.
    pub fn file(&self, folder: &FolderPath, name: &[u8]) -> PathBuf {
        self.dir(folder).join(OsStr::from_bytes(name))
    }

    /// Checks that the Maildir is the one that `init` saw.
    pub fn check_anchor(&self, anchor: &Anchor) -> Result<(), WorktreeError> {
        match self.fs.stat(&self.root) {
            Ok(stat) if stat.kind == EntryKind::Dir => {}
            Ok(_) => return Err(WorktreeError::NoMaildir(self.root.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(WorktreeError::NoMaildir(self.root.clone()));
            }
            Err(error) => return Err(WorktreeError::at(&self.root)(error)),
        }
        match self.read_anchor()? {
            Some(found) if found == *anchor => Ok(()),
            _ => Err(WorktreeError::AnchorGone(self.root.clone())),
        }
    }

    /// The anchor as it is now.
    pub fn read_anchor(&self) -> Result<Option<Anchor>, WorktreeError> {
        let path = self.root.join(ANCHOR);
        let read = || -> io::Result<Anchor> {
            let inode = self.fs.lstat(&path)?.inode;
            let mut content = String::new();
            self.fs
                .open(&path)?
                .take(256)
                .read_to_string(&mut content)?;
            Ok(Anchor {
                content: content.trim_end().to_owned(),
                inode,
            })
        };
        match read() {
            Ok(anchor) => Ok(Some(anchor)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WorktreeError::at(path)(error)),
        }
    }

    /// Puts an anchor into the Maildir, where it has none yet, and says what it is.
    pub fn drop_anchor(&self, content: &str) -> Result<Anchor, WorktreeError> {
        if let Some(anchor) = self.read_anchor()? {
            return Ok(anchor);
        }
        let path = self.root.join(ANCHOR);
        crate::fs::write_durable(&*self.fs, &path, format!("{content}\n").as_bytes())
            .map_err(WorktreeError::at(&path))?;
        self.read_anchor()?
            .ok_or_else(|| WorktreeError::AnchorGone(self.root.clone()))
    }

    /// The folders that can be looked into.
    pub fn folders(&self) -> Result<BTreeSet<FolderPath>, WorktreeError> {
        Ok(self.discover()?.folders)
    }

    /// All folders. An error on the root is an error; one on a folder is a problem of that folder.
    pub(super) fn discover(&self) -> Result<Discovery, WorktreeError> {
        let mut found = Discovery::default();
        if self.is_folder(&self.root)? {
            found.folders.insert(FolderPath::root());
        }
        match self.layout {
            Layout::MaildirPlusPlus => {
                for entry in self.list(&self.root)? {
                    if entry.name.as_bytes().starts_with(b".") {
                        self.visit(&self.root.join(&entry.name), &entry, &mut found)?;
                    }
                }
            }
            Layout::Nested => self.descend(&self.root, 0, &mut found)?,
        }
        Ok(found)
    }

    fn list(&self, dir: &Path) -> Result<Vec<DirEntry>, WorktreeError> {
        self.fs.read_dir(dir).map_err(WorktreeError::at(dir))
    }

    fn descend(
        &self,
        dir: &Path,
        depth: usize,
        found: &mut Discovery,
    ) -> Result<(), WorktreeError> {
        for entry in self.list(dir)? {
            let name = entry.name.as_bytes();
            if matches!(name, b"cur" | b"new" | b"tmp") {
                continue;
            }
            let path = dir.join(&entry.name);
            let is_folder = self.visit(&path, &entry, found)?;
            let hidden = name.starts_with(b".") && !is_folder;
            if depth < MAX_DEPTH
                && !hidden
                && self.is_dir(&path, &entry, found)
                && let Err(WorktreeError::Io { source, .. }) = self.descend(&path, depth + 1, found)
            {
                self.report(&path, ProblemKind::of(&source), found);
            }
        }
        Ok(())
    }

    /// Takes in one directory entry if it is a folder; says whether it is.
    fn visit(
        &self,
        path: &Path,
        entry: &DirEntry,
        found: &mut Discovery,
    ) -> Result<bool, WorktreeError> {
        match entry.kind {
            EntryKind::File | EntryKind::Other => return Ok(false),
            EntryKind::Symlink | EntryKind::Unknown => match self.fs.stat(path) {
                Ok(stat) if stat.kind == EntryKind::Dir => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // A link to nowhere is a disk that is not mounted, never an empty folder. A
                    // name that vanished since it was listed is caught by the second look.
                    match self.fs.lstat(path) {
                        Ok(_) => self.report(path, ProblemKind::DanglingSymlink, found),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => self.report(path, ProblemKind::of(&error), found),
                    }
                    return Ok(false);
                }
                Err(error) => {
                    self.report(path, ProblemKind::of(&error), found);
                    return Ok(false);
                }
            },
            EntryKind::Dir => {}
        }
        match self.is_folder(path) {
            Ok(false) => Ok(false),
            Ok(true) => {
                let relative = path.strip_prefix(&self.root).unwrap_or(path);
                if let Some(folder) = self.layout.folder(relative) {
                    found.folders.insert(folder);
                } else {
                    self.report(path, ProblemKind::FolderName, found);
                }
                Ok(true)
            }
            Err(WorktreeError::Io { source, .. }) => {
                self.report(path, ProblemKind::of(&source), found);
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn is_dir(&self, path: &Path, entry: &DirEntry, found: &mut Discovery) -> bool {
        match entry.kind {
            EntryKind::Dir => true,
            // A link that leads to a directory may lead back up: only folders are followed.
            EntryKind::Unknown => match self.fs.lstat(path) {
                Ok(stat) => stat.kind == EntryKind::Dir,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => {
                    self.report(path, ProblemKind::of(&error), found);
                    false
                }
            },
            _ => false,
        }
    }

    fn report(&self, path: &Path, kind: ProblemKind, found: &mut Discovery) {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let folder = self.layout.folder(relative);
        found.problems.push(Problem {
            path: path.to_owned(),
            folder,
            kind,
        });
    }

    /// Whether a directory holds messages: it has a `cur` or a `new`.
    fn is_folder(&self, dir: &Path) -> Result<bool, WorktreeError> {
        Ok(self.sub_dir(dir, "cur")?.is_some() || self.sub_dir(dir, "new")?.is_some())
    }

    /// The state of a folder's `cur` or `new`; `None` if it has none. A link to nowhere is an
    /// error.
    pub(super) fn sub_dir(&self, dir: &Path, name: &str) -> Result<Option<Stat>, WorktreeError> {
        let path = dir.join(name);
        match self.fs.stat(&path) {
            Ok(stat) if stat.kind == EntryKind::Dir => Ok(Some(stat)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.fs.lstat(&path) {
                Ok(_) => {
                    let source = io::Error::new(io::ErrorKind::NotFound, "a link to nowhere");
                    Err(WorktreeError::Io { path, source })
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(WorktreeError::at(path)(error)),
            },
            Err(error) => Err(WorktreeError::at(path)(error)),
        }
    }

    /// The lines of `subscriptions`, if there is such a file.
    pub(super) fn subscriptions(&self) -> Result<BTreeSet<Vec<u8>>, WorktreeError> {
        let path = self.root.join(SUBSCRIPTIONS);
        let mut bytes = Vec::new();
        let read = self
            .fs
            .open(&path)
            .and_then(|file| file.take(MAX_SUBSCRIPTIONS).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(WorktreeError::at(path)(error)),
        }
        let lines = bytes.split(|&byte| byte == b'\n');
        let fits = |line: &&[u8]| !line.is_empty() && line.len() <= 1024;
        Ok(lines.filter(fits).map(<[u8]>::to_vec).collect())
    }

    /// Writes `subscriptions`.
    pub(super) fn write_subscriptions(
        &self,
        lines: &BTreeSet<Vec<u8>>,
    ) -> Result<(), WorktreeError> {
        let mut bytes = Vec::new();
        if lines.contains(SUBSCRIPTIONS_V2) {
            bytes.extend_from_slice(SUBSCRIPTIONS_V2);
            bytes.extend_from_slice(b"\n\n");
        }
        for line in lines.iter().filter(|line| *line != SUBSCRIPTIONS_V2) {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        let path = self.root.join(SUBSCRIPTIONS);
        crate::fs::write_durable(&*self.fs, &path, &bytes).map_err(WorktreeError::at(path))
    }
}
