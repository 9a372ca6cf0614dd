//! The system's `ssh`, for what russh can't do and for who prefers it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::Closed;
use super::stderr::Tail;
use super::{Call, Destination, Duplex, ExitReport, SshError};

/// How often an end that is waited for is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// The code with which OpenSSH says that it failed itself.
const OWN_FAILURE: i32 = 255;

/// The path of the system's ssh.
pub(super) fn find() -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|dir| dir.join("ssh"));
    let found = places.find(|place| is_program(place))?;
    found.to_str().map(str::to_owned)
}

fn is_program(path: &Path) -> bool {
    let access = rustix::fs::Access::EXEC_OK;
    path.is_file() && rustix::fs::access(path, access).is_ok()
}

/// The options and the operand that name a destination. `--` keeps a host from being an option.
pub(super) fn destination_arguments(
    destination: &Destination,
    file: Option<&Path>,
) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    if let Some(file) = file {
        option("-F", file.into());
    }
    if let Some(user) = &destination.user {
        option("-l", user.into());
    }
    if let Some(port) = destination.port {
        option("-p", port.to_string().into());
    }
    arguments.extend(["--".into(), OsString::from(&destination.host)]);
    arguments
}

/// Starts `words` (the program and its first arguments) for a destination and a command.
pub(super) fn connect(
    call: Call<'_>,
    words: &[String],
    note: Option<String>,
) -> Result<Box<dyn Duplex>, SshError> {
    let start = |source| SshError::Start {
        what: words.join(" "),
        source,
    };
    let (program, first) = words
        .split_first()
        .ok_or_else(|| start(io::ErrorKind::InvalidInput.into()))?;
    let idle = call.options.timeouts.idle;
    let mut command = Command::new(program);
    command.args(first).args(["-T", "-x", "-a"]);
    command.args(["-o", "ClearAllForwardings=yes"]);
    let may_ask = call.options.asker().is_some();
    if !may_ask {
        command.args(["-o", "BatchMode=yes"]);
    }
    command
        .args(destination_arguments(
            call.destination,
            call.options.config_file.as_deref(),
        ))
        .arg(call.command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(start)?;
    let stderr = child
        .stderr
        .take()
        .map(|stderr| thread::spawn(|| last_of(stderr)));
    Ok(Box::new(Process {
        host: call.destination.host.clone(),
        port: call.destination.port.unwrap_or(22),
        child,
        stderr,
        note,
        idle,
        may_ask,
    }))
}

fn last_of(mut stderr: impl Read) -> String {
    let mut tail = Tail::default();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        tail.push(buffer.get(..count).unwrap_or_default());
    }
    tail.into_text()
}

struct Process {
    host: String,
    port: u16,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    note: Option<String>,
    idle: Duration,
    may_ask: bool,
}

impl Process {
    /// Waits until the program ends, for the idle time at most; then it is ended.
    fn wait(&mut self) -> Result<ExitStatus, SshError> {
        let until = Instant::now() + self.idle;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < until => thread::sleep(GLANCE),
                Ok(None) | Err(_) => {
                    let host = self.host.clone();
                    return Err(SshError::TimedOut { host });
                }
            }
        }
    }

    /// What OpenSSH meant when it failed.
    fn failure(&self, stderr: String) -> SshError {
        let host = self.host.clone();
        let says = |text: &str| stderr.contains(text);
        if says("IDENTIFICATION HAS CHANGED") {
            SshError::HostKeyChanged {
                known: offending(&stderr),
                host,
                fingerprint: fingerprint(&stderr),
            }
        } else if says("REVOKED HOST KEY") || says("is marked as revoked") {
            SshError::HostKeyRevoked {
                known: offending(&stderr),
                host,
                fingerprint: fingerprint(&stderr),
            }
        } else if says("Host key verification failed") {
            SshError::UnknownHost {
                host,
                algorithm: String::new(),
                fingerprint: fingerprint(&stderr),
            }
        } else if says("Permission denied") || says("Too many authentication failures") {
            SshError::AuthRefused {
                user: String::new(),
                host,
                tried: Vec::new(),
                skipped: vec![stderr],
            }
        } else if says("Could not resolve hostname") || says("connect to host") {
            SshError::Unreachable {
                host,
                port: self.port,
                source: io::Error::other(stderr),
            }
        } else {
            SshError::ClosedEarly { host, stderr }
        }
    }
}

fn offending(stderr: &str) -> String {
    let line = stderr
        .lines()
        .find(|line| line.contains("ffending") && line.contains(" key in /"));
    let place = line.and_then(|line| line.split_once(" key in "));
    place.map_or_else(
        || String::from("known_hosts"),
        |(_, place)| place.trim().to_owned(),
    )
}

fn fingerprint(stderr: &str) -> String {
    let mut words = stderr.split_whitespace();
    let found = words.find(|word| word.starts_with("SHA256:"));
    found.unwrap_or_default().trim_end_matches('.').to_owned()
}

impl Duplex for Process {
    fn split(&mut self) -> (Box<dyn Read + Send>, Box<dyn Write + Send>) {
        match (self.child.stdout.take(), self.child.stdin.take()) {
            (Some(output), Some(input)) => (Box::new(output), Box::new(input)),
            _ => (Box::new(io::empty()), Box::new(Closed)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<ExitReport, SshError> {
        drop(self.split());
        let status = self.wait()?;
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok());
        let stderr = stderr.unwrap_or_default();
        match status.code() {
            Some(127) => Err(SshError::CommandNotFound {
                host: self.host.clone(),
                stderr,
            }),
            Some(OWN_FAILURE) => Err(self.failure(stderr)),
            None if status.signal().is_some_and(|signal| signal != 0) => {
                Err(SshError::ClosedEarly {
                    host: self.host.clone(),
                    stderr,
                })
            }
            code => Ok(ExitReport {
                code,
                stderr_tail: stderr,
            }),
        }
    }

    fn may_ask(&self) -> bool {
        self.may_ask
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A program that has ended is only collected; one that has not is not wanted any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
