use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;
use crate::progress::{Phase, Progress};
use crate::worktree::{Depth, ProblemKind};

#[test]
fn what_is_in_the_maildir_is_in_the_snapshot() {
    let a = Device::new("a");
    a.put("", "new/1", "fresh");
    a.put("Lists.rust", "cur/2:2,FS", "read");
    let report = a.snapshot();
    assert!(report.new);
    assert_eq!(report.changes.add.len(), 2);
    let map = a
        .repo()
        .folders(report.id.expect("an id"))
        .expect("folders");
    let paths: Vec<String> = map.folders.keys().map(ToString::to_string).collect();
    assert_eq!(
        paths,
        ["INBOX", "Lists/rust"].map(|path| path.replace("INBOX", &paths[0]))
    );
    assert_eq!(map.sums().entries, 2);
    let size = message("fresh").len() + message("read").len();
    assert_eq!(map.sums().bytes, size as u64);
    a.assert_settled();
}

#[test]
fn an_empty_maildir_is_nothing_to_record() {
    let a = Device::new("a");
    let report = a.snapshot();
    assert_eq!((report.id, report.new), (None, false));
}

#[test]
fn a_rename_by_a_mail_client_is_a_change_and_reads_nothing() {
    let a = Device::new("a");
    a.put("", "new/1.host", "hello");
    a.snapshot();
    a.flag("hello", "S");
    let report = a.snapshot();
    assert_eq!(report.changes.change.len(), 1, "{:#?}", report.changes);
    assert!(report.changes.add.is_empty() && report.changes.remove.is_empty());
    a.assert_settled();
}

#[test]
fn a_message_filed_elsewhere_is_moved() {
    let a = Device::new("a");
    let path = a.put("", "cur/1:2,S", "hello");
    a.make_folder("Archive");
    a.snapshot();
    fs::rename(path, a.folder("Archive").join("cur/1:2,S")).expect("moved");
    let report = a.snapshot();
    assert_eq!(report.changes.moves.len(), 1, "{:#?}", report.changes);
    assert_eq!(report.held.count(), 0);
    a.assert_settled();
}

#[test]
fn a_few_deletions_are_recorded() {
    let a = Device::new("a");
    a.put_many("", 0..10);
    a.snapshot();
    a.remove("m3");
    let report = a.snapshot();
    assert_eq!(report.changes.remove.len(), 1);
    assert_eq!(report.held.count(), 0);
    a.assert_settled();
}

#[test]
fn an_emptied_or_cut_file_is_damage_and_the_tree_keeps_the_old() {
    let a = Device::new("a");
    let empty = a.put("", "cur/1:2,", "one");
    let cut = a.put("", "cur/2:2,", "two");
    let zero = a.put("", "cur/3:2,", "three");
    let id = a.snapshot().id;
    fs::write(&empty, "").expect("emptied");
    fs::write(&cut, &message("two").as_bytes()[..40]).expect("cut");
    fs::write(&zero, vec![0; 100]).expect("zeroed");
    let thorough = SnapshotRequest {
        thorough: true,
        ..SnapshotRequest::default()
    };
    let report = a.snapshot_as(&thorough);
    let damaged = |kind: &ProblemKind| matches!(kind, ProblemKind::Damaged(_));
    let count = report
        .problems
        .iter()
        .filter(|it| damaged(&it.kind))
        .count();
    assert_eq!(count, 3, "{:#?}", report.problems);
    assert_eq!(report.id, id, "nothing spreads");
}

#[test]
fn a_draft_saved_over_itself_is_a_removal_and_an_addition() {
    let a = Device::new("a");
    let path = a.put("Drafts", "cur/1:2,D", "draft one");
    a.snapshot();
    fs::write(path.with_extension("tmp"), message("draft two")).expect("written");
    fs::rename(path.with_extension("tmp"), &path).expect("replaced");
    let report = a.snapshot();
    assert_eq!(report.changes.add.len(), 1, "{:#?}", report.changes);
    assert_eq!(report.changes.remove.len(), 1);
    a.assert_settled();
}

#[test]
fn a_lost_index_is_made_again_and_changes_nothing() {
    let a = Device::new("a");
    a.put_many("", 0..20);
    a.put_many("Archive", 20..30);
    a.snapshot();
    fs::remove_file(a.store().join("index.redb")).expect("lost");
    a.assert_settled();
}

#[test]
fn a_folder_that_cannot_be_looked_into_keeps_its_mail_and_holds_up_nobody_else() {
    let a = Device::new("a");
    a.put("", "cur/1:2,", "one");
    a.put("Archive", "cur/2:2,", "two");
    a.snapshot();
    // As if the disk with the archive were not mounted.
    fs::rename(a.folder("Archive"), a.dir.path().join("Archive")).expect("away");
    std::os::unix::fs::symlink("/nowhere/Archive", a.folder("Archive")).expect("linked");
    a.put("", "cur/3:2,", "three");
    a.remove("one");
    let report = a.snapshot();
    assert_eq!(report.changes.add.len(), 1);
    assert_eq!(report.changes.remove.len(), 1);
    assert_eq!(report.held.count(), 0);
    let kinds: Vec<_> = report.problems.iter().map(|it| &it.kind).collect();
    assert_eq!(kinds, [&ProblemKind::DanglingSymlink]);
    fs::remove_file(a.folder("Archive")).expect("unlinked");
    fs::rename(a.dir.path().join("Archive"), a.folder("Archive")).expect("back");
    a.assert_settled();
    assert_eq!(a.mail(), [": : three", "Archive: : two"]);
}

/// The real file system, but for one directory that cannot be listed.
#[derive(Debug)]
struct Unlistable(PathBuf);

macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> io::Result<$result> { OsFs.$name($($arg),*) })*
    };
}

impl crate::fs::Fs for Unlistable {
    fn read_dir(&self, path: &Path) -> io::Result<Vec<crate::fs::DirEntry>> {
        if path == self.0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        OsFs.read_dir(path)
    }
    pass_on! {
        open(path: &Path) -> fs::File;
        stat(path: &Path) -> crate::fs::Stat;
        lstat(path: &Path) -> crate::fs::Stat;
        create_new(path: &Path) -> Box<dyn crate::fs::FileWrite>;
        append(path: &Path) -> Box<dyn crate::fs::FileWrite>;
        rename(from: &Path, to: &Path) -> ();
        rename_noreplace(from: &Path, to: &Path) -> ();
        remove_file(path: &Path) -> ();
        create_dir(path: &Path) -> ();
        remove_dir(path: &Path) -> ();
        sync_dir(path: &Path) -> ();
        sync_all(path: &Path) -> ();
        set_mtime(path: &Path, seconds: i64) -> ();
    }
}

#[test]
fn a_folder_that_cannot_be_listed_keeps_its_mail_and_holds_up_nobody_else() {
    let a = Device::new("a");
    a.put("", "cur/1:2,", "one");
    a.put("Archive", "cur/2:2,", "two");
    a.snapshot();
    a.remove("one");
    a.put("Archive", "cur/3:2,", "three");
    let broken = Arc::new(Unlistable(a.folder("Archive").join("cur")));
    let repo = Repository::open(broken, &a.store()).expect("opened");
    let locked = repo.lock(&request()).expect("locked");
    let report = locked
        .snapshot(&SnapshotRequest::default())
        .expect("recorded");
    assert_eq!(report.held.count(), 0, "{:?}", report.held.reasons);
    assert_eq!(report.changes.remove.len(), 1);
    drop(locked);
    assert_eq!(a.snapshot().changes.add.len(), 1);
    a.assert_settled();
}

#[test]
fn a_dry_run_leaves_every_byte_as_it_was() {
    let a = Device::new("a");
    a.put_many("", 0..5);
    a.snapshot();
    a.put("", "new/9", "late");
    let before = tree_of(&a.store());
    let report = a.snapshot_as(&SnapshotRequest {
        dry_run: true,
        ..SnapshotRequest::default()
    });
    assert_eq!(report.changes.add.len(), 1);
    let after = tree_of(&a.store());
    for (path, bytes) in before {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name != "lock" && name != "index.redb" {
            assert_eq!(after.get(&path), Some(&bytes), "{}", path.display());
        }
    }
    assert_eq!(after.len(), tree_of(&a.store()).len());
    assert!(a.snapshot().new);
    let _ = Depth::Changed;
}

/// Stops a look after so many messages, and knows how many were to be read.
struct Watch {
    left: AtomicI64,
    to_read: AtomicU64,
}

impl Watch {
    fn stop_after(messages: i64) -> Self {
        Self {
            left: messages.into(),
            to_read: 0.into(),
        }
    }

    fn look(&self, device: &Device) -> Result<SnapshotReport, RepoError> {
        let repo = device.repo();
        let who = LockRequest {
            progress: self,
            ..request()
        };
        repo.lock(&who)?.snapshot(&SnapshotRequest::default())
    }
}

impl Progress for Watch {
    fn begin(&self, phase: Phase, total: Option<u64>) {
        if phase == Phase::Read {
            self.to_read
                .fetch_add(total.unwrap_or(0), Ordering::Relaxed);
        }
    }

    fn advance(&self, items: u64, _bytes: u64) {
        self.left.fetch_sub(items as i64, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.left.load(Ordering::Relaxed) <= 0
    }
}

#[test]
fn a_first_look_at_many_messages_that_is_interrupted_goes_on_where_it_was() {
    let a = Device::new("a");
    a.put_many("", 0..250);
    a.put_many("Lists", 250..600);
    let stopped = Watch::stop_after(400).look(&a);
    assert!(stopped.is_err(), "{stopped:?}");
    assert_eq!(a.repo().local().expect("readable"), None);

    let watch = Watch::stop_after(i64::MAX);
    let report = watch.look(&a).expect("recorded");
    assert_eq!(report.changes.add.len(), 600);
    let read = watch.to_read.into_inner();
    assert!(read <= 400, "{read} of 600 messages were read again");
    a.assert_settled();
}

#[test]
fn what_goes_after_a_first_look_was_interrupted_is_in_no_snapshot_and_asks_for_no_yes() {
    let a = Device::new("a");
    a.put_many("", 0..400);
    assert!(Watch::stop_after(250).look(&a).is_err());
    for (path, _) in a.files() {
        fs::remove_file(path).expect("removed");
    }
    a.put_many("", 400..410);
    let report = a.snapshot();
    assert_eq!((report.held.count(), report.changes.add.len()), (0, 10));
    a.assert_settled();
}
