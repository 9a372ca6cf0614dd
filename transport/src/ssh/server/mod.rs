//! The other side: lets the keys of one authorized_keys file in, and hands each connection's one
//! command to the caller. There is no shell, no file transfer, no forwarding, no password.
//!
//! Must never decide what a key may do beyond that: the line's options are the caller's to read.

mod authorized;
mod connections;
mod guest;
mod host_key;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use russh::server::Config;
use russh::{MethodKind, MethodSet};
use tokio::sync::watch;

use super::algorithms;
use super::client::{PACKET, WINDOW};
use crate::runtime::Runtime;
pub use authorized::KeyOption;
use connections::{Connections, Shared};

/// Somebody who was let in, and what they ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where they come from.
    pub peer: SocketAddr,
    /// The name they gave; nothing has checked it.
    pub user: String,
    /// The SHA-256 fingerprint of their key, as OpenSSH writes it.
    pub fingerprint: String,
    /// The comment behind their key in authorized_keys.
    pub comment: String,
    /// The options before their key in authorized_keys, in the file's order.
    pub options: Vec<KeyOption>,
    /// The command they sent; `None` if they asked for a shell. Never to be given to one.
    pub command: Option<String>,
    /// The environment variables that they sent, a bounded few; nothing has checked them.
    pub environment: Vec<(String, String)>,
}

/// Runs a session: reads what the peer sends, writes to it, and returns the exit code that it is
/// told. Each session has a thread of its own. When the connection is lost, reads and writes fail.
pub type Handler =
    dyn Fn(Session, Box<dyn Read + Send>, Box<dyn Write + Send>) -> i32 + Send + Sync;

/// The files of a server.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// Its private key (OpenSSH format, no passphrase); made if there is none.
    pub host_key: PathBuf,
    /// The keys that are let in, read anew for each attempt. Writable by its owner alone.
    pub authorized_keys: PathBuf,
}

/// How much a server does for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more are closed as they come.
    pub connections: usize,
    /// Connections at a time whose command has not started.
    pub waiting: usize,
    /// From the first byte to the start of the command.
    pub login: Duration,
    /// Without a sign of life from the peer.
    pub idle: Duration,
    /// For sessions to end by themselves when the server stops.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            waiting: 16,
            login: Duration::from_secs(20),
            idle: Duration::from_mins(2),
            stop: Duration::from_secs(30),
        }
    }
}

/// Something that who runs the server may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A connection was closed unheard: too many.
    TooMany(SocketAddr),
    /// A key was not let in, and why.
    Refused {
        /// Where it came from.
        peer: SocketAddr,
        /// The name given; nothing has checked it.
        user: String,
        /// The key's fingerprint.
        fingerprint: String,
        /// What was wrong with it.
        why: String,
    },
    /// A key was let in.
    Admitted {
        /// Where it came from.
        peer: SocketAddr,
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// A connection took too long to say what it wants.
    TooSlow(SocketAddr),
}

/// What a server does with its sessions and its news.
#[derive(Clone)]
pub struct Service {
    /// Runs the sessions.
    pub handler: Arc<Handler>,
    /// Told what happens, on the server's own threads: must not block.
    pub log: Arc<dyn Fn(&Event) + Send + Sync>,
}

impl Service {
    /// A service that tells nobody what happens.
    pub fn quiet(handler: Arc<Handler>) -> Self {
        Self {
            handler,
            log: Arc::new(|_| {}),
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The host key can't be used or made.
    #[error("host key {}: {what}", path.display())]
    HostKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No threads.
    #[error("can't start the server's threads: {0}")]
    Threads(#[source] io::Error),
}

/// A server that runs. Dropping it cuts all connections.
pub struct Server {
    address: SocketAddr,
    host_key: String,
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
}

/// Listens on `address` (port 0 for any) until the server is stopped.
pub fn listen(
    address: SocketAddr,
    files: &ServerFiles,
    limits: Limits,
    service: Service,
) -> Result<Server, ServerError> {
    let key = host_key::load_or_make(&files.host_key)?;
    let host_key = host_key::public_line(&key);
    let bad = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(bad)?;
    let bound = listener.local_addr().map_err(bad)?;
    listener.set_nonblocking(true).map_err(bad)?;
    let threads = thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let runtime = Runtime::start(threads).map_err(ServerError::Threads)?;
    let shared = Arc::new(Shared {
        config: Arc::new(config(key, limits)),
        authorized_keys: files.authorized_keys.clone(),
        limits,
        service,
        runtime: Arc::new(runtime),
        connections: Connections::default(),
    });
    let (stopping, stopped) = watch::channel(false);
    let accepting = connections::accept(Arc::clone(&shared), listener, stopped);
    shared.runtime.spawn(accepting);
    Ok(Server {
        address: bound,
        host_key,
        shared,
        stopping,
    })
}

fn config(key: russh::keys::PrivateKey, limits: Limits) -> Config {
    Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // Every key is public: what an attempt's time tells is no secret. It only slows guessing.
        auth_rejection_time: Duration::from_millis(200),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        preferred: algorithms::for_server(),
        // The stream judges whether the peer lives.
        inactivity_timeout: None,
        keepalive_interval: Some(limits.idle / 4),
        keepalive_max: 0,
        nodelay: true,
        ..Config::default()
    }
}

impl Server {
    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host key, as `known_hosts` has it after the host's name: what a caller compares.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// Takes no more connections, gives those that are there [`Limits::stop`] to end, and cuts
    /// what is left. Returns how many were cut.
    pub fn stop(self) -> usize {
        let _ = self.stopping.send(true);
        self.shared
            .connections
            .wait_until_none(self.shared.limits.stop);
        self.shared.connections.cut_all()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stopping.send(true);
        self.shared.connections.cut_all();
    }
}
