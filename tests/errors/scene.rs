//! A home with mail under mailvc, and a look at it before and after something went wrong.

#![allow(clippy::disallowed_methods)] // fixtures

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailvc_tests::cli::{Home, Run, run};

use crate::table::Row;

/// What a command may write without changing anything: whom others wait for, what can be rebuilt,
/// how often it looked, and what it stopped.
const PASSING: [&str; 5] = ["lock", "index.redb", "incoming", "scans", "guard.log"];
/// Somebody who owns nothing but what the test gives him.
pub(crate) const NOBODY: u32 = 65_534;

/// A person's home.
pub(crate) struct Scene {
    pub(crate) home: Home,
    before: std::cell::RefCell<Option<Files>>,
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Plays a case and compares with its row.
pub(crate) fn try_row(name: &str, case: fn(&Scene) -> Run) {
    let row = Row::of(name);
    let scene = Scene::new();
    let run = case(&scene);
    let said = format!("{}{}", run.stdout, run.stderr);
    let said = said.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(
        (row.unsaid(&said), run.code),
        (None, Some(row.exit)),
        "\n{said}"
    );
    scene.is_as_before();
}

impl Scene {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            home: Home::new(),
            before: std::cell::RefCell::new(None),
        }
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.path().join("data/mailvc/default")
    }

    /// Mail in two folders, a hundred messages each, recorded.
    pub(crate) fn recorded(&self) -> &Self {
        for folder in ["", ".Lists"] {
            let dir = self.home.maildir().join(folder);
            for sub in ["cur", "new", "tmp"] {
                fs::create_dir_all(dir.join(sub)).expect("a folder");
            }
            for number in 0..100 {
                let text = format!("Subject: {folder} {number}\n\nHello.\n");
                fs::write(dir.join(format!("cur/{number}.a:2,S")), text).expect("a message");
            }
        }
        self.home.run(["init", "--name", "here"]).ok();
        self
    }

    /// From here on nothing may change.
    pub(crate) fn watched(&self) -> &Self {
        *self.before.borrow_mut() = Some(self.files());
        self
    }

    /// Runs the program, which may change nothing from here on.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.watched();
        self.home.run(arguments)
    }

    /// As `run`, as somebody who is not root: root may read and write everything.
    pub(crate) fn run_as_nobody(&self, arguments: &[&str]) -> Run {
        let mut command = self.home.command(arguments);
        if rustix::process::geteuid().is_root() {
            let mut chown = Command::new("chown");
            chown
                .arg("-R")
                .arg(NOBODY.to_string())
                .arg(self.home.path());
            run(&mut chown).ok();
            std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        }
        self.watched();
        run(&mut command)
    }

    /// All files of the Maildir and the store.
    fn files(&self) -> Files {
        let mut files = Files::new();
        read_all(self.home.path(), &mut files);
        files
    }

    fn is_as_before(&self) {
        let before = self.before.borrow_mut().take();
        let (Some(before), after) = (before, self.files()) else {
            panic!("nobody looked at the home before");
        };
        let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed: Vec<_> = paths
            .into_iter()
            .filter(|path| before.get(*path) != after.get(*path) && !is_new_pack(path, &before))
            .collect();
        assert!(changed.is_empty(), "changed: {changed:#?}");
    }
}

/// Objects that nothing refers to may be added: what the Maildir looks like now.
fn is_new_pack(path: &Path, before: &Files) -> bool {
    path.parent().is_some_and(|dir| dir.ends_with("packs")) && !before.contains_key(path)
}

fn read_all(dir: &Path, files: &mut Files) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a type");
        if PASSING.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if kind.is_dir() {
            read_all(&path, files);
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            files.insert(path, target.as_os_str().as_bytes().to_vec());
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            files.insert(path, bytes);
        }
    }
}
