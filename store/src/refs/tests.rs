#![allow(clippy::disallowed_methods)] // tests damage files behind the store's back

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fs::{DirEntry, FileWrite, Fs, OsFs, Stat};
use crate::object::{DeviceId, SnapshotId};

const ENTRY: LogEntry<'_> = LogEntry {
    who: "laptop",
    why: "sync",
};

fn id(n: u8) -> SnapshotId {
    SnapshotId::new([n; 32])
}

fn edit(name: RefName, expected: Expected, new: Option<SnapshotId>) -> RefEdit {
    RefEdit {
        name,
        expected,
        new,
    }
}

fn store(dir: &Path) -> RefStore {
    RefStore::open(Arc::new(OsFs), dir)
}

fn moves(store: &RefStore, name: &RefName) -> Vec<(Option<SnapshotId>, Option<SnapshotId>)> {
    let log = store.log(name).expect("a log");
    log.iter().map(|record| (record.old, record.new)).collect()
}

#[test]
fn a_name_is_read_as_it_is_written() {
    let device = DeviceId::new([7; 32]);
    for name in [
        RefName::Local,
        RefName::Remote("origin".into()),
        RefName::Inbox(device),
        RefName::Tag("2026-06.before_move".into()),
    ] {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    let long = format!("tags/{}", "a".repeat(MAX_REF_NAME + 1));
    for text in [
        "",
        "Local",
        "local/",
        "tags",
        "tags/",
        "tags/.a",
        "tags/-a",
        "tags/a/b",
        "tags/..",
        "tags/a b",
        "tags/ä",
        "tags/a.new",
        "remotes/a\n",
        "inbox/12",
        "other/a",
        &long,
    ] {
        assert!(text.parse::<RefName>().is_err(), "{text:?}");
    }
}

#[test]
fn a_name_that_was_not_checked_reaches_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    let name = RefName::Tag("../../escape".into());
    assert!(matches!(refs.read(&name), Err(RefError::Name(_))));
    let edits = [edit(name, Expected::Any, Some(id(1)))];
    assert!(matches!(
        refs.update(&edits, &ENTRY),
        Err(RefError::Name(_))
    ));
    assert_eq!(std::fs::read_dir(dir.path()).expect("listing").count(), 0);
}

#[test]
fn a_ref_moves_only_from_where_it_is_expected() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    let local = || RefName::Local;
    assert_eq!(refs.read(&local()).expect("read"), None);
    let first = [edit(local(), Expected::Missing, Some(id(1)))];
    refs.update(&first, &ENTRY).expect("made");
    match refs.update(&first, &ENTRY) {
        Err(RefError::Moved { found, .. }) => assert_eq!(found, Some(id(1))),
        other => panic!("{other:?}"),
    }
    let stale = [
        edit(RefName::Tag("a".into()), Expected::Missing, Some(id(9))),
        edit(local(), Expected::Is(id(2)), Some(id(3))),
    ];
    assert!(refs.update(&stale, &ENTRY).is_err());
    assert_eq!(refs.list().expect("list"), vec![(local(), id(1))]);
    let twice = [
        edit(local(), Expected::Any, Some(id(2))),
        edit(local(), Expected::Any, Some(id(3))),
    ];
    assert!(matches!(
        refs.update(&twice, &ENTRY),
        Err(RefError::Twice(_))
    ));
    assert_eq!(moves(&refs, &local()), vec![(None, Some(id(1)))]);
}

#[test]
fn all_refs_are_listed_by_name_and_strays_are_passed_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    assert_eq!(refs.list().expect("list"), vec![]);
    let names = [
        RefName::Local,
        RefName::Remote("origin".into()),
        RefName::Inbox(DeviceId::new([7; 32])),
        RefName::Tag("a".into()),
        RefName::Tag("b".into()),
    ];
    for name in names.iter().rev() {
        let edits = [edit(name.clone(), Expected::Missing, Some(id(1)))];
        refs.update(&edits, &ENTRY).expect("made");
    }
    std::fs::write(dir.path().join("refs/tags/.hidden"), "x").expect("a stray");
    std::fs::write(dir.path().join("refs/tags/a.new"), "half").expect("litter");
    let listed = refs.list().expect("list");
    assert!(listed.iter().map(|(name, _)| name).eq(&names));
    refs.sweep().expect("swept");
    assert!(!dir.path().join("refs/tags/a.new").exists());
    assert_eq!(refs.list().expect("list"), listed);
}

#[test]
fn a_ref_that_cannot_be_read_is_damage_and_not_absence() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    let edits = [edit(RefName::Local, Expected::Missing, Some(id(1)))];
    refs.update(&edits, &ENTRY).expect("made");
    let whole = format!("{}\n", id(1));
    for bytes in [
        "",
        &whole[..40],
        &whole[..64],
        &format!("{whole}x"),
        "\0\0\0",
    ] {
        std::fs::write(dir.path().join("refs/local"), bytes).expect("damaged");
        assert!(matches!(
            refs.read(&RefName::Local),
            Err(RefError::Damaged { .. })
        ));
        assert!(matches!(refs.list(), Err(RefError::Damaged { .. })));
        assert!(matches!(
            refs.update(&edits, &ENTRY),
            Err(RefError::Damaged { .. })
        ));
    }
}

#[test]
fn the_log_tells_every_change_newest_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    for new in [Some(id(1)), Some(id(2)), Some(id(2)), Some(id(1)), None] {
        let edits = [edit(RefName::Local, Expected::Any, new)];
        let entry = LogEntry {
            who: "me\tor\nyou",
            why: "",
        };
        refs.update(&edits, &entry).expect("moved");
    }
    let log = refs.log(&RefName::Local).expect("a log");
    assert_eq!(log.len(), 4, "what changes nothing is not told");
    assert_eq!((log[0].old, log[0].new), (Some(id(1)), None));
    assert_eq!((log[3].old, log[3].new), (None, Some(id(1))));
    assert_eq!(log[0].who, "me or you");
    assert!(!dir.path().join("refs/local").exists());
}

#[test]
fn a_torn_line_is_ignored_and_the_next_one_stands_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let refs = store(dir.path());
    for n in 1..=2 {
        let edits = [edit(RefName::Local, Expected::Any, Some(id(n)))];
        refs.update(&edits, &ENTRY).expect("moved");
    }
    let path = dir.path().join("log/local");
    let log = std::fs::read(&path).expect("a log");
    let start = log.len() / 2;
    for torn in start..log.len() {
        std::fs::write(&path, &log[..torn]).expect("torn");
        // The last byte is the newline alone: without it the line is whole.
        let left = usize::from(torn == log.len() - 1) + 1;
        assert_eq!(moves(&refs, &RefName::Local).len(), left, "{torn}");
        let edits = [edit(RefName::Local, Expected::Any, Some(id(3)))];
        refs.update(&edits, &ENTRY).expect("moved");
        assert_eq!(moves(&refs, &RefName::Local).len(), left + 1, "{torn}");
        let back = [edit(RefName::Local, Expected::Any, Some(id(2)))];
        refs.update(&back, &ENTRY).expect("moved back");
    }
}

/// Works until `left` writing operations are used up, then fails for good, as after a crash.
#[derive(Debug)]
struct Crashing {
    left: AtomicUsize,
}

struct CrashingFile(Arc<Crashing>, Box<dyn FileWrite>);

impl Crashing {
    fn step(&self) -> io::Result<()> {
        let take = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map(drop)
            .map_err(|_| io::Error::other("crashed"))
    }
}

impl Write for CrashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(crash) = self.0.step() {
            let _ = self.1.write(&bytes[..bytes.len() / 2]);
            return Err(crash);
        }
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileWrite for CrashingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.step()
    }

    fn set_mtime(&mut self, _: i64) -> io::Result<()> {
        unreachable!("refs set no times")
    }
}

#[derive(Debug)]
struct CrashingFs(Arc<Crashing>);

impl CrashingFs {
    fn file(&self, file: Box<dyn FileWrite>) -> Box<dyn FileWrite> {
        Box::new(CrashingFile(Arc::clone(&self.0), file))
    }
}

impl Fs for CrashingFs {
    fn open(&self, path: &Path) -> io::Result<File> {
        OsFs.open(path)
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        OsFs.stat(path)
    }
    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        OsFs.lstat(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        OsFs.read_dir(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FileWrite>> {
        self.0.step()?;
        OsFs.create_new(path).map(|file| self.file(file))
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn FileWrite>> {
        self.0.step()?;
        OsFs.append(path).map(|file| self.file(file))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.step()?;
        OsFs.rename(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.step()?;
        OsFs.rename_noreplace(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        OsFs.remove_file(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        OsFs.create_dir(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        OsFs.remove_dir(path)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.0.step()
    }
    fn sync_all(&self, _: &Path) -> io::Result<()> {
        self.0.step()
    }
    fn set_mtime(&self, path: &Path, seconds: i64) -> io::Result<()> {
        self.0.step()?;
        OsFs.set_mtime(path, seconds)
    }
}

/// Two moves and a removal, each from where an undisturbed run would have it.
fn run(refs: &RefStore) -> Result<(), RefError> {
    let tag = || RefName::Tag("a".into());
    for (local, new) in [(id(1), Some(id(8))), (id(2), None)] {
        let edits = [
            edit(tag(), Expected::Any, new),
            edit(RefName::Local, Expected::Any, Some(local)),
        ];
        refs.update(&edits, &ENTRY)?;
    }
    Ok(())
}

#[test]
fn a_crash_at_any_step_leaves_whole_refs_a_true_log_and_a_run_that_can_be_repeated() {
    let mut crashes = 0;
    loop {
        let dir = tempfile::tempdir().expect("a directory");
        let left = AtomicUsize::new(crashes);
        let fs = CrashingFs(Arc::new(Crashing { left }));
        let failed = run(&RefStore::open(Arc::new(fs), dir.path())).is_err();
        let refs = store(dir.path());
        for name in [RefName::Local, RefName::Tag("a".into())] {
            let now = refs.read(&name).expect("old or new, and whole");
            let told = moves(&refs, &name);
            assert_eq!(told.first().and_then(|first| first.1), now, "{crashes}");
            let chained = told.windows(2).all(|pair| pair[0].0 == pair[1].1);
            assert!(chained && told.last().is_none_or(|last| last.0.is_none()));
        }
        run(&refs).expect("repeated");
        refs.sweep().expect("swept");
        assert_eq!(refs.list().expect("list"), vec![(RefName::Local, id(2))]);
        assert_eq!(
            refs.files().expect("listing").len(),
            1,
            "{crashes}: no litter"
        );
        if !failed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 20, "{crashes}");
}
