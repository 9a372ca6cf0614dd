//! A machine of the tour: a home directory, and the program run in it as its owner would.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What of the caller's environment a command may see: how to find programs, and how to speak.
const PASSED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// One of the two machines.
#[derive(Debug)]
pub(super) struct Machine {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its owner's home directory.
    pub(super) home: PathBuf,
    program: PathBuf,
}

/// A command that ended.
#[derive(Debug)]
pub(super) struct Run {
    /// The exit code; `None` if a signal ended it.
    pub(super) code: Option<i32>,
    /// All that it said.
    pub(super) said: String,
}

impl Machine {
    /// A machine whose home, missing yet, is `dir/name`; it runs this very program.
    pub(super) fn new(name: &'static str, dir: &Path) -> io::Result<Self> {
        Ok(Self {
            name,
            home: dir.join(name),
            program: std::env::current_exe()?,
        })
    }

    /// Where its mail is.
    pub(super) fn maildir(&self) -> PathBuf {
        self.home.join("Maildir")
    }

    /// Where its store is.
    pub(super) fn store(&self) -> PathBuf {
        self.home.join(".local/share/mailvc/default")
    }

    /// Where its owner's ssh configuration is.
    pub(super) fn ssh_config(&self) -> PathBuf {
        self.home.join(".ssh/config")
    }

    /// Starts `mailvc` with arguments.
    pub(super) fn start(&self, arguments: &[&str]) -> io::Result<Child> {
        let passed = PASSED.map(|name| (name, std::env::var_os(name)));
        let passed = passed
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.home)
            .env_clear()
            .envs(passed)
            .env("HOME", &self.home)
            // OpenSSH takes the home directory from the system's list of users.
            .env("MAILVC_SSH_CONFIG", self.ssh_config())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Runs `mailvc` with arguments to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> io::Result<Run> {
        Ok(self.start(arguments)?.wait_with_output()?.into())
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        Self {
            code: output.status.code(),
            said,
        }
    }
}
