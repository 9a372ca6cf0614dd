//! What can go wrong on the way to a peer, told apart as far as a caller or a person acts on it.

use std::io;
use std::path::PathBuf;

/// Why a connection did not come about, or ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The destination can't be one.
    #[error("not a host to connect to: {}", .0.escape_debug())]
    BadDestination(String),
    /// A file of the user's ssh configuration can't be used.
    #[error("{}: {what}", path.display())]
    Config {
        /// The file, or the program that was asked about it.
        path: PathBuf,
        /// What is wrong, with the line where that is known.
        what: String,
    },
    /// No connection to the host's port: no such name, refused, no route, no answer.
    #[error("{host}, port {port}, can't be reached: {source}")]
    Unreachable {
        /// The host as it was connected to.
        host: String,
        /// Its port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The host has never been seen, and nobody could be asked or somebody said no.
    #[error(
        "the host key of {host} is not known ({algorithm} {fingerprint}); connect to it once on a \
         terminal, or add its key to known_hosts"
    )]
    UnknownHost {
        /// The name looked up in known_hosts.
        host: String,
        /// The kind of key that the host showed; empty if the system's ssh did not tell.
        algorithm: String,
        /// Its SHA-256 fingerprint, as OpenSSH writes it; empty if not told.
        fingerprint: String,
    },
    /// The host shows another key than the one recorded.
    #[error(
        "THE HOST KEY OF {host} HAS CHANGED. Somebody may be in between and read all you send, or \
         the host has a new key. It showed {fingerprint}; what is known stands in {known}. \
         Nothing was sent. Ask who runs the host before you remove that line"
    )]
    HostKeyChanged {
        /// The name looked up in known_hosts.
        host: String,
        /// The fingerprint of the key shown; empty if the system's ssh did not tell.
        fingerprint: String,
        /// The file and line of the key that was expected, as `file:line`.
        known: String,
    },
    /// The host shows a key that is marked `@revoked`.
    #[error(
        "the key that {host} shows ({fingerprint}) is REVOKED by {known}: who has it may be \
         anybody. Nothing was sent"
    )]
    HostKeyRevoked {
        /// The name looked up in known_hosts.
        host: String,
        /// The fingerprint of the key shown; empty if the system's ssh did not tell.
        fingerprint: String,
        /// The file and line of the mark, as `file:line`.
        known: String,
    },
    /// known_hosts could not be read, or what was agreed to not be recorded.
    #[error("{}: {source}", path.display())]
    KnownHosts {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host lets none of our keys in.
    #[error("{user}@{host} refused all keys ({})", listed(.tried, .skipped))]
    AuthRefused {
        /// The user's name there.
        user: String,
        /// The host.
        host: String,
        /// The keys offered.
        tried: Vec<String>,
        /// The keys not offered, each with the reason.
        skipped: Vec<String>,
    },
    /// Something that only the system's ssh can do, and there is none.
    #[error("{why}; that needs OpenSSH's ssh, which is not installed")]
    NeedsSystemSsh {
        /// What it is.
        why: String,
    },
    /// The host would not start a command.
    #[error("{host} starts no commands for this key")]
    CommandRefused {
        /// The host.
        host: String,
    },
    /// The host has no such program (its shell ended with 127).
    #[error("the command was not found on {host}: {stderr}")]
    CommandNotFound {
        /// The host.
        host: String,
        /// The last of what it wrote to standard error.
        stderr: String,
    },
    /// The connection ended before the command there did.
    #[error("the connection to {host} ended early{}", because(.stderr))]
    ClosedEarly {
        /// The host.
        host: String,
        /// The last of what came on standard error.
        stderr: String,
    },
    /// The host stopped answering.
    #[error("{host} does not answer any more")]
    TimedOut {
        /// The host.
        host: String,
    },
    /// The two ends did not understand each other.
    #[error("speaking SSH with {host}: {what}")]
    Protocol {
        /// The host.
        host: String,
        /// What was not understood.
        what: String,
    },
    /// The system's ssh, or our own threads, could not be started.
    #[error("{what}: {source}")]
    Start {
        /// What was to be started.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl SshError {
    /// Whether the same may succeed later with nothing changed here.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::ClosedEarly { .. } | Self::TimedOut { .. }
        )
    }
}

fn listed(tried: &[String], skipped: &[String]) -> String {
    let offered = match tried {
        [] => String::from("no key to offer"),
        keys => format!("offered: {}", keys.join(", ")),
    };
    match skipped {
        [] => offered,
        reasons => format!("{offered}; not offered: {}", reasons.join(", ")),
    }
}

fn because(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}
