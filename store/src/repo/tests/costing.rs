//! P9: what a look at the Maildir costs follows what changed in it, not how much mail there is.
//! Counted is what is asked of the disk, never the time that it takes.

use std::sync::Mutex;

use super::meddler::pass_on;
use super::*;
use crate::fs::{DirEntry, FileWrite, Fs, Stat};

/// Something that is asked of the disk; reading and writing, if it was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    List(PathBuf),
    Look(PathBuf),
    Open(PathBuf),
    Write(PathBuf),
}

/// The real file system, where everything seems to have happened an hour ago, so that directories
/// are believed to hold still; it remembers what it was asked.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<Asked>>);

const HOUR_NS: i64 = 3_600_000_000_000;

fn earlier(stat: Stat) -> Stat {
    Stat {
        mtime_ns: stat.mtime_ns - HOUR_NS,
        ctime_ns: stat.ctime_ns - HOUR_NS,
        ..stat
    }
}

impl Counting {
    fn note(&self, asked: fn(PathBuf) -> Asked, path: &Path) {
        let mut all = self.0.lock().expect("no panic");
        all.push(asked(path.to_owned()));
    }
}

macro_rules! counted {
    ($($kind:ident: $name:ident($first:ident $(, $arg:ident: $type:ty)*) -> $result:ty;)*) => {
        $(fn $name(&self, $first: &Path, $($arg: $type),*) -> io::Result<$result> {
            let done = OsFs.$name($first, $($arg),*)?;
            self.note(Asked::$kind, $first);
            Ok(done)
        })*
    };
}

impl Fs for Counting {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.note(Asked::Look, path);
        OsFs.stat(path).map(earlier)
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        self.note(Asked::Look, path);
        OsFs.lstat(path).map(earlier)
    }

    counted! {
        List: read_dir(path) -> Vec<DirEntry>;
        Open: open(path) -> fs::File;
        Write: create_new(path) -> Box<dyn FileWrite>;
        Write: append(path) -> Box<dyn FileWrite>;
        Write: rename(from, to: &Path) -> ();
        Write: rename_noreplace(from, to: &Path) -> ();
        Write: remove_file(path) -> ();
        Write: create_dir(path) -> ();
        Write: remove_dir(path) -> ();
    }

    pass_on! {
        sync_dir(path: &Path) -> ();
        sync_all(path: &Path) -> ();
        set_mtime(path: &Path, seconds: i64) -> ();
    }
}

/// Records the Maildir; what was asked of the disk for it.
fn watched(device: &Device) -> (SnapshotReport, Vec<Asked>) {
    let counting = Arc::new(Counting::default());
    let repo = Repository::open(Arc::clone(&counting) as SharedFs, &device.store());
    let repo = repo.expect("a store");
    let locked = repo.lock(&request()).expect("locked");
    let report = locked.snapshot(&SnapshotRequest::default());
    let report = report.expect("recorded");
    drop(locked);
    let asked = counting.0.lock().expect("no panic").clone();
    (report, asked)
}

/// A device with so many messages in each of three folders, all of them recorded, in one pack.
fn settled(count: usize) -> Device {
    let device = Device::new("a");
    for (n, folder) in ["", "Lists", "Work"].into_iter().enumerate() {
        device.put_many(folder, n * 10_000..n * 10_000 + count);
    }
    assert!(watched(&device).0.new);
    let how = GcRequest {
        grace: 0,
        dry_run: false,
    };
    device.repo().gc(&how, &request()).expect("collected");
    device
}

/// Waits until what changes in the Maildir gets another time than what changed before.
fn let_the_clock_tick(device: &Device) {
    let path = device.dir.path().join("tick");
    let time = || {
        fs::write(&path, "tick").expect("disk");
        OsFs.stat(&path).expect("there").mtime_ns
    };
    let before = time();
    while time() == before {}
}

/// The directories of messages that were listed, and the messages that were opened.
fn of_mail(device: &Device, asked: &[Asked]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_side = |path: &Path| path.ends_with("cur") || path.ends_with("new");
    let (mut listed, mut opened) = (Vec::new(), Vec::new());
    for one in asked {
        match one {
            Asked::List(path) if is_side(path) => listed.push(path.clone()),
            Asked::Open(path)
                if path.starts_with(device.maildir()) && path.parent().is_some_and(is_side) =>
            {
                opened.push(path.clone());
            }
            _ => {}
        }
    }
    (listed, opened)
}

#[test]
fn a_look_at_what_did_not_change_lists_no_folder_opens_no_message_and_writes_nothing() {
    let costs = [20, 300].map(|count| {
        let device = settled(count);
        let before = tree_of(&device.store());
        let (report, asked) = watched(&device);
        assert!(!report.new);
        let none: Vec<PathBuf> = Vec::new();
        assert_eq!(of_mail(&device, &asked), (none.clone(), none));
        let written = asked.iter().filter(|it| matches!(it, Asked::Write(_)));
        let scans = Asked::Write(device.repo().layout().scans());
        assert_eq!(written.collect::<Vec<_>>(), [&scans]);
        let mut after = tree_of(&device.store());
        // Who has the lock, and how many looks there were.
        for (path, bytes) in &before {
            if path.ends_with("lock") || path.ends_with("scans") {
                after.insert(path.clone(), bytes.clone());
            }
        }
        let changed: Vec<_> = after
            .iter()
            .filter(|(path, bytes)| before.get(*path) != Some(bytes))
            .map(|(path, _)| path)
            .collect();
        assert_eq!(changed, Vec::<&PathBuf>::new());
        asked.len()
    });
    assert_eq!(costs[0], costs[1], "however much mail there is");
}

/// How many bytes of a store are other ones than before, by pages as a disk has them. Where a file
/// only became longer, nothing was written.
fn written(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) -> usize {
    let new = |(path, bytes): (&PathBuf, &Vec<u8>)| {
        let old = before.get(path).map_or(&[][..], Vec::as_slice);
        let old = old.chunks(4096).map(Some).chain(std::iter::repeat(None));
        let pages = bytes.chunks(4096).zip(old);
        let is_empty = |page: &[u8]| page.iter().all(|byte| *byte == 0);
        let new = pages.filter(|(page, old)| Some(*page) != *old && !is_empty(page));
        new.map(|(page, _)| page.len()).sum::<usize>()
    };
    after.iter().map(new).sum()
}

#[test]
fn a_new_message_costs_one_listing_and_one_reading_however_much_is_there() {
    let costs = [150, 900].map(|count| {
        let device = settled(count);
        let_the_clock_tick(&device);
        let path = device.put("Lists", "cur/new:2,", "just come");
        let before = tree_of(&device.store());
        let (report, asked) = watched(&device);
        assert_eq!(report.changes.add.len(), 1);
        let (listed, opened) = of_mail(&device, &asked);
        assert_eq!(listed, [device.folder("Lists").join("cur")]);
        assert_eq!(opened, [path]);
        let written = written(&before, &tree_of(&device.store()));
        (asked.len(), written)
    });
    let [(few, of_few), (many, of_many)] = costs;
    assert_eq!(few, many, "however much mail there is");
    assert!(of_many < of_few * 3 / 2, "{of_few} and {of_many} bytes");
    assert!(of_many < 150_000, "{of_many} bytes");
}
