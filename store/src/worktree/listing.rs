//! One look at one folder's directories.

use std::os::unix::ffi::OsStrExt;

use super::files::{self, Name};
use super::{Maildir, WorktreeError};
use crate::fs::{EntryKind, Stat};
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

    /// Whether the directories are now as they were at `self`.
    pub(super) fn still_holds(&self, now: &Self) -> bool {
        let times = |stamp: &Option<DirStamp>| {
            stamp
                .as_ref()
                .map(|stamp| (stamp.inode, stamp.mtime_ns, stamp.ctime_ns))
        };
        times(&self.new) == times(&now.new) && times(&self.cur) == times(&now.cur)
    }

    /// Whether a listing made at these stamps needs no repetition.
    pub(super) fn settled(&self) -> bool {
        [&self.new, &self.cur]
            .into_iter()
            .flatten()
            .all(|stamp| stamp.settled)
    }

    /// The last change of either directory, in nanoseconds since 1970.
    pub(super) fn last_change(&self) -> i64 {
        let times = [&self.new, &self.cur].into_iter().flatten();
        times
            .map(|stamp| stamp.mtime_ns.max(stamp.ctime_ns))
            .max()
            .unwrap_or(0)
    }
}

/// The names in a folder's `new` and `cur`, sorted, each with its inode; and names that are no
/// messages though they lie where messages lie.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<(Name, u64)>,
    pub(super) strange: Vec<Name>,
}

/// Lists a folder: `new` before `cur`, because that is the way messages go.
pub(super) fn list(maildir: &Maildir, folder: &FolderPath) -> Result<Listing, WorktreeError> {
    let dir = maildir.dir(folder);
    let mut listing = Listing::default();
    for sub in ["new", "cur"] {
        if maildir.sub_dir(&dir, sub)?.is_none() {
            continue;
        }
        let path = dir.join(sub);
        for entry in maildir
            .fs
            .read_dir(&path)
            .map_err(WorktreeError::at(&path))?
        {
            let file = entry.name.as_bytes();
            if !is_message_name(file) {
                continue;
            }
            let name = [sub.as_bytes(), b"/", file].concat();
            let kind = match entry.kind {
                EntryKind::Unknown => match maildir.fs.lstat(&path.join(&entry.name)) {
                    Ok(stat) => stat.kind,
                    Err(_) => continue,
                },
                known => known,
            };
            match kind {
                EntryKind::File => listing.files.push((name, entry.inode)),
                _ => listing.strange.push(name),
            }
        }
    }
    listing.files.sort_unstable();
    drop_moved(maildir, folder, &mut listing.files);
    Ok(listing)
}

/// A message that went from `new` to `cur` while they were listed was seen twice: one inode under
/// one unique name. It is in `cur`; unless it is in both, as a crash in the middle of a rename can
/// leave it.
fn drop_moved(maildir: &Maildir, folder: &FolderPath, files: &mut Vec<(Name, u64)>) {
    let is_there = |name: &Name, inode: u64| {
        let stat = maildir.fs.lstat(&maildir.file(folder, name));
        stat.is_ok_and(|stat| stat.inode == inode)
    };
    let split = files.partition_point(|(name, _)| !files::is_recent(name));
    if split == files.len() || split == 0 {
        return;
    }
    let recent: std::collections::HashMap<u64, Name> = files[split..]
        .iter()
        .map(|(name, inode)| (*inode, name.clone()))
        .collect();
    let twice: Vec<Name> = files[..split]
        .iter()
        .filter_map(|(name, inode)| {
            let recent = recent.get(inode)?;
            let moved = files::unique(name) == files::unique(recent) && !is_there(recent, *inode);
            moved.then(|| recent.clone())
        })
        .collect();
    files.retain(|(name, _)| !twice.contains(name));
}
