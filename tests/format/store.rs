//! Whole stores, one of each format, as runs of long ago left them: two devices' history with merges
//! and conflicts, every kind of snapshot, every codec. Each is opened, listed, and every message
//! taken out, and nothing of it is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use mailvc_store::fs::OsFs;
use mailvc_store::maildir::FolderPath;
use mailvc_store::merge;
use mailvc_store::object::{DeviceId, Kind, SnapshotId, SnapshotKind};
use mailvc_store::odb::{ObjectRead, ObjectWrite, Overlay, PackedOdb};
use mailvc_store::refs::RefName;
use mailvc_store::repo::{FORMAT, Repository};
use mailvc_store::sign::verify;
use mailvc_store::{graph, mime, tree};

use crate::{FORMATS, golden};

/// A copy of a golden store, to be opened and compared.
struct Copy {
    format: u32,
    dir: tempfile::TempDir,
}

impl Copy {
    fn new(format: u32) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let copy = Self { format, dir };
        for (name, bytes) in copy.golden_files() {
            let path = copy.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        copy
    }

    fn of_each_format() -> impl Iterator<Item = Self> {
        FORMATS.into_iter().map(Self::new)
    }

    fn golden_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&golden(&format!("store{}", self.format)))
    }

    /// What `reader.py --maildir` said of the Maildir.
    fn recorded(&self) -> String {
        let name = format!("store{}-messages.txt", self.format);
        std::fs::read_to_string(golden(&name)).expect("a golden file")
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn open(&self) -> Repository {
        Repository::open(Arc::new(OsFs), self.path()).expect("a store of a known format")
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let untouched = files(self.path()) == self.golden_files();
        assert!(untouched, "format {}", self.format);
    }
}

/// The files below a directory, by their paths in it.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").to_owned();
                found.insert(name, std::fs::read(path).expect("readable"));
            }
        }
    }
    found
}

/// As the golden list has it, without the last field.
fn spelled(folder: &FolderPath) -> String {
    if folder.is_root() {
        return "INBOX".to_owned();
    }
    let byte = |&byte: &u8| match byte {
        b'%' => "%25".to_owned(),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    folder.as_bytes().iter().map(byte).collect()
}

fn listing(repo: &Repository, id: SnapshotId) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, folder) in repo.folders(id).expect("a snapshot").folders {
        for entry in tree::entries(repo.odb(), folder.tree) {
            let (key, entry) = entry.expect("a sound tree");
            let mut bytes = Vec::new();
            let size = repo.odb().read_blob(key.blob, &mut bytes);
            assert_eq!(size.expect("whole"), entry.size);
            assert_eq!(mime::day(&bytes), key.day.0);
            let hash = blake3::hash(&bytes).to_hex();
            for copy in entry.copies.iter() {
                let sub = if copy.recent { "new" } else { "cur" };
                let flags = &copy.flags;
                let (folder, mtime) = (spelled(&path), copy.mtime);
                let size = bytes.len();
                lines.push(format!("{folder}\t{sub}\t{flags}\t{size}\t{mtime}\t{hash}"));
            }
        }
    }
    lines.sort_unstable();
    lines
}

#[test]
fn every_message_of_a_store_of_any_format_comes_out_and_nothing_is_written() {
    for copy in Copy::of_each_format() {
        let repo = copy.open();
        let local = repo.local().expect("readable").expect("a ref");
        let text = copy.recorded();
        let lines = text.lines().filter_map(|line| line.rsplit_once('\t'));
        let mut expected: Vec<_> = lines.map(|(line, _sha256)| line.to_owned()).collect();
        expected.sort_unstable();
        assert_eq!(listing(&repo, local), expected);
        for id in repo.odb().packs().expect("packs") {
            let verified = repo.odb().verify_pack(id, true, &mut |it| panic!("{it:?}"));
            verified.expect("readable");
        }
        copy.assert_untouched();
    }
}

#[test]
fn refs_logs_and_trust_of_a_store_of_any_format_are_read() {
    for copy in Copy::of_each_format() {
        let repo = copy.open();
        let refs = repo.refs().list().expect("readable");
        let names: Vec<_> = refs.iter().map(|(name, _)| name).collect();
        let [RefName::Local, RefName::Inbox(laptop), RefName::Tag(tag)] = names.as_slice() else {
            panic!("{names:?}");
        };
        assert_eq!(tag, "first");
        let trust = repo.trust().expect("readable");
        assert_eq!(trust.find("laptop").expect("known").id, *laptop);
        assert_eq!(trust.devices().count(), 2);
        for (name, tip) in &refs {
            let log = repo.refs().log(name).expect("readable");
            assert_eq!(log.first().expect("a change").new, Some(*tip));
            assert_eq!(log.last().expect("a change").old, None);
        }
        assert_eq!(repo.config().device, "server");
        copy.assert_untouched();
    }
}

#[test]
fn the_history_of_a_store_of_any_format_still_holds() {
    for copy in Copy::of_each_format() {
        let repo = copy.open();
        let local = repo.local().expect("readable").expect("a ref");
        let trust = repo.trust().expect("readable");
        let mut kinds = Vec::new();
        for ancestor in graph::ancestors(repo.odb(), [local]) {
            let (id, snapshot) = ancestor.expect("a sound history");
            kinds.push(snapshot.kind);
            graph::check_parents(repo.odb(), &snapshot).expect("generations");
            for folder in graph::load_map(repo.odb(), snapshot.folders)
                .expect("a map")
                .folders
                .values()
            {
                let checked = tree::check(repo.odb(), folder.tree, folder.sums, &mut |_, _| {});
                checked.expect("a sound tree");
            }
            if snapshot.kind == SnapshotKind::Merge {
                // The rules of version 1 come to the same snapshot for ever.
                let made = merge::recompute(&Overlay::new(repo.odb()), &snapshot);
                assert_eq!(made.expect("mergeable"), id);
                continue;
            }
            let device = snapshot.device.expect("a maker");
            let signatures = repo.signatures(id).expect("readable");
            let mut by_maker = signatures
                .iter()
                .filter(|bytes| device_of(bytes) == Some(device));
            let sshsig = &by_maker.next().expect("a signature")[64..];
            let key = &trust.device(device).expect("trusted").key;
            assert_eq!(verify(key, &snapshot.encode(), sshsig), Ok(()));
        }
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 5, "every kind of snapshot");
        copy.assert_untouched();
    }
}

fn device_of(signature: &[u8]) -> Option<DeviceId> {
    Some(DeviceId::new(*signature.get(32..)?.first_chunk()?))
}

#[test]
fn lost_indexes_of_any_format_are_made_again_byte_for_byte() {
    for copy in Copy::of_each_format() {
        for name in files(copy.path()).into_keys() {
            if name.extension().is_some_and(|it| it == "idx") {
                std::fs::remove_file(copy.path().join(name)).expect("removed");
            }
        }
        drop(PackedOdb::open(Arc::new(OsFs), copy.path()).expect("a store"));
        copy.assert_untouched();
    }
}

#[test]
fn a_store_of_a_later_format_is_refused_and_left_alone() {
    let copy = Copy::new(1);
    let later = FORMAT + 1;
    std::fs::write(copy.path().join("format"), format!("mailvc {later}\n")).expect("written");
    let before = files(copy.path());
    let refused = Repository::open(Arc::new(OsFs), copy.path());
    let error = refused.expect_err("a later format").to_string();
    assert!(error.contains(&format!("has format {later};")), "{error}");
    assert_eq!(files(copy.path()), before);
}

/// `reader.py` knows FORMAT.md and nothing else of us.
fn read_by_another(store: &Path) -> Option<String> {
    let modules = ["-c", "import blake3, zstandard"];
    let there = Command::new("python3").args(modules).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with the modules blake3 and zstandard is not there");
        return None;
    }
    let output = Command::new("python3")
        .arg(golden("../reader.py"))
        .arg(store)
        .output()
        .expect("python3");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_reader_written_from_the_document_alone_finds_the_same_mail() {
    for copy in Copy::of_each_format() {
        if let Some(found) = read_by_another(copy.path()) {
            assert_eq!(found, copy.recorded());
            copy.assert_untouched();
        }
    }
}

/// What a store holds once more was added is still what its format describes.
#[test]
fn what_is_added_to_a_store_of_any_format_is_of_that_format() {
    for copy in Copy::of_each_format() {
        let before = files(copy.path());
        let repo = copy.open();
        let batch = repo.odb().batch().expect("disk");
        for n in 0..100_u32 {
            let message = format!("Subject: {n}\n\nadded later\n");
            batch.write(Kind::Blob, message.as_bytes()).expect("disk");
        }
        batch.finish().expect("disk").expect("something new");
        let mut added = files(copy.path());
        added.retain(|name, _| !before.contains_key(name));
        assert_eq!(added.len(), 2, "a pack and its index");
        for bytes in added.values() {
            assert_eq!(u32::from(bytes[7]), copy.format);
        }
        if let Some(found) = read_by_another(copy.path()) {
            assert_eq!(found, copy.recorded());
        }
    }
}
