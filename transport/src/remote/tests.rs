//! Two stores on this machine, each with its Maildir, in step.

#![allow(clippy::disallowed_methods)] // a mail client's own hands

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mailvc_store::fs::OsFs;
use mailvc_store::progress::NoProgress;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{
    InitRequest, LockRequest, RemoteConfig, Repository, SnapshotReport, SnapshotRequest,
};

use super::{Call, Connection, Report, call};
use crate::session::Consent;
use crate::wire::Verb;

struct Device {
    root: PathBuf,
    repo: Repository,
}

impl Device {
    fn new(dir: &Path, name: &str) -> Self {
        let root = dir.join(name).join("Maildir");
        let request = InitRequest {
            maildir: root.clone(),
            layout: None,
            name: name.to_owned(),
            make_maildir: true,
            remotes: BTreeMap::new(),
        };
        let store = dir.join(name).join("store");
        let repo = Repository::init(Arc::new(OsFs), &store, &request).expect("a store");
        Self { root, repo }
    }

    fn lock() -> LockRequest<'static> {
        LockRequest {
            command: "test",
            patience: Duration::from_secs(30),
            waiting: &|_| {},
            progress: &NoProgress,
        }
    }

    fn snapshot(&self) -> SnapshotReport {
        let locked = self.repo.lock(&Self::lock()).expect("a lock");
        locked
            .snapshot(&SnapshotRequest::default())
            .expect("a snapshot")
    }

    fn sync(&self, other: &Self) -> Report {
        let remote = RemoteConfig {
            url: other.repo.layout().root().display().to_string(),
            command: None,
            device: None,
            introduce: true,
        };
        self.snapshot();
        let request = Call {
            repo: &self.repo,
            name: "origin",
            remote: &remote,
            verb: Verb::Sync,
            consent: Consent::default(),
        };
        let there = Connection::to_store(other.repo.layout().root().to_owned());
        call(&request, there, &Self::lock()).expect("a session")
    }

    fn deliver(&self, name: &str, text: &str) {
        let new = self.root.join("new");
        std::fs::write(self.root.join("tmp").join(name), text).expect("written");
        std::fs::rename(self.root.join("tmp").join(name), new.join(name)).expect("delivered");
    }

    /// How many files hold each text, with the flags that each has.
    fn mail(&self) -> BTreeMap<(String, String), usize> {
        let mut mail = BTreeMap::new();
        for sub in ["new", "cur"] {
            for entry in std::fs::read_dir(self.root.join(sub)).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                let flags = name
                    .split_once(":2,")
                    .map_or("", |(_, flags)| flags)
                    .to_owned();
                let text = std::fs::read_to_string(&path).expect("a message");
                *mail.entry((text, format!("{sub} {flags}"))).or_default() += 1;
            }
        }
        mail
    }

    fn read(&self, text: &str) {
        for entry in std::fs::read_dir(self.root.join("new")).expect("a folder") {
            let path = entry.expect("an entry").path();
            if std::fs::read_to_string(&path).expect("a message") == text {
                let name = format!(
                    "{}:2,S",
                    path.file_name().expect("a name").to_string_lossy()
                );
                std::fs::rename(&path, self.root.join("cur").join(name)).expect("moved");
            }
        }
    }
}

fn text(n: usize) -> String {
    format!(
        "Date: Mon, {} Jun 2026 10:00:00 +0000\nSubject: {n}\n\nhello {n}\n",
        n % 28 + 1
    )
}

#[test]
fn two_devices_come_to_one_snapshot_and_stay_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Device::new(dir.path(), "server");
    for n in 0..300 {
        server.deliver(&format!("17000000{n:03}.M1P1.host"), &text(n));
    }
    let laptop = Device::new(dir.path(), "laptop");
    laptop.sync(&server);
    assert_eq!(laptop.mail(), server.mail());
    assert_eq!(laptop.mail().len(), 300);
    assert_eq!(
        laptop.repo.local().expect("a ref"),
        server.repo.local().expect("a ref")
    );

    laptop.read(&text(3));
    laptop.deliver("1800000000.M1P1.laptop", &text(1000));
    server.read(&text(4));
    server.deliver("1800000000.M1P1.host", &text(1001));
    let report = laptop.sync(&server);
    assert_eq!(laptop.mail(), server.mail());
    assert_eq!(laptop.mail().len(), 302);
    let tip = laptop.repo.local().expect("a ref");
    assert_eq!(tip, server.repo.local().expect("a ref"), "{report:?}");
    let origin = RefName::remote("origin").expect("a name");
    let known = laptop.repo.refs().read(&origin).expect("a ref");
    assert_eq!(known, tip, "what is known of the server is where it is");

    for _ in 0..3 {
        let report = laptop.sync(&server);
        assert!(report.session.in_step);
        assert_eq!(laptop.repo.local().expect("a ref"), tip);
    }
}
