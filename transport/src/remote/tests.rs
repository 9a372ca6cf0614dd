//! Two stores on this machine, each with its Maildir, in step.

#![allow(clippy::disallowed_methods)] // a mail client's own hands

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailvc_store::fs::OsFs;
use mailvc_store::progress::NoProgress;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{
    InitRequest, LockRequest, RemoteConfig, Repository, SnapshotReport, SnapshotRequest,
};

use super::{Call, Connection, Report, call};
use crate::protocol::{ClientReport, Limits, Request, run_client};
use crate::serve::{Admission, FRESH, serve};
use crate::session::{Consent, RepoDevice, Stance};
use crate::wire::{Role, Verb};

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

    fn fetch(&self, stream: UnixStream) -> ClientReport {
        let stance = Stance::Caller {
            remote: "origin".to_owned(),
            expected: None,
            introduce: true,
        };
        let device = RepoDevice::new(&self.repo, stance, Consent::default(), &Self::lock());
        let request = Request {
            verb: Verb::Fetch,
            account: b"",
            limits: Limits::default(),
            progress: &NoProgress,
        };
        let reader = stream.try_clone().expect("a stream");
        run_client(&mut device.expect("a device"), (reader, stream), &request).expect("a session")
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

#[test]
fn who_has_all_of_the_others_line_does_not_look_at_its_mail_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Device::new(dir.path(), "server");
    server.deliver("1700000000.M1P1.host", &text(1));
    let laptop = Device::new(dir.path(), "laptop");
    let report = laptop.sync(&server);
    assert!(
        report.outcome.recorded.is_some(),
        "there was something to merge"
    );

    laptop.deliver("1800000000.M1P1.laptop", &text(2));
    let report = laptop.sync(&server);
    assert!(report.session.in_step);
    assert_eq!(report.session.sent.messages, 1);
    assert!(report.outcome.recorded.is_none());
    assert!(report.outcome.merged.is_none());
    assert_eq!(laptop.mail(), server.mail());

    server.deliver("1900000000.M1P1.host", &text(3));
    let report = laptop.sync(&server);
    assert!(report.session.in_step);
    assert!(report.outcome.merged.is_some());
    let done = report.session.done.expect("an end");
    assert!(done.settled, "the server has settled without a look");
    assert_eq!(done.text, "nothing new");
    assert_eq!(laptop.mail(), server.mail());
}

#[test]
fn a_caller_that_takes_its_time_gets_the_mail_of_the_moment_it_asks() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Device::new(dir.path(), "server");
    server.deliver("1700000000.M1P1.host", &text(1));
    let laptop = Device::new(dir.path(), "laptop");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let admission = Admission {
        role: Role::Sync,
        only: None,
    };
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            let reader = theirs.try_clone().expect("a stream");
            serve(&server.repo, (reader, theirs), &admission, &Device::lock())
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.repo.local().expect("a ref").is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(
            server.repo.local().expect("a ref").is_some(),
            "before anybody asked"
        );
        server.deliver("1800000000.M1P1.host", &text(2));
        std::thread::sleep(FRESH + Duration::from_millis(100));
        laptop.fetch(ours)
    });
    assert_eq!(report.received.messages, 2);
}
