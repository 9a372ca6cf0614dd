//! A program on another machine, reached by SSH: its standard input and output as one byte
//! stream, and the other side of it.
//!
//! The client is russh where it can do what the user's configuration asks, and the system's `ssh`
//! where it can't. Neither ever checks less than the configuration says. Nothing here knows what
//! is said over the stream, and nothing that comes over it reaches a shell.

mod algorithms;
mod auth;
mod bridge;
mod client;
mod config;
mod destination;
mod error;
mod keys;
mod known_hosts;
mod pattern;
pub mod server;
mod stderr;
mod stream;
mod system;

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::HostConfig;
pub use destination::Destination;
pub use error::SshError;

/// A byte stream to a program on another machine. Reads and writes block; small writes are sent
/// as they come, so the caller collects them.
///
/// The stream ends in an error if the connection does, in an end of file if the program closed
/// its output. What an error meant is told by [`finish`](Self::finish).
pub trait Duplex: Send {
    /// The program's output and input. Dropping the second tells the program that no more comes.
    /// Only the first call gets them; later ones get an empty reader and a closed writer.
    fn split(&mut self) -> (Box<dyn Read + Send>, Box<dyn Write + Send>);
    /// Waits until the program has ended, for as long as [`Timeouts::idle`]; output not yet read
    /// is thrown away. The writer must have been dropped, or the program may wait for more.
    fn finish(self: Box<Self>) -> Result<ExitReport, SshError>;
    /// Whether a person may yet be asked for something, so that it may take its time until the
    /// program's first byte.
    fn may_ask(&self) -> bool;
    /// What a person should know of how the connection was made: why the system's ssh was taken,
    /// what of the configuration was passed over.
    fn note(&self) -> Option<&str>;
}

/// How the program on the other machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitReport {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The last few kilobytes of its standard error, safe to print.
    pub stderr_tail: String,
}

/// A host never seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownHost {
    /// The name that known_hosts will have, with the port where it is not 22.
    pub host: String,
    /// The kind of its key, such as `ssh-ed25519`.
    pub algorithm: String,
    /// The key's SHA-256 fingerprint, as OpenSSH writes it.
    pub fingerprint: String,
}

/// Asks a person.
pub trait Prompt: Send + Sync {
    /// Whether the host is who it should be. A yes is recorded in the user's known_hosts.
    fn trust_host(&self, host: &UnknownHost) -> bool;
    /// The passphrase of a key file; `None` to go on without this key. Asked up to three times.
    fn passphrase(&self, key_file: &Path) -> Option<String>;
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to an address, and for the exchange of keys on it.
    pub connect: Duration,
    /// For any sign of life from the other side. A connection on which nothing moves is kept
    /// alive by questions that a living peer answers.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            idle: Duration::from_mins(2),
        }
    }
}

/// How to connect.
#[derive(Default)]
pub struct SshOptions {
    /// The ssh configuration to read in place of the user's and the system's.
    pub config_file: Option<PathBuf>,
    /// The system's ssh, or what takes its place (words, no shell): always used if given. It must
    /// take OpenSSH's options.
    pub command: Option<Vec<String>>,
    /// Nobody is there to be asked, whatever `prompt` is.
    pub batch: bool,
    /// Asks a person; without it, what needs asking is refused.
    pub prompt: Option<Box<dyn Prompt>>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl SshOptions {
    fn asker(&self) -> Option<&dyn Prompt> {
        self.prompt.as_deref().filter(|_| !self.batch)
    }
}

impl fmt::Debug for SshOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshOptions")
            .field("config_file", &self.config_file)
            .field("command", &self.command)
            .field("batch", &self.batch)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// One connection to make.
#[derive(Clone, Copy)]
struct Call<'a> {
    destination: &'a Destination,
    command: &'a str,
    options: &'a SshOptions,
}

/// Starts `remote_command` on another machine. `remote_command` is read by the shell there: the
/// caller quotes it.
///
/// With the system's ssh, what goes wrong on the way shows only at the first read, and
/// [`Duplex::finish`] tells what it was; with russh only a refused or missing command does.
pub fn connect(
    destination: &Destination,
    remote_command: &str,
    options: &SshOptions,
) -> Result<Box<dyn Duplex>, SshError> {
    destination.check()?;
    let call = Call {
        destination,
        command: remote_command,
        options,
    };
    if let Some(words) = &options.command {
        return system::connect(call, words, None);
    }
    let config = HostConfig::resolve(destination, options.config_file.as_deref())?;
    if let Some(why) = config.beyond.first() {
        return by_system(call, why.clone());
    }
    match client::connect(call, &config) {
        Ok(stream) => Ok(stream),
        Err(client::Failure::Final(error)) => Err(error),
        Err(client::Failure::Beyond { why, error }) => match by_system(call, why) {
            Err(missing @ SshError::NeedsSystemSsh { .. }) => Err(error.unwrap_or(missing)),
            other => other,
        },
    }
}

fn by_system(call: Call<'_>, why: String) -> Result<Box<dyn Duplex>, SshError> {
    match system::find() {
        Some(program) => {
            let note = format!("using {program}: {why}");
            system::connect(call, &[program], Some(note))
        }
        None => Err(SshError::NeedsSystemSsh { why }),
    }
}
