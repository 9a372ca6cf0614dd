#![allow(clippy::disallowed_methods)] // tests damage files behind the index's back

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use super::*;
use crate::fs::OsFs;
use crate::maildir::FolderPath;
use crate::object::{BlobId, TreeId};

const CHILD: &str = "MAILVC_TEST_INDEX_CHILD";

fn open(path: &Path) -> Index {
    Index::open(&OsFs, path).expect("an index")
}

fn folder(path: &str) -> FolderPath {
    FolderPath::new(path.as_bytes()).expect("a path")
}

fn file(n: u64) -> FileRow {
    FileRow {
        blob: BlobId::of(&n.to_le_bytes()),
        day: (n % 20_000) as u16,
        size: n * 3,
        inode: 100_000 + n,
        mtime_ns: -(n as i64),
        ctime_ns: 1_780_000_000_000_000_000 + n as i64,
    }
}

fn name(n: u64) -> Vec<u8> {
    let host = "mail.example.org";
    format!("cur/17800{n:05}.M{n:06}P4242Q{n}R01234567.{host},S=4096:2,S").into_bytes()
}

fn put(path: &str, files: impl IntoIterator<Item = u64>) -> FolderChange {
    FolderChange {
        path: folder(path),
        row: Some(FolderRow::default()),
        put: files.into_iter().map(|n| (name(n), file(n))).collect(),
        remove: Vec::new(),
    }
}

#[test]
fn a_new_index_is_private_and_says_that_it_is_new() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    assert!(open(&path).is_new());
    assert!(!open(&path).is_new());
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_folders_row_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(&dir.path().join("index.redb"));
    let stamp = |settled| DirStamp {
        inode: u64::MAX,
        mtime_ns: i64::MIN,
        ctime_ns: 5,
        settled,
    };
    let rows = [
        (FolderPath::root(), FolderRow::default()),
        (
            folder("A"),
            FolderRow {
                cur: Some(stamp(true)),
                new: Some(stamp(false)),
                tree: Some(TreeId::new([9; 32])),
                scans: 23,
            },
        ),
        (
            folder("A/B"),
            FolderRow {
                new: Some(stamp(true)),
                ..FolderRow::default()
            },
        ),
    ];
    let changes = rows.iter().rev().map(|(path, row)| FolderChange {
        path: path.clone(),
        row: Some(*row),
        ..FolderChange::default()
    });
    index.update(&changes.collect::<Vec<_>>()).expect("updated");
    assert_eq!(index.folders().expect("folders"), rows);
}

/// Folders and files by random changes, against a map.
#[test]
fn changes_add_up_to_what_a_map_would_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let mut index = open(&path);
    let folders = ["", "A", "A/B", "C"];
    let mut model = BTreeMap::<&str, BTreeMap<Vec<u8>, FileRow>>::new();
    let mut seed = 1u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for round in 0..120 {
        let at = folders[random(4) as usize];
        let mut change = put(at, []);
        if random(12) == 0 {
            change.row = None;
            model.remove(at);
        } else {
            let files = model.entry(at).or_default();
            for _ in 0..random(300) {
                change.remove.push(name(random(900)));
            }
            for _ in 0..random(300) {
                change.put.push((name(random(900)), file(random(1000))));
            }
            change.remove.iter().for_each(|name| _ = files.remove(name));
            files.extend(change.put.iter().cloned());
        }
        index.update(&[change]).expect("updated");
        if round % 20 == 19 {
            drop(index);
            index = open(&path);
        }
        let known: Vec<_> = index
            .folders()
            .expect("folders")
            .into_iter()
            .map(|row| row.0)
            .collect();
        assert!(
            known
                .iter()
                .eq(&model.keys().map(|path| folder(path)).collect::<Vec<_>>())
        );
        for path in folders {
            let expected = model.get(path).cloned().unwrap_or_default();
            let files = index.files(&folder(path)).expect("files");
            assert_eq!(files, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn message_ids_are_found_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(&dir.path().join("index.redb"));
    let blob = |n| BlobId::new([n; 32]);
    let (one, other) = ([1; 16], [2; 16]);
    let rows = [
        (Some(one), blob(255)),
        (Some(one), blob(0)),
        (Some(other), blob(3)),
        (None, blob(4)),
    ];
    index.put_message_ids(&rows).expect("written");
    index.put_message_ids(&rows).expect("written again");
    assert_eq!(
        index.by_message_id(&one).expect("read"),
        vec![blob(0), blob(255)]
    );
    assert_eq!(index.by_message_id(&other).expect("read"), vec![blob(3)]);
    assert_eq!(index.by_message_id(&[3; 16]).expect("read"), vec![]);
    assert!(index.indexed(blob(4)).expect("read"));
    assert_eq!(
        index.not_indexed(&[blob(5), blob(0)]).expect("read"),
        vec![blob(5)]
    );
}

#[test]
fn an_index_that_is_none_or_of_another_schema_is_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    for bytes in [b"".as_slice(), b"x", &[0; 4096], &[0xa5; 10_000]] {
        std::fs::write(&path, bytes).expect("written");
        assert!(open(&path).is_new(), "{} bytes", bytes.len());
        assert!(!open(&path).is_new());
    }
    let index = open(&path);
    let row = (Some([1; 16]), BlobId::new([1; 32]));
    index.put_message_ids(&[row]).expect("written");
    let newer = index.write(|transaction| {
        transaction
            .open_table(database::NUMBERS)?
            .insert("schema", 99)?;
        Ok(())
    });
    newer.expect("written");
    drop(index);
    let index = open(&path);
    assert!(index.is_new());
    assert_eq!(index.by_message_id(&[1; 16]).expect("read"), vec![]);
}

#[test]
fn an_index_that_is_only_read_is_not_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let row = (Some([1; 16]), BlobId::new([1; 32]));
    open(&path).put_message_ids(&[row]).expect("written");
    let before = std::fs::metadata(&path).expect("there").modified();
    let index = open(&path);
    assert_eq!(
        index.by_message_id(&[1; 16]).expect("read"),
        vec![BlobId::new([1; 32])]
    );
    index.update(&[]).expect("nothing to write");
    drop(index);
    let after = std::fs::metadata(&path).expect("there").modified();
    assert_eq!(before.expect("a time"), after.expect("a time"));
}

#[test]
fn an_index_that_was_not_closed_in_order_is_opened_for_writing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    drop(open(&path));
    assert!(database::is_sound(&OsFs, &path));
    let index = open(&path);
    let row = (Some([1; 16]), BlobId::new([1; 32]));
    index.put_message_ids(&[row]).expect("written");
    std::mem::forget(index);
    assert!(!database::is_sound(&OsFs, &path));
    let again = open(&path);
    assert_eq!(
        again.by_message_id(&[1; 16]).expect("read"),
        vec![BlobId::new([1; 32])]
    );
}

#[test]
fn an_index_that_lost_its_end_is_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    drop(open(&path));
    let whole = std::fs::metadata(&path).expect("there").len();
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    file.and_then(|file| file.set_len(whole - 1)).expect("cut");
    assert!(!database::is_sound(&OsFs, &path));
    assert!(open(&path).is_new());
    assert!(database::is_sound(&OsFs, &path));
}

#[test]
fn an_index_that_was_replaced_is_not_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    drop(open(&path));
    let index = open(&path);
    std::fs::remove_file(&path).expect("removed");
    let row = (Some([1; 16]), BlobId::new([1; 32]));
    assert!(index.put_message_ids(&[row]).is_err());
}

#[test]
fn an_index_that_was_deleted_is_not_taken_for_the_one_that_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let index = open(&path);
    assert!(index.is_there(&OsFs));
    std::fs::remove_file(&path).expect("removed");
    assert!(!index.is_there(&OsFs));
    let other = open(&path);
    assert!(!index.is_there(&OsFs) && other.is_there(&OsFs));
}

#[test]
fn what_one_writes_the_other_reads_though_it_had_it_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    drop(open(&path));
    let (reader, writer) = (open(&path), open(&path));
    for n in 1..4 {
        let row = (Some([n; 16]), BlobId::new([n; 32]));
        writer.put_message_ids(&[row]).expect("written");
        assert_eq!(
            reader.by_message_id(&[n; 16]).expect("read"),
            vec![BlobId::new([n; 32])]
        );
    }
}

#[test]
fn no_flipped_bit_passes_for_a_row() {
    let key = name(1);
    let files: block::Files = (0..3).map(|n| (name(n), file(n))).collect();
    let value = block::encode(&key, files.iter());
    let decode = |key: &[u8], value: &[u8]| {
        let mut read = Vec::new();
        block::decode(key, value, &mut read).map(|()| read)
    };
    assert!(decode(&key, &value).expect("whole").into_iter().eq(files));
    for bit in 0..value.len() * 8 {
        let mut flipped = value.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&key, &flipped).is_err(), "bit {bit}");
    }
    for bit in 0..key.len() * 8 {
        let mut flipped = key.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped, &value).is_err(), "bit {bit} of the key");
    }
}

/// Whatever a damaged file makes redb do, it is an error, or else the rows are the true ones.
#[test]
fn a_damaged_index_gives_an_error_or_the_truth_and_can_always_be_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let index = open(&path);
    index
        .update(&[put("A", 0..2000), put("B", 0..20)])
        .expect("updated");
    let truth = index.files(&folder("A")).expect("files");
    drop(index);
    let whole = std::fs::read(&path).expect("the file");
    let pages = whole.len() / 4096;
    let mut refused = 0;
    for page in 0..pages {
        std::fs::write(&path, &whole).expect("restored");
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("opened");
        let junk: Vec<u8> = (0..512).map(|n| (n * 37 + page) as u8).collect();
        let at = page as u64 * 4096 + if page % 2 == 0 { 0 } else { 1500 };
        file.write_all_at(&junk, at).expect("damaged");
        drop(file);
        if let Ok(index) = Index::open(&OsFs, &path) {
            match index.files(&folder("A")) {
                Ok(files) => assert!(files == truth || index.is_new(), "page {page}"),
                Err(IndexError::Damaged { .. }) => refused += 1,
                Err(other) => panic!("page {page}: {other:?}"),
            }
            let _ = index.update(&[put("A", 5000..5010)]);
        }
        Index::discard(&OsFs, &path).expect("discarded");
        let index = open(&path);
        assert!(index.is_new());
        index.update(&[put("A", 0..3)]).expect("usable");
    }
    assert!(refused > 10, "{refused} of {pages}");
}

#[test]
fn many_may_open_one_that_is_not_there_yet_and_write_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let made = std::thread::scope(|scope| {
        let work = |n: u64| {
            let path = &path;
            scope.spawn(move || {
                let index = open(path);
                for step in 0..10 {
                    let files = n * 100..n * 100 + step;
                    index
                        .update(&[put(&format!("F{n}"), files)])
                        .expect("updated");
                    index.folders().expect("folders");
                }
                index.is_new()
            })
        };
        let threads: Vec<_> = (0..4).map(work).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
    let index = open(&path);
    assert_eq!(index.folders().expect("folders").len(), 4);
    for n in 0..4 {
        assert_eq!(
            index.files(&folder(&format!("F{n}"))).expect("files").len(),
            9
        );
    }
}

/// This very program, as another process: see the test below.
#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let index = open(Path::new(&path));
    for n in 0..50 {
        index.update(&[put("child", n..=n)]).expect("updated");
    }
}

#[test]
fn two_processes_write_at_once_and_one_sees_what_the_other_wrote() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let index = open(&path);
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "index::tests::the_other_process"])
        .env(CHILD, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("another process");
    for n in 0..50 {
        index.update(&[put("parent", n..=n)]).expect("updated");
    }
    assert!(child.wait().expect("ended").success());
    for path in ["child", "parent"] {
        assert_eq!(index.files(&folder(path)).expect("files").len(), 50);
    }
}

/// Run by hand, optimised: `cargo test --release -- --ignored --nocapture a_large_folder`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr)]
fn a_large_folder_is_loaded_fast() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("index.redb");
    let time = |what: &str, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        work();
        eprintln!("{what}: {:?}", start.elapsed());
    };
    let change = put("A", 0..165_000);
    let index = open(&path);
    time("write 165,000 rows", &mut || {
        index
            .update(std::slice::from_ref(&change))
            .expect("updated");
    });
    drop(index);
    for _ in 0..5 {
        let index = open(&path);
        let mut files = Vec::new();
        time("load them", &mut || {
            files = index.files(&folder("A")).expect("files");
        });
        assert_eq!(files.len(), 165_000);
        time("change one", &mut || {
            index.update(&[put("A", 7..8)]).expect("updated");
        });
    }
    let rows = change.put.iter().map(|(_, row)| row.blob);
    let rows: Vec<_> = rows
        .map(|blob| (blob.as_bytes().first_chunk().copied(), blob))
        .collect();
    let index = open(&path);
    time("index 165,000 Message-IDs", &mut || {
        index.put_message_ids(&rows).expect("put");
    });
    drop(index);
    time("open and close", &mut || drop(open(&path)));
    eprintln!("{} bytes", std::fs::metadata(&path).expect("there").len());
}
