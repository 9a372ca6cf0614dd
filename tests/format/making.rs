//! How a golden store is made. Those that are committed are never made again; one of a later format
//! is made beside them, in the same way:
//!
//!     cargo test -p mailvc-tests --test format -- --ignored a_golden_store_is_made
//!     cp -r target/tmp/golden/storeN tests/format/golden/
//!     tests/format/reader.py --maildir target/tmp/golden/server/Maildir \
//!         > tests/format/golden/storeN-messages.txt
//!
//! It is the server's store without its private key and without what is no truth; in `config` and
//! `instance` the path and the numbers of the machine are replaced. The list of messages is what
//! `reader.py` says of the Maildir, not of the store. Then N goes into `FORMATS` of `main.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mailvc_store::fs::OsFs;
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::SnapshotId;
use mailvc_store::progress::NoProgress;
use mailvc_store::refs::{Expected, LogEntry, RefEdit, RefName};
use mailvc_store::repo::{
    CheckoutRequest, FORMAT, InitRequest, LockRequest, Locked, RemoteConfig, Repository,
    RestoreRequest, Selection, SnapshotReport, SnapshotRequest,
};
use mailvc_transport::remote::{Call, Connection, call};
use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;

use crate::store::files;

const LOCK: LockRequest<'static> = LockRequest {
    command: "mailvc",
    patience: Duration::from_secs(30),
    waiting: &|_| {},
    progress: &NoProgress,
};

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

    fn lock(&self) -> Locked<'_> {
        self.repo.lock(&LOCK).expect("a lock")
    }

    /// None if there is no mail yet.
    fn snapshot(&self, message: &str) -> Option<SnapshotId> {
        let request = SnapshotRequest {
            message: message.to_owned(),
            yes: None,
            ..SnapshotRequest::default()
        };
        let report = self.lock().snapshot(&request).expect("a snapshot");
        report.id
    }

    fn go(&self, way: impl FnOnce(&Locked<'_>, &SnapshotReport)) {
        let locked = self.lock();
        let report = locked.snapshot(&SnapshotRequest::default());
        way(&locked, &report.expect("a snapshot"));
    }

    fn sync(&self, other: &Self) {
        self.snapshot("");
        let remote = RemoteConfig {
            url: other.repo.layout().root().display().to_string(),
            command: None,
            device: None,
            introduce: true,
        };
        let request = Call {
            repo: &self.repo,
            name: "origin",
            remote: &remote,
            verb: Verb::Sync,
            consent: Consent::default(),
        };
        let there = Connection::to_store(other.repo.layout().root().to_owned());
        call(&request, there, &LOCK).expect("a session");
    }

    /// Puts a file in a folder's directory, with a time of its own.
    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.root.join(name);
        let folder = path.parent().and_then(Path::parent).expect("a folder");
        for sub in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(folder.join(sub)).expect("a directory");
        }
        std::fs::write(&path, bytes).expect("a file");
        let seconds = 1_600_000_000 + name.bytes().map(u64::from).sum::<u64>();
        let file = std::fs::File::options().write(true).open(&path);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.and_then(|file| file.set_modified(time))
            .expect("a time");
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.root.join(from), self.root.join(to)).expect("renamed");
    }

    /// The one file below a directory whose content this is.
    fn find(&self, dir: &str, bytes: &[u8]) -> String {
        let files = std::fs::read_dir(self.root.join(dir)).expect("a folder");
        let mut files = files.map(|entry| entry.expect("an entry"));
        let found = files.find(|entry| std::fs::read(entry.path()).expect("a file") == bytes);
        let name = found.expect("the message").file_name();
        format!("{dir}/{}", name.to_str().expect("a name"))
    }
}

fn text(n: usize) -> Vec<u8> {
    let words = [
        "minutes", "budget", "invoice", "holiday", "release", "garden",
    ];
    let word = words[n * 7 % words.len()];
    let id = blake3::hash(&n.to_le_bytes()).to_hex();
    format!(
        "Return-Path: <list-bounces@lists.example.org>\nReceived: from mx{}.example.org (mx{}.example.org [192.0.2.{}])\n\tby mail.example.net with ESMTPS id {};\n\tMon, {} Jun 2020 10:{:02}:00 +0000\nDate: {} Jun 2020 12:{:02}:00 +0200\nMessage-ID: <{}@example.org>\nFrom: Ada <ada{}@example.org>\nTo: team@example.net\nSubject: {word} {n}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nThe {word} number {n} is ready.\n",
        n % 9, n % 9, n % 250, &id[..12], n % 30 + 1, n % 60, n % 30 + 1, n % 60, &id[..20], n % 17
    )
    .into_bytes()
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn first_mail(server: &Device) {
    for n in 0..420 {
        let (folder, sub, info) = match n {
            0..250 => ("", "cur", if n % 3 == 0 { ":2,S" } else { ":2,RS" }),
            250..400 => (".Archive.v1%2E2/", "cur", ":2,"),
            _ => ("", "new", ""),
        };
        let name = format!("{folder}{sub}/{}.M{n}P7.host{info}", 1_592_000_000 + n);
        server.put(&name, &text(n));
    }
    server.put("cur/1.empty:2,", b"");
    server.put("cur/2.large:2,FS", &b"Date: 1 Jan 1971\n\n".repeat(150_000));
    server.put(
        "cur/3.crlf:2,aDFPRST",
        b"date:\r\n 29 Feb 2000\r\n\r\nleap\r\n",
    );
    server.put("cur/4.eight:2,S,X", b"Subject: Gr\xfc\xdfe\n\nno date\n");
    server.put("cur/5.twice:2,S", b"Date: 2 Mar 2021\n\ntwice\n");
    server.put("cur/6.twice:2,F", b"Date: 2 Mar 2021\n\ntwice\n");
    server.put("new/7.plain", b"no header at all");
    server.put(
        ".Gr\u{fc}\u{df}e/new/5.twice",
        b"Date: 2 Mar 2021\n\ntwice\n",
    );
    server.put(".Empty/cur/x", b"x");
    std::fs::remove_file(server.root.join(".Empty/cur/x")).expect("removed");
    let lines = "Archive.v1%2E2\nEmpty\n";
    std::fs::write(server.root.join("subscriptions"), lines).expect("written");
}

/// What is not taken into a golden store: its owner's secret, and what is no truth.
const LEFT_OUT: [&str; 7] = [
    "keys/device",
    "index.redb",
    "lock",
    "gc",
    "scans",
    "guard.log",
    "superseded",
];

/// Copies a store's files, and puts other values in place of what the machine gave.
fn copy_anonymous(from: &Path, to: &Path) {
    for (name, mut bytes) in files(from) {
        let spelled = name.to_str().expect("a name");
        if LEFT_OUT.contains(&spelled) || spelled.starts_with("incoming/") {
            continue;
        }
        if spelled == "instance" {
            bytes = b"0123456789abcdef 3\n".to_vec();
        }
        if spelled == "config" {
            let text = String::from_utf8(bytes).expect("text");
            let lines = text.lines().map(|line| match line.split_once(" = ") {
                Some(("path", _)) => "path = \"/home/ada/Maildir\"\n".to_owned(),
                Some(("anchor_inode", _)) => "anchor_inode = 2\n".to_owned(),
                _ => format!("{line}\n"),
            });
            bytes = lines.collect::<String>().into_bytes();
        }
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
}

#[test]
#[ignore = "it makes a store of the present format, once"]
fn a_golden_store_is_made() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    let _ = std::fs::remove_dir_all(&dir);
    let server = Device::new(&dir, "server");
    first_mail(&server);
    let first = server.snapshot("the first").expect("mail");
    server.put("cur/8.noise:2,S", &noise(200));
    server.rename("new/7.plain", "cur/7.plain:2,S");
    let second = server.snapshot("").expect("mail");

    let laptop = Device::new(&dir, "laptop");
    laptop.sync(&server);
    let (kept, moved) = (text(5), text(6));
    std::fs::remove_file(laptop.root.join(laptop.find("cur", &kept))).expect("removed");
    let from = server.find("cur", &kept);
    server.rename(&from, &from.replace(":2,", ":2,F"));
    let from = server.find("cur", &moved);
    server.rename(&from, &from.replace("cur/", ".Empty/cur/"));
    let from = laptop.find("cur", &moved);
    laptop.rename(&from, &from.replace("cur/", ".Archive.v1%2E2/cur/"));
    laptop.put("new/9.laptop", b"Date: 3 Mar 2021\n\nfrom the laptop\n");
    server.snapshot("");
    laptop.sync(&server);

    std::fs::remove_file(server.root.join(server.find("cur", &text(9)))).expect("removed");
    server.go(|locked, recorded| {
        let request = RestoreRequest {
            from: Some(first),
            selection: Selection::Folder(FolderPath::root()),
            dry_run: false,
        };
        locked.restore(recorded, &request).expect("restored");
    });
    let from = server.find(".Archive.v1%2E2/cur", &text(300));
    server.rename(&from, &from.replace(":2,", ":2,P"));
    server.go(|locked, recorded| {
        let request = CheckoutRequest {
            target: second,
            folder: Some(FolderPath::new(b"Archive/v1.2").expect("a path")),
            keep_newer: true,
            yes: None,
            dry_run: false,
        };
        locked.checkout(recorded, &request).expect("checked out");
    });
    server.go(|locked, recorded| {
        locked.undo(recorded, None, false).expect("undone");
    });
    let tag = RefEdit {
        name: RefName::tag("first").expect("a name"),
        expected: Expected::Missing,
        new: Some(first),
    };
    let who = "server";
    let why = "tag first";
    let refs = server.repo.refs();
    refs.update(&[tag], &LogEntry { who, why }).expect("tagged");
    let made = dir.join(format!("store{FORMAT}"));
    copy_anonymous(server.repo.layout().root(), &made);
}
