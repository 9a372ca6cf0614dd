//! What a Maildir looks like when a change of it stopped halfway: files as they were beside files
//! as they were to be, and after a power cut one file under both names.

use crate::maildir::FolderPath;
use crate::object::{Copies, Entry, Folder, FolderMap, TreeId};
use crate::odb::ObjectWrite;
use crate::tree;
use crate::worktree::Mend;

use super::RepoError;

/// `found` as it would be if every message that is half way from `from` to `to` had arrived: so
/// what a crash left is not taken for somebody's own change.
pub(super) fn complete(
    odb: &dyn ObjectWrite,
    found: &FolderMap,
    (from, to): (&FolderMap, &FolderMap),
) -> Result<FolderMap, RepoError> {
    let mut map = found.clone();
    let root = |map: &FolderMap, path: &FolderPath| -> TreeId {
        let folder = map.folders.get(path);
        folder.map_or_else(tree::empty_id, |folder| folder.tree)
    };
    for (path, folder) in &mut map.folders {
        let mut edits = Vec::new();
        for change in tree::diff(odb, root(from, path), root(to, path)) {
            let change = change?;
            if let (Some(before), Some(after), Some(now)) = (
                &change.before,
                &change.after,
                tree::get(odb, folder.tree, change.key)?,
            ) && is_between(before, after, &now)
            {
                edits.push((change.key, change.after));
            }
        }
        if !edits.is_empty() {
            let (tree, sums) = tree::edit(odb, folder.tree, edits)?;
            *folder = Folder { tree, sums };
        }
    }
    Ok(map)
}

/// `found` without the damaged files beside which the whole message lies already: they count as
/// whole, and so there is one copy more than in `to`. They are marked as written.
pub(super) fn without_written(
    odb: &dyn ObjectWrite,
    found: &FolderMap,
    (to, mends): (&FolderMap, &mut [Mend]),
) -> Result<FolderMap, RepoError> {
    let mut map = found.clone();
    for mend in mends {
        let (Some(folder), key) = (map.folders.get(&mend.folder).copied(), mend.key) else {
            continue;
        };
        let expected = match to.folders.get(&mend.folder) {
            Some(folder) => tree::get(odb, folder.tree, key)?,
            None => None,
        };
        let expected = expected.map_or(0, |entry| entry.copies.count());
        let Some(now) = tree::get(odb, folder.tree, key)? else {
            continue;
        };
        let mut copies: Vec<_> = now.copies.iter().cloned().collect();
        let at = copies.iter().position(|copy| *copy == mend.copy);
        let (Some(at), true) = (at, copies.len() as u64 > expected.max(1)) else {
            continue;
        };
        copies.swap_remove(at);
        mend.written = true;
        if let Some(copies) = Copies::collect(copies) {
            let edit = (key, Some(Entry { copies, ..now }));
            let (tree, sums) = tree::edit(odb, folder.tree, [edit])?;
            map.folders
                .insert(mend.folder.clone(), Folder { tree, sums });
        }
    }
    Ok(map)
}

/// Whether every copy is one of those before or after, and none of the old ones is missing without
/// a new one in its place.
fn is_between(before: &Entry, after: &Entry, now: &Entry) -> bool {
    let least = before.copies.count().min(after.copies.count());
    let mut known: Vec<_> = before.copies.iter().chain(after.copies.iter()).collect();
    now.copies.count() >= least
        && now.copies.iter().all(|copy| {
            let at = known.iter().position(|known| *known == copy);
            at.map(|at| known.swap_remove(at)).is_some()
        })
}
