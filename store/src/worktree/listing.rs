//! One look at one folder's directories.

use std::io;
use std::os::unix::ffi::OsStrExt;

use super::files::{self, Name};
use super::{Maildir, WorktreeError};
use crate::fs::{DirEntry, EntryKind, Stat};
use crate::index::DirStamp;
use crate::maildir::{FolderPath, is_message_name};
use crate::time::now_ns;

/// A directory's times are trusted only if they are so much older than the file system's now: a
/// change in the same tick of its clock would not show.
const SETTLED_NS: i64 = 2_000_000_000;

/// The times of a folder's directories, before they were listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) new: Option<DirStamp>,
    pub(super) cur: Option<DirStamp>,
}

impl Stamps {
    /// Looks at a folder's directories. `trust` is false where a file system's times say nothing.
    pub(super) fn take(
        maildir: &Maildir,
        folder: &FolderPath,
        trust: bool,
    ) -> Result<Self, WorktreeError> {
        let dir = maildir.dir(folder);
        let now = now_ns();
        let stamp = |stat: Stat| DirStamp {
            inode: stat.inode,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
            settled: trust && now.saturating_sub(stat.mtime_ns.max(stat.ctime_ns)) >= SETTLED_NS,
        };
        Ok(Self {
            new: maildir.sub_dir(&dir, "new")?.map(stamp),
            cur: maildir.sub_dir(&dir, "cur")?.map(stamp),
        })
    }

    /// The directories that are not now as they were at `self`.
    pub(super) fn changed(&self, now: &Self) -> Sides {
        let times = |stamp: &Option<DirStamp>| {
            stamp
                .as_ref()
                .map(|stamp| (stamp.inode, stamp.mtime_ns, stamp.ctime_ns))
        };
        Sides {
            new: times(&self.new) != times(&now.new),
            cur: times(&self.cur) != times(&now.cur),
        }
    }

    /// The directories of which a listing made at these stamps needs repetition.
    pub(super) fn unsettled(&self) -> Sides {
        let unsettled = |stamp: &Option<DirStamp>| stamp.as_ref().is_some_and(|s| !s.settled);
        Sides {
            new: unsettled(&self.new),
            cur: unsettled(&self.cur),
        }
    }

    /// The directories that changed so shortly before they were listed that a change in the same
    /// tick, after it, would not show.
    ///
    /// A directory whose time lies far ahead, since the clock was wrong then, is none of them if
    /// `trust` says that the times are this system's own: what changes it now sets it back. Else
    /// it would be listed again for years.
    pub(super) fn doubtful(&self, listed: &ListedAt, tick: i64, trust: bool) -> Sides {
        let doubtful = |stamp: &Option<DirStamp>, listed: Option<i64>| match (stamp, listed) {
            (Some(stamp), Some(listed)) => {
                let age = listed.saturating_sub(stamp.mtime_ns.max(stamp.ctime_ns));
                age < tick && !(trust && age <= -SETTLED_NS)
            }
            _ => false,
        };
        Sides {
            new: doubtful(&self.new, listed.new),
            cur: doubtful(&self.cur, listed.cur),
        }
    }
}

/// Some of a folder's two directories of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sides {
    pub(super) new: bool,
    pub(super) cur: bool,
}

impl Sides {
    pub(super) const BOTH: Self = Self {
        new: true,
        cur: true,
    };

    pub(super) fn any(self) -> bool {
        self.new || self.cur
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self {
            new: self.new || other.new,
            cur: self.cur || other.cur,
        }
    }

    /// Whether `cur/NAME` or `new/NAME` lies in one of them.
    pub(super) fn hold(self, name: &[u8]) -> bool {
        if files::is_recent(name) {
            self.new
        } else {
            self.cur
        }
    }

    /// The first name that can lie in one of them: `cur` sorts before `new`.
    pub(super) fn first(self) -> &'static [u8] {
        if self.cur { b"" } else { b"new/" }
    }
}

/// When each of a folder's directories was last listed in this scan, in nanoseconds since 1970;
/// `None` if it was not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ListedAt {
    new: Option<i64>,
    cur: Option<i64>,
}

impl ListedAt {
    pub(super) fn note(&mut self, sides: Sides, now: i64) {
        if sides.new {
            self.new = Some(now);
        }
        if sides.cur {
            self.cur = Some(now);
        }
    }

    pub(super) fn sides(&self) -> Sides {
        Sides {
            new: self.new.is_some(),
            cur: self.cur.is_some(),
        }
    }
}

/// The names in a folder's `new` and `cur`, sorted, each with its inode; and names that are no
/// messages though they lie where messages lie.
///
/// A folder has hundreds of thousands: the names lie in one buffer.
#[derive(Debug, Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    files: Vec<Listed>,
    pub(super) strange: Vec<Name>,
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    /// How the name begins, `cur` before `new`: nearly always enough to tell which is first.
    head: [u8; 16],
    start: usize,
    end: usize,
    inode: u64,
}

impl Listing {
    /// All names with their inodes, sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.files.iter().map(|file| (self.name(file), file.inode))
    }

    /// Whether the name was there.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        let at = self
            .files
            .binary_search_by(|file| self.name(file).cmp(name));
        at.is_ok()
    }

    fn name(&self, file: &Listed) -> &[u8] {
        self.names.get(file.start..file.end).unwrap_or_default()
    }

    fn push(&mut self, sub: &str, file: &[u8], inode: u64) {
        let start = self.names.len();
        for part in [sub.as_bytes(), b"/", file] {
            self.names.extend_from_slice(part);
        }
        let mut head = [0; 16];
        let begin = sub.bytes().take(1).chain(file.iter().copied());
        for (slot, byte) in head.iter_mut().zip(begin) {
            *slot = byte;
        }
        let end = self.names.len();
        self.files.push(Listed {
            head,
            start,
            end,
            inode,
        });
    }

    fn sort(&mut self) {
        let names = std::mem::take(&mut self.names);
        let name = |file: &Listed| names.get(file.start..file.end);
        self.files
            .sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| name(a).cmp(&name(b))));
        self.names = names;
    }
}

/// Lists directories of a folder: `new` before `cur`, because that is the way messages go.
pub(super) fn list(
    maildir: &Maildir,
    folder: &FolderPath,
    sides: Sides,
) -> Result<Listing, WorktreeError> {
    let dir = maildir.dir(folder);
    let mut listing = Listing::default();
    for (sub, wanted) in [("new", sides.new), ("cur", sides.cur)] {
        if !wanted || maildir.sub_dir(&dir, sub)?.is_none() {
            continue;
        }
        let path = dir.join(sub);
        let mut unknown = Vec::new();
        let mut told = |name: &[u8], inode, kind| match kind {
            EntryKind::File => listing.push(sub, name, inode),
            _ => listing.strange.push([sub.as_bytes(), b"/", name].concat()),
        };
        let each = &mut |entry: DirEntry| match entry.kind {
            _ if !is_message_name(entry.name.as_bytes()) => (),
            EntryKind::Unknown => unknown.push(entry),
            kind => told(entry.name.as_bytes(), entry.inode, kind),
        };
        let listed = maildir.fs.each_entry(&path, each);
        listed.map_err(WorktreeError::at(&path))?;
        for entry in unknown {
            match maildir.fs.lstat(&path.join(&entry.name)) {
                Ok(stat) => told(entry.name.as_bytes(), entry.inode, stat.kind),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(WorktreeError::at(path)(error)),
            }
        }
    }
    listing.sort();
    drop_moved(maildir, folder, &mut listing);
    Ok(listing)
}

/// A message that went from `new` to `cur` while they were listed was seen twice: one inode under
/// one unique name. It is in `cur`; unless it is in both, as a crash in the middle of a rename can
/// leave it.
fn drop_moved(maildir: &Maildir, folder: &FolderPath, listing: &mut Listing) {
    // They sort last.
    let recent = listing
        .files
        .iter()
        .rev()
        .map(|file| (listing.name(file), file.inode));
    let recent = recent.take_while(|(name, _)| files::is_recent(name));
    let mut recent: Vec<(u64, &[u8])> = recent.map(|(name, inode)| (inode, name)).collect();
    recent.sort_unstable();
    let (Some(&(least, _)), Some(&(most, _))) = (recent.first(), recent.last()) else {
        return;
    };
    let recent_of = |inode: u64| {
        // Most of a folder is older than what is in `new`: its inodes lie elsewhere.
        let near = (least..=most).contains(&inode);
        let at = near.then(|| recent.binary_search_by_key(&inode, |it| it.0).ok());
        at.flatten().and_then(|at| recent.get(at)).map(|it| it.1)
    };
    let is_there = |name: &[u8], inode: u64| {
        let stat = maildir.fs.lstat(&maildir.file(folder, name));
        stat.is_ok_and(|stat| stat.inode == inode)
    };
    let twice: Vec<Name> = listing
        .iter()
        .filter_map(|(name, inode)| {
            let recent = recent_of(inode).filter(|_| !files::is_recent(name))?;
            let moved = files::unique(name) == files::unique(recent) && !is_there(recent, inode);
            moved.then(|| recent.to_vec())
        })
        .collect();
    if !twice.is_empty() {
        let files = std::mem::take(&mut listing.files);
        let kept = files.into_iter().filter(|file| {
            let name = listing.name(file);
            !twice.iter().any(|twice| twice == name)
        });
        listing.files = kept.collect();
    }
}
