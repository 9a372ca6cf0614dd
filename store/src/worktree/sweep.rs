//! Clears away what an interrupted run of ours left in a Maildir. Called with the Maildir locked,
//! when the record of an interrupted run says that there may be something.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::apply::hash_file;
use super::{Maildir, WorktreeError};
use crate::maildir::{Flags, FolderPath, UniqueNames};
use crate::object::BlobId;
use crate::odb::ObjectRead;

/// How the names of our files in `tmp` start; `tag` tells two stores of one Maildir apart.
pub(super) fn prefix(tag: &str) -> String {
    format!("mailvc-{tag}-")
}

/// The part of a name that says which message a file should hold that is being removed.
pub(super) fn removal(blob: BlobId) -> String {
    format!("remove-{blob}")
}

/// Removes our files from every folder's `tmp`. One that was on its way out is unlinked only if
/// it holds what it should and the store returns that; otherwise it goes back into its folder.
/// Returns how many were removed and how many put back.
pub fn sweep(
    maildir: &Maildir,
    odb: &dyn ObjectRead,
    tag: &str,
    names: &UniqueNames,
) -> Result<(u64, u64), WorktreeError> {
    let mut folders = maildir.discover()?.folders;
    folders.insert(FolderPath::root());
    let mut counts = (0, 0);
    for folder in &folders {
        sweep_folder(maildir, odb, (tag, names), folder, &mut counts)?;
    }
    for leftover in ["subscriptions.new", "mailvc-anchor.new"] {
        match maildir.fs.remove_file(&maildir.root.join(leftover)) {
            Ok(()) => counts.0 += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(WorktreeError::at(maildir.root.join(leftover))(error)),
        }
    }
    Ok(counts)
}

fn sweep_folder(
    maildir: &Maildir,
    odb: &dyn ObjectRead,
    (tag, names): (&str, &UniqueNames),
    folder: &FolderPath,
    counts: &mut (u64, u64),
) -> Result<(), WorktreeError> {
    let tmp = maildir.dir(folder).join("tmp");
    let entries = match maildir.fs.read_dir(&tmp) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(WorktreeError::at(tmp)(error)),
    };
    let ours = prefix(tag);
    let mut touched = BTreeSet::new();
    for entry in entries {
        let name = entry.name.as_bytes();
        let Some(rest) = name.strip_prefix(ours.as_bytes()) else {
            continue;
        };
        let path = tmp.join(&entry.name);
        if must_return(maildir, odb, &path, rest)? {
            let cur = maildir.dir(folder).join("cur");
            let size = maildir
                .fs
                .lstat(&path)
                .map_err(WorktreeError::at(&path))?
                .size;
            let base = names.next(size);
            let file = crate::maildir::FileName::parse(&base).with_flags(false, &Flags::none());
            let target = cur.join(std::ffi::OsStr::from_bytes(&file));
            maildir
                .fs
                .rename_noreplace(&path, &target)
                .map_err(WorktreeError::at(&target))?;
            touched.insert(cur);
            counts.1 += 1;
        } else {
            maildir
                .fs
                .remove_file(&path)
                .map_err(WorktreeError::at(&path))?;
            counts.0 += 1;
        }
        touched.insert(tmp.clone());
    }
    for dir in touched {
        maildir.fs.sync_dir(&dir).map_err(WorktreeError::at(dir))?;
    }
    Ok(())
}

/// Whether a file of ours holds a message that is nowhere else.
fn must_return(
    maildir: &Maildir,
    odb: &dyn ObjectRead,
    path: &Path,
    rest: &[u8],
) -> Result<bool, WorktreeError> {
    let Some(rest) = rest.strip_prefix(b"remove-") else {
        return Ok(false);
    };
    let expected = rest
        .get(..64)
        .and_then(|hex| std::str::from_utf8(hex).ok()?.parse().ok());
    let Some(expected): Option<BlobId> = expected else {
        return Ok(true);
    };
    let found = hash_file(&*maildir.fs, path).map_err(WorktreeError::at(path))?;
    Ok(found != expected || odb.read_blob(expected, &mut io::sink()).is_err())
}
