//! The program as its users run it: a process, a home of its own, nothing of the caller's
//! environment.
//!
//! Cargo tells a test where the programs of *its own* crate are, and this is another: the program
//! is looked for beside the test, or is what `MAILVC_BIN` names. `tests/run` builds it first; by
//! hand, `cargo build -p mailvc`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The program's path.
///
/// # Panics
/// If it isn't built.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("MAILVC_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("the test's own path");
    // target/debug/deps/suite-0123456789abcdef
    let found = test
        .ancestors()
        .skip(1)
        .map(|dir| dir.join("mailvc"))
        .find(|path| path.is_file());
    found.expect("mailvc is not built: run tests/run, or `cargo build -p mailvc` before")
}

/// What a run of the program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

#[allow(clippy::return_self_not_must_use)] // most runs are only to succeed
impl Run {
    /// Itself, if the exit code is `code`.
    ///
    /// # Panics
    /// If it is another.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Itself, if it did what it was asked for.
    ///
    /// # Panics
    /// If not.
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// If it isn't.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }
}

/// A person's home on one machine.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    variables: Vec<(String, PathBuf)>,
}

impl Home {
    /// An empty one.
    ///
    /// # Panics
    /// Where no temporary directory can be made.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            variables: Vec::new(),
        }
    }

    /// Sets a variable for every run.
    pub fn set(&mut self, name: &str, value: impl Into<PathBuf>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where the mail is by default.
    pub fn maildir(&self) -> PathBuf {
        self.path().join("Maildir")
    }

    /// The environment of every run, for those who start the program otherwise (an SSH server).
    pub fn environment(&self) -> Vec<(String, PathBuf)> {
        let mut all = vec![
            ("HOME".to_owned(), self.path().to_owned()),
            ("MAILVC_CONFIG".to_owned(), self.path().join("config.toml")),
            ("XDG_DATA_HOME".to_owned(), self.path().join("data")),
        ];
        all.extend(self.variables.iter().cloned());
        all
    }

    /// The program with arguments, not yet started, without a terminal or input.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program with arguments, to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        run(&mut self.command(arguments))
    }

    /// As [`run`](Self::run), with bytes on standard input.
    ///
    /// # Panics
    /// If the program can't be started.
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("mailvc started");
        let mut stdin = child.stdin.take().expect("its input");
        // Beside the reading below: neither may wait for the other.
        let writer = std::thread::spawn({
            let input = input.to_vec();
            move || drop(stdin.write_all(&input))
        });
        let output = child.wait_with_output().expect("mailvc ended");
        writer.join().expect("the input written");
        Run::from(output)
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl From<std::process::Output> for Run {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it can't be started.
pub fn run(command: &mut Command) -> Run {
    let name = command.get_program().to_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    Run::from(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_lends_nothing_of_the_callers_environment() {
        let home = Home::new();
        let mut command = home.command(["log"]);
        let mut env = Command::new("env");
        env.env_clear().envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let seen = run(&mut env).ok().stdout;
        assert!(
            seen.contains(&format!("HOME={}\n", home.path().display())),
            "{seen}"
        );
        assert!(!seen.contains("CARGO"), "{seen}");
        command.stdin(Stdio::null());
    }
}
