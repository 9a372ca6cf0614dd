use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::log::carried_out;
use super::name::TEMPORARY;
use super::{LogEntry, LogRecord, RefEdit, RefError, RefName};
use crate::fs::{self, EntryKind, SharedFs};
use crate::object::SnapshotId;
use crate::time::Timestamp;

/// The refs of one store.
#[derive(Debug, Clone)]
pub struct RefStore {
    fs: SharedFs,
    refs: PathBuf,
    log: PathBuf,
}

/// One ref's change, checked and ready to be made.
struct Move<'a> {
    edit: &'a RefEdit,
    path: PathBuf,
    old: Option<SnapshotId>,
}

impl RefStore {
    /// The refs below `store_dir`. Touches nothing: directories are made when they are needed.
    pub fn open(fs: SharedFs, store_dir: &Path) -> Self {
        Self {
            fs,
            refs: store_dir.join("refs"),
            log: store_dir.join("log"),
        }
    }

    /// Where a ref is; `None` if there is no such ref.
    pub fn read(&self, name: &RefName) -> Result<Option<SnapshotId>, RefError> {
        self.read_file(&self.refs.join(name.path()?))
    }

    /// All refs, sorted by name. Files that can be no ref are passed over; a ref that cannot be
    /// read fails the whole, since who forgets a ref may forget its history.
    pub fn list(&self) -> Result<Vec<(RefName, SnapshotId)>, RefError> {
        let mut found = Vec::new();
        for (text, _) in self.files()? {
            let Ok(name) = text.parse::<RefName>() else {
                continue;
            };
            // One that is removed while we look is as one removed before.
            if let Some(id) = self.read(&name)? {
                found.push((name, id));
            }
        }
        found.sort();
        Ok(found)
    }

    /// All refs, each with what stands in it: for checks, which go on past one that is damaged.
    #[allow(clippy::type_complexity)] // a name and what came of reading it
    pub fn each(&self) -> Result<Vec<(RefName, Result<Option<SnapshotId>, RefError>)>, RefError> {
        let names = self.files()?.into_iter();
        let names = names.filter_map(|(text, _)| text.parse::<RefName>().ok());
        Ok(names.map(|name| (name.clone(), self.read(&name))).collect())
    }

    /// Changes refs, if every one of them is where the edit expects it; else changes none.
    ///
    /// The caller holds the store's lock. Each ref moves at once and durably, after its log line;
    /// they move in the order of `edits`, and a crash leaves the first so many of them moved.
    /// An edit that changes nothing writes nothing.
    pub fn update(&self, edits: &[RefEdit], entry: &LogEntry<'_>) -> Result<(), RefError> {
        let moves = self.check(edits)?;
        for step in &moves {
            self.write_log(step, entry)?;
        }
        moves.iter().try_for_each(|step| self.carry_out(step))
    }

    /// What a ref's log tells, newest first: every change that came about. Lines that a crash
    /// left torn, or that tell of a change that it prevented, are left out. The log of a ref
    /// that was removed stays.
    pub fn log(&self, name: &RefName) -> Result<Vec<LogRecord>, RefError> {
        let path = self.log.join(name.path()?);
        // The value first: a line is written before its change, so that who reads in this order
        // may miss a change that is just being made, and never takes one for undone.
        let current = self.read(name)?;
        let mut bytes = Vec::new();
        match self.fs.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .map_err(RefError::io(&path))?,
        };
        Ok(carried_out(&bytes, current))
    }

    /// Removes the temporary files that a crash left; the caller holds the store's lock.
    pub fn sweep(&self) -> Result<(), RefError> {
        for (text, path) in self.files()? {
            if text.ends_with(TEMPORARY) {
                self.fs.remove_file(&path).map_err(RefError::io(&path))?;
            }
        }
        Ok(())
    }

    fn check<'a>(&self, edits: &'a [RefEdit]) -> Result<Vec<Move<'a>>, RefError> {
        let mut seen = BTreeSet::new();
        let mut moves = Vec::new();
        for edit in edits {
            if !seen.insert(&edit.name) {
                return Err(RefError::Twice(edit.name.clone()));
            }
            let path = edit.name.path()?;
            let old = self.read_file(&self.refs.join(&path))?;
            if !edit.expected.holds(old) {
                return Err(RefError::Moved {
                    name: edit.name.clone(),
                    expected: edit.expected,
                    found: old,
                });
            }
            if edit.new != old {
                moves.push(Move { edit, path, old });
            }
        }
        Ok(moves)
    }

    fn write_log(&self, step: &Move<'_>, entry: &LogEntry<'_>) -> Result<(), RefError> {
        let path = self.log.join(&step.path);
        let record = LogRecord {
            old: step.old,
            new: step.edit.new,
            when: Timestamp::now(),
            who: entry.who.to_owned(),
            why: entry.why.to_owned(),
        };
        self.append_line(&path, &record.to_line())
            .map_err(RefError::io(&path))
    }

    /// Appends a line; behind a torn one it starts on a line of its own.
    fn append_line(&self, path: &Path, line: &str) -> io::Result<()> {
        self.make_parent(path)?;
        let torn = match self.fs.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
            Ok(file) => {
                let mut last = [b'\n'];
                let end = file.metadata()?.len();
                if end > 0 {
                    file.read_exact_at(&mut last, end - 1)?;
                }
                last != [b'\n']
            }
        };
        let start = if torn { "\n" } else { "" };
        fs::append_durable(&*self.fs, path, format!("{start}{line}").as_bytes())
    }

    fn carry_out(&self, step: &Move<'_>) -> Result<(), RefError> {
        let path = self.refs.join(&step.path);
        match step.edit.new {
            Some(id) => self.write_ref(&path, id),
            None => self.remove_ref(&path),
        }
        .map_err(RefError::io(&path))
    }

    fn write_ref(&self, path: &Path, id: SnapshotId) -> io::Result<()> {
        self.make_parent(path)?;
        fs::write_durable(&*self.fs, path, format!("{id}\n").as_bytes())
    }

    fn remove_ref(&self, path: &Path) -> io::Result<()> {
        self.fs.remove_file(path)?;
        path.parent().map_or(Ok(()), |dir| self.fs.sync_dir(dir))
    }

    fn make_parent(&self, path: &Path) -> io::Result<()> {
        path.parent()
            .map_or(Ok(()), |dir| fs::create_dir_durable(&*self.fs, dir))
    }

    fn read_file(&self, path: &Path) -> Result<Option<SnapshotId>, RefError> {
        let mut text = Vec::new();
        match self.fs.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened
                // One byte more than there may be tells of too many.
                .and_then(|file| file.take(66).read_to_end(&mut text))
                .map_err(RefError::io(path))?,
        };
        let id = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| text.strip_suffix('\n')?.parse().ok());
        id.map(Some).ok_or_else(|| RefError::Damaged {
            path: path.to_owned(),
        })
    }

    /// Every file in the places where refs are, by its name as a ref's.
    pub(super) fn files(&self) -> Result<Vec<(String, PathBuf)>, RefError> {
        let mut files = Vec::new();
        for group in ["", "remotes", "inbox", "tags"] {
            let dir = self.refs.join(group);
            let entries = match self.fs.read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(RefError::io(&dir))?,
            };
            let files_of = entries.iter().filter(|entry| entry.kind != EntryKind::Dir);
            for name in files_of.filter_map(|entry| entry.name.to_str()) {
                let text = Path::new(group).join(name).display().to_string();
                files.push((text, dir.join(name)));
            }
        }
        Ok(files)
    }
}
