//! A store and its Maildir as its owner and other programs use them.

#![allow(clippy::disallowed_methods)] // mail clients write without asking us

mod accepting;
mod answers;
mod collecting;
mod costing;
mod formats;
mod going_back;
mod guarding;
mod initialising;
mod interrupted;
mod meddler;
mod meddling;
mod mending;
mod merging;
mod recording;
mod verifying;
mod yeses;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::fs::{Holder, OsFs};
use crate::object::{BlobId, Kind, ObjectKey};
use crate::odb::ObjectWrite;
use crate::progress::NoProgress;

/// A device: a Maildir and its store.
struct Device {
    name: &'static str,
    dir: TempDir,
}

/// The mail as anybody sees it: `folder: flags: subject`, `folder/new: …` for what is recent.
type Mail = Vec<String>;

fn os() -> SharedFs {
    Arc::new(OsFs)
}

fn quiet(_: &Holder) {}

fn request() -> LockRequest<'static> {
    LockRequest {
        command: "a test",
        patience: Duration::ZERO,
        waiting: &quiet,
        progress: &NoProgress,
    }
}

/// A message of its own for each subject.
fn message(subject: &str) -> String {
    format!(
        "Date: Thu, 2 Jul 2026 10:00:00 +0200\nMessage-ID: <{subject}@example.org>\n\
         Subject: {subject}\n\nThis is what {subject} says.\n"
    )
}

impl Device {
    /// A device with an empty Maildir.
    fn new(name: &'static str) -> Self {
        let device = Self {
            name,
            dir: tempfile::tempdir().expect("a directory"),
        };
        device.make_folder("");
        device.init().expect("a store");
        device
    }

    fn init(&self) -> Result<Repository, RepoError> {
        let request = InitRequest {
            maildir: self.maildir(),
            layout: None,
            name: self.name.to_owned(),
            make_maildir: false,
            remotes: BTreeMap::new(),
        };
        Repository::init(os(), &self.store(), &request)
    }

    fn maildir(&self) -> PathBuf {
        self.dir.path().join("Maildir")
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn repo(&self) -> Repository {
        Repository::open(os(), &self.store()).expect("a store")
    }

    /// The directory of a folder; `""` is the root.
    fn folder(&self, folder: &str) -> PathBuf {
        match folder {
            "" => self.maildir(),
            folder => self.maildir().join(format!(".{folder}")),
        }
    }

    fn make_folder(&self, folder: &str) {
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(self.folder(folder).join(sub)).expect("a folder");
        }
    }

    /// Puts a message that is named by its subject into `place`: `.cur`, `Archive.new`.
    fn put(&self, folder: &str, name: &str, subject: &str) -> PathBuf {
        self.make_folder(folder);
        let path = self.folder(folder).join(name);
        fs::write(&path, message(subject)).expect("a message");
        path
    }

    fn put_many(&self, folder: &str, subjects: std::ops::Range<usize>) {
        for n in subjects {
            self.put(folder, &format!("cur/{n}:2,"), &format!("m{n}"));
        }
    }

    /// Removes all files of these messages.
    fn remove(&self, subject: &str) {
        for (path, _) in self.files() {
            if fs::read_to_string(&path).expect("a message") == message(subject) {
                fs::remove_file(path).expect("removed");
            }
        }
    }

    /// Gives the one file of a message other flags.
    fn flag(&self, subject: &str, flags: &str) {
        for (path, _) in self.files() {
            if fs::read_to_string(&path).expect("a message") == message(subject) {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                let base = name.split(":2,").next().expect("a base");
                let folder = path.parent().and_then(Path::parent).expect("a folder");
                fs::rename(&path, folder.join(format!("cur/{base}:2,{flags}"))).expect("renamed");
            }
        }
    }

    /// All messages' files, each with the name of its folder.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        for entry in fs::read_dir(self.maildir()).expect("a Maildir").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            folders.extend(name.strip_prefix('.').map(ToOwned::to_owned));
        }
        for folder in folders {
            for sub in ["cur", "new"] {
                let dir = self.folder(&folder).join(sub);
                for file in fs::read_dir(dir).into_iter().flatten().flatten() {
                    let recent = if sub == "new" { "/new" } else { "" };
                    files.push((file.path(), format!("{folder}{recent}")));
                }
            }
        }
        files
    }

    fn mail(&self) -> Mail {
        let mut mail: Mail = self
            .files()
            .into_iter()
            .map(|(path, folder)| {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                let flags = name.split_once(":2,").map_or("", |(_, flags)| flags);
                let text = fs::read_to_string(&path).expect("a message");
                let subject = text
                    .lines()
                    .find_map(|line| line.strip_prefix("Subject: "))
                    .unwrap_or("?");
                assert_eq!(text, message(subject), "whole");
                format!("{folder}: {flags}: {subject}")
            })
            .collect();
        mail.sort();
        mail
    }

    /// Records the Maildir.
    fn snapshot(&self) -> SnapshotReport {
        self.snapshot_as(&SnapshotRequest::default())
    }

    fn snapshot_as(&self, how: &SnapshotRequest) -> SnapshotReport {
        let repo = self.repo();
        let locked = repo.lock(&request()).expect("locked");
        locked.snapshot(how).expect("recorded")
    }

    /// Records, then does something with what was recorded.
    fn after_snapshot<T>(
        &self,
        dry_run: bool,
        act: impl FnOnce(&Locked<'_>, &SnapshotReport) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        let repo = self.repo();
        let locked = repo.lock(&request())?;
        let recorded = locked.snapshot(&SnapshotRequest {
            dry_run,
            ..SnapshotRequest::default()
        })?;
        act(&locked, &recorded)
    }

    /// Checks that nothing of ours lies about, and that another look finds nothing to record.
    fn assert_settled(&self) {
        assert_eq!(self.litter(), Vec::<PathBuf>::new());
        let again = self.snapshot_as(&SnapshotRequest {
            thorough: true,
            ..SnapshotRequest::default()
        });
        assert!(!again.new, "nobody changed anything: {:#?}", again.changes);
    }

    fn litter(&self) -> Vec<PathBuf> {
        let mut litter: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(self.maildir()).expect("a Maildir").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') && !path.join("cur").is_dir()
                || path.extension().is_some_and(|end| end == "new")
            {
                litter.push(path.clone());
            }
            let tmp = if name == "tmp" {
                path
            } else {
                path.join("tmp")
            };
            let left = fs::read_dir(tmp).into_iter().flatten().flatten();
            litter.extend(left.map(|file| file.path()));
        }
        let incoming = fs::read_dir(self.store().join("incoming"))
            .into_iter()
            .flatten();
        litter.extend(incoming.flatten().map(|file| file.path()));
        litter.extend(Some(self.store().join("applying")).filter(|path| path.exists()));
        litter
    }

    /// Takes in all that another device has, as its remote.
    fn fetch(&self, other: &Self) -> SnapshotId {
        let tip = other.local();
        self.try_fetch(other, tip, true).expect("accepted");
        tip
    }

    /// Takes in all that another device has, if it is as it should be; its line is said to be at
    /// `tip`.
    fn try_fetch(
        &self,
        other: &Self,
        tip: SnapshotId,
        introduce: bool,
    ) -> Result<Accepted, RepoError> {
        self.accept_from(other, tip, introduce, |_| {})
    }

    /// As [`try_fetch`](Self::try_fetch), but for what was done to it on the way.
    fn accept_from(
        &self,
        other: &Self,
        tip: SnapshotId,
        introduce: bool,
        change: impl FnOnce(&mut Received<'_>),
    ) -> Result<Accepted, RepoError> {
        let (ours, theirs) = (self.repo(), other.repo());
        let missing = {
            let mut all: Vec<_> = crate::graph::ancestors(theirs.odb(), [tip])
                .map(|found| found.expect("a snapshot").0)
                .collect();
            all.reverse();
            let new = |id: &SnapshotId| !ours.odb().contains((*id).into()).expect("looked up");
            all.retain(new);
            all
        };
        let objects = ours.odb().receive().expect("a quarantine");
        for kind in Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Signature)
        {
            for hash in theirs.odb().ids(kind).expect("ids") {
                let bytes = theirs.odb().read(ObjectKey::new(kind, hash)).expect("read");
                objects.write(kind, &bytes).expect("written");
            }
        }
        let signatures = missing
            .iter()
            .flat_map(|id| {
                let all = theirs.signatures(*id).expect("read");
                all.into_iter().map(|bytes| (*id, bytes))
            })
            .collect();
        let mut received = Received {
            tip,
            is_part: false,
            snapshots: missing,
            signatures,
            yeses: theirs.yeses_for(ours.local().expect("read")).expect("read"),
            objects: Some(objects),
        };
        change(&mut received);
        let remote = RefName::Remote(other.name.to_owned());
        ours.accept(received, Some(&remote), introduce, &request())
    }

    /// Fetches from another device and merges.
    fn pull(&self, other: &Self) -> MergeReport {
        self.pull_as(other, |_| {})
    }

    fn pull_as(&self, other: &Self, how: impl FnOnce(&mut MergeRequest)) -> MergeReport {
        self.snapshot();
        other.snapshot();
        let tip = self.fetch(other);
        let mut merge = merge_request(tip);
        how(&mut merge);
        let dry_run = merge.dry_run;
        self.after_snapshot(dry_run, |locked, recorded| locked.merge(recorded, &merge))
            .expect("merged")
    }

    fn local(&self) -> SnapshotId {
        self.repo().local().expect("read").expect("recorded")
    }

    fn write_config(&self, change: impl FnOnce(&mut Config)) {
        let mut repo = self.repo();
        let mut config = repo.config().clone();
        change(&mut config);
        repo.set_config(config).expect("written");
    }
}

fn merge_request(tip: SnapshotId) -> MergeRequest {
    MergeRequest {
        tip,
        why: "merge other".to_owned(),
        yes: None,
        keep_newer: false,
        dry_run: false,
    }
}

/// Two devices with the same mail, which one took from the other.
fn two(subjects: &[&str]) -> (Device, Device) {
    let (a, b) = (Device::new("a"), Device::new("b"));
    for (n, subject) in subjects.iter().enumerate() {
        a.put("", &format!("cur/t{n}:2,"), subject);
    }
    a.snapshot();
    b.pull(&a);
    assert_eq!(a.local(), b.local());
    (a, b)
}

/// Every file of a directory, with its bytes.
fn tree_of(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(tree_of(&path));
            found.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).expect("bytes");
            found.insert(path, bytes);
        }
    }
    found
}
