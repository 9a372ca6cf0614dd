//! Folders and subscriptions, and what a merge costs.

use std::collections::BTreeSet;

use super::super::{MergeError, Merged, merge_maps};
use super::{ConflictKind, Mail, load, path, store};
use crate::maildir::FolderPath;
use crate::object::{Folder, FolderMap, FolderMapId, Sums};
use crate::odb::{MemoryOdb, ObjectRead, Overlay};
use crate::tree::testing::Recorder;
use crate::{graph, tree};

fn mail(all: &[(u64, &str)]) -> Mail {
    all.iter()
        .map(|&(number, text)| (number, text.to_owned()))
        .collect()
}

fn merge(odb: &MemoryOdb, base: FolderMapId, a: FolderMapId, b: FolderMapId) -> Merged {
    let merged = merge_maps(odb, Some(base), a, b).expect("merges");
    let swapped = merge_maps(odb, Some(base), b, a).expect("merges");
    assert_eq!(merged, swapped);
    merged
}

fn folders(map: &FolderMap) -> Vec<String> {
    map.folders.keys().map(FolderPath::to_string).collect()
}

#[test]
fn folders_come_and_go_three_way() {
    let odb = MemoryOdb::new();
    let nothing = Mail::new();
    let base = store(&odb, &["old", "same"], &nothing);
    let a = store(&odb, &["same", "new"], &nothing);
    let b = store(&odb, &["old", "same", "newer"], &nothing);
    let merged = merge(&odb, base, a, b);
    assert_eq!(folders(&merged.map), ["new", "newer", "same"]);
    assert_eq!(merged.conflicts, []);
}

#[test]
fn a_deleted_folder_that_was_added_to_stays_with_what_was_added() {
    let odb = MemoryOdb::new();
    let base = store(&odb, &[], &mail(&[(1, "f:"), (2, "f:"), (3, "in:")]));
    let deleted = store(&odb, &[], &mail(&[(3, "in:")]));
    let added = store(
        &odb,
        &[],
        &mail(&[(1, "f:S"), (2, "f:"), (3, "in:"), (4, "f:")]),
    );
    let merged = merge(&odb, base, deleted, added);
    let left = mail(&[(3, "in:"), (4, "f:")]);
    assert_eq!(load(&odb, merged.folders, 0..9), left);
    let kinds: Vec<_> = merged.conflicts.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [ConflictKind::FolderDeletedAndChanged]);
    assert_eq!(merged.conflicts[0].folder, path("f"));
}

#[test]
fn a_deleted_folder_in_which_mail_was_only_read_goes() {
    let odb = MemoryOdb::new();
    let base = store(&odb, &[], &mail(&[(1, "f:"), (3, "in:")]));
    let deleted = store(&odb, &["in"], &mail(&[(3, "in:")]));
    let read = store(&odb, &[], &mail(&[(1, "f:S"), (3, "in:")]));
    let merged = merge(&odb, base, deleted, read);
    assert_eq!(folders(&merged.map), ["in"]);
    assert_eq!(merged.conflicts, []);
}

#[test]
fn a_renamed_folder_keeps_what_was_done_under_its_old_name() {
    let odb = MemoryOdb::new();
    let base = store(&odb, &[], &mail(&[(1, "old:"), (2, "old:")]));
    let renamed = store(&odb, &[], &mail(&[(1, "new:"), (2, "new:")]));
    let flagged = store(&odb, &[], &mail(&[(1, "old:F"), (2, "old:")]));
    let merged = merge(&odb, base, renamed, flagged);
    let expected = mail(&[(1, "new:F"), (2, "new:")]);
    assert_eq!(load(&odb, merged.folders, 0..9), expected);
    assert_eq!(folders(&merged.map), ["new"]);
    assert_eq!(merged.conflicts, []);
}

#[test]
fn without_a_base_everything_is_kept_and_equal_mail_is_not_doubled() {
    let odb = MemoryOdb::new();
    let a = store(&odb, &["x"], &mail(&[(1, "in:S"), (2, "in:n")]));
    let b = store(&odb, &["y"], &mail(&[(1, "in:F"), (3, "in:")]));
    let merged = merge_maps(&odb, None, a, b).expect("merges");
    let expected = mail(&[(1, "in:FS"), (2, "in:n"), (3, "in:")]);
    assert_eq!(load(&odb, merged.folders, 0..9), expected);
    assert_eq!(folders(&merged.map), ["in", "x", "y"]);
}

#[test]
fn subscriptions_merge_line_by_line() {
    let odb = MemoryOdb::new();
    let with = |lines: &[&str]| {
        let lines: BTreeSet<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let map = FolderMap {
            subscriptions: lines,
            ..FolderMap::default()
        };
        super::super::map::store(&odb, &map, None).expect("memory")
    };
    let (base, a, b) = (with(&["a", "b"]), with(&["b", "c"]), with(&["a", "b", "d"]));
    assert_eq!(merge(&odb, base, a, b).folders, with(&["b", "c", "d"]));
}

#[test]
fn more_folders_than_a_state_may_have_are_refused() {
    let odb = MemoryOdb::new();
    let with = |name: &str| {
        let folder = Folder {
            tree: tree::empty_id(),
            sums: Sums::default(),
        };
        let folders = (0..40_000).map(|at| (path(&format!("{name}{at}")), folder));
        let map = FolderMap {
            folders: folders.collect(),
            ..FolderMap::default()
        };
        super::super::map::store(&odb, &map, None).expect("memory")
    };
    let (a, b) = (with("a"), with("b"));
    assert!(matches!(
        merge_maps(&odb, None, a, b),
        Err(MergeError::TooLarge)
    ));
}

#[test]
fn the_cost_follows_the_changes() {
    let odb = MemoryOdb::new();
    let mut base = Mail::new();
    for number in 0..20_000 {
        base.insert(number, format!("f{}:S", number % 20));
    }
    let (mut a, mut b) = (base.clone(), base.clone());
    a.insert(7, "f7:FS".into());
    a.remove(&8);
    b.insert(7, "f9:S".into());
    b.insert(30_000, "f1:".into());
    let ids = [&base, &a, &b].map(|mail| store(&odb, &[], mail));
    let counting = Overlay::new(&odb);
    let merged = merge_maps(&counting, Some(ids[0]), ids[1], ids[2]).expect("merges");
    let written = counting.written().len();
    assert!(written <= 12, "{written} objects for four changed folders");
    let map = graph::load_map(&counting, merged.folders).expect("stored");
    assert_eq!(map.sums().entries, 20_000);
    assert!(!odb.contains(merged.folders.into()).expect("memory"));
}

/// Folders that are the same on both sides are not read, however many messages are in them, nor
/// are parts of a folder that are.
#[test]
fn what_neither_side_changed_is_not_read() {
    let reads = [2_000, 8_000].map(|count| {
        let odb = Recorder::default();
        let mut base = Mail::new();
        for number in 0..count {
            base.insert(number, format!("f{}:S", number % 8));
        }
        let (mut a, mut b) = (base.clone(), base.clone());
        a.insert(7, "f7:FS".into());
        b.insert(30_000, "f1:".into());
        let [base, a, b] = [&base, &a, &b].map(|mail| store(&odb, &[], mail));
        let same = graph::load_map(&odb, base).expect("stored");
        let same = same.folders[&path("f0")].tree;
        odb.read_count();
        merge_maps(&odb, Some(base), a, b).expect("merges");
        assert!(!odb.has_read(same.into()));
        odb.read_count()
    });
    assert!(reads.iter().all(|&count| count <= 100), "{reads:?}");
}
