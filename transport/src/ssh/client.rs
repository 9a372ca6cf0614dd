//! The client over russh.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{Config, Handle, Handler};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::algorithms;
use super::auth::authenticate;
use super::bridge::{Bridge, Ended, Reader, Writer, bridge};
use super::config::{Family, HostConfig, Strictness};
use super::known_hosts::{Known, Verdict, learn};
use super::{Call, Duplex, ExitReport, SshError, Timeouts, UnknownHost};
use crate::runtime::Runtime;

/// How much may be under way towards us, in bytes: a long fat line is as fast as its window.
pub(super) const WINDOW: u32 = 16 << 20;

/// The longest packet that russh reads.
pub(super) const PACKET: u32 = 65_535;

/// Why russh did not connect.
#[derive(Debug)]
pub(super) enum Failure {
    /// The system's ssh would not either.
    Final(SshError),
    /// The system's ssh can try; the error holds if there is none.
    Beyond {
        why: String,
        error: Option<SshError>,
    },
}

impl From<SshError> for Failure {
    fn from(error: SshError) -> Self {
        Self::Final(error)
    }
}

/// Connects, and starts the command.
pub(super) fn connect(call: Call<'_>, config: &HostConfig) -> Result<Box<dyn Duplex>, Failure> {
    let runtime = Runtime::start(1).map_err(|source| SshError::Start {
        what: "a thread".into(),
        source,
    })?;
    let connecting = Connecting {
        call,
        config,
        runtime: Arc::new(runtime),
    };
    let second = match connecting.try_once(None) {
        Err(Refused::Unknown(key)) => connecting.try_once(Some(connecting.vouch(key)?)),
        first => first,
    };
    second.map_err(|refused| match refused {
        Refused::Failure(failure) => failure,
        Refused::Unknown(key) => Failure::Final(connecting.unknown(&key).into()),
    })
}

enum Refused {
    Failure(Failure),
    /// The host is not known; its key.
    Unknown(Box<PublicKey>),
}

impl From<UnknownHost> for SshError {
    fn from(host: UnknownHost) -> Self {
        Self::UnknownHost {
            host: host.host,
            algorithm: host.algorithm,
            fingerprint: host.fingerprint,
        }
    }
}

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

struct Connecting<'a> {
    call: Call<'a>,
    config: &'a HostConfig,
    runtime: Arc<Runtime>,
}

impl Connecting<'_> {
    fn name(&self) -> String {
        self.config.names().into_iter().next().unwrap_or_default()
    }

    fn unknown(&self, key: &PublicKey) -> UnknownHost {
        UnknownHost {
            host: self.name(),
            algorithm: key.algorithm().to_string(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }

    fn protocol(&self, what: impl ToString) -> SshError {
        SshError::Protocol {
            host: self.config.host.clone(),
            what: what.to_string(),
        }
    }

    /// Asks whether an unknown host is to be trusted, and records a yes. The connection was given
    /// up meanwhile: a person takes longer to compare fingerprints than a host waits.
    fn vouch(&self, key: Box<PublicKey>) -> Result<Box<PublicKey>, SshError> {
        let unknown = self.unknown(&key);
        let asker = self.call.options.asker();
        let trusted = match self.config.strictness {
            Strictness::Refuse => false,
            Strictness::AcceptNew => true,
            Strictness::Ask => asker.is_some_and(|asker| asker.trust_host(&unknown)),
        };
        if !trusted {
            return Err(unknown.into());
        }
        if let Some(file) = self.config.user_known_hosts.first() {
            learn(file, (&unknown.host, &key), self.config.hash_known_hosts)?;
        }
        Ok(key)
    }

    fn try_once(&self, vouched: Option<Box<PublicKey>>) -> Result<Box<dyn Duplex>, Refused> {
        let mut files = self.config.user_known_hosts.clone();
        files.extend(self.config.global_known_hosts.iter().cloned());
        let known = Known::read(&files, &self.config.names())?;
        let mut kinds = known.algorithms();
        if let (Some(place), true) = (known.authority(), kinds.is_empty()) {
            let why =
                format!("{place} trusts an authority for host keys, which russh does not check");
            return Err(Failure::Beyond { why, error: None }.into());
        }
        if let Some(key) = &vouched {
            kinds.push(key.algorithm());
        }
        let Some(preferred) = algorithms::for_client(self.config, &kinds) else {
            let why = "the host's known keys, or the algorithms configured, are not russh's".into();
            return Err(Failure::Beyond { why, error: None }.into());
        };
        let work = self.open(preferred, Judge { known, vouched });
        let opened = self.runtime.block_on(work);
        opened.unwrap_or_else(|| Err(self.protocol("stopped").into()))
    }

    async fn open(&self, preferred: Preferred, judge: Judge) -> Result<Box<dyn Duplex>, Refused> {
        let mut session = self.greet(preferred, judge).await?;
        authenticate(&mut session, self.config, self.call.options.asker()).await?;
        let host = &self.config.host;
        let channel = session
            .channel_open_session()
            .await
            .map_err(|error| match error {
                russh::Error::ChannelOpenFailure(_) => {
                    SshError::CommandRefused { host: host.clone() }
                }
                other => self.protocol(other),
            })?;
        // Not waited for: a refusal comes through the channel, and a round trip is saved.
        channel
            .exec(true, self.call.command)
            .await
            .map_err(|error| self.protocol(error))?;
        let (incoming, outgoing) = channel.split();
        let bridge =
            bridge(&self.runtime, (incoming, &outgoing)).ok_or_else(|| self.protocol("stopped"))?;
        Ok(Box::new(self.duplex(session, bridge)))
    }

    fn duplex(&self, session: Handle<Checker>, bridge: Bridge) -> Connection {
        let notes = self.config.notes.join("; ");
        Connection {
            host: self.config.host.clone(),
            idle: self.call.options.timeouts.idle,
            note: (!notes.is_empty()).then_some(notes),
            halves: Some((bridge.reader, bridge.writer)),
            discard: bridge.discard,
            ended: bridge.ended,
            session,
            runtime: Arc::clone(&self.runtime),
        }
    }

    /// A TCP connection and the exchange of keys on it.
    async fn greet(&self, preferred: Preferred, judge: Judge) -> Result<Handle<Checker>, Refused> {
        let patience = self.config.connect_timeout;
        let patience = patience.unwrap_or(self.call.options.timeouts.connect);
        let stream = self.dial(patience).await?;
        let found = Arc::new(Mutex::new(None));
        let checker = Checker {
            judge,
            found: Arc::clone(&found),
        };
        let config = Arc::new(client_config(
            preferred,
            self.config,
            self.call.options.timeouts,
        ));
        let greeting = russh::client::connect_stream(config, stream, checker);
        match timeout(patience, greeting).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(self.refusal(found, error))
            }
            Err(_) => {
                let host = self.config.host.clone();
                Err(SshError::TimedOut { host }.into())
            }
        }
    }

    fn refusal(&self, found: Option<(Verdict, PublicKey)>, error: russh::Error) -> Refused {
        let host = self.name();
        if let Some((verdict, key)) = found {
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            let error = match verdict {
                Verdict::Known => self.protocol(error),
                Verdict::Unknown => return Refused::Unknown(Box::new(key)),
                Verdict::Changed(known) => SshError::HostKeyChanged {
                    host,
                    fingerprint,
                    known,
                },
                Verdict::Revoked(known) => SshError::HostKeyRevoked {
                    host,
                    fingerprint,
                    known,
                },
            };
            return error.into();
        }
        let host = self.config.host.clone();
        match error {
            russh::Error::NoCommonAlgo { ref kind, .. } => {
                let why = format!("russh and the host have no {kind:?} algorithm in common");
                let error = Some(self.protocol(error));
                Failure::Beyond { why, error }.into()
            }
            russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => {
                SshError::ClosedEarly {
                    host,
                    stderr: String::from("before keys were exchanged"),
                }
                .into()
            }
            other => self.protocol(other).into(),
        }
    }

    async fn dial(&self, patience: Duration) -> Result<TcpStream, SshError> {
        let (host, port) = (self.config.host.as_str(), self.config.port);
        let unreachable = |source| SshError::Unreachable {
            host: host.to_owned(),
            port,
            source,
        };
        let lookup = timeout(patience, tokio::net::lookup_host((host, port)));
        let addresses = lookup
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        for address in addresses
            .map_err(unreachable)?
            .filter(|address| self.suits(address))
        {
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(unreachable)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(unreachable(last))
    }

    fn suits(&self, address: &SocketAddr) -> bool {
        match self.config.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// Questions are asked often enough that a living peer answers within the idle time, also while
/// russh is stuck in a write, when only `inactivity_timeout` is looked at.
fn client_config(preferred: Preferred, host: &HostConfig, timeouts: Timeouts) -> Config {
    let interval = host.alive_interval.unwrap_or(timeouts.idle / 4);
    let patience = interval.saturating_mul(u32::try_from(host.alive_count).unwrap_or(3) + 1);
    Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        preferred,
        keepalive_interval: Some(interval),
        keepalive_max: host.alive_count,
        inactivity_timeout: Some(timeouts.idle.max(patience)),
        nodelay: true,
        ..Config::default()
    }
}

struct Judge {
    known: Known,
    /// A key that a person has just vouched for.
    vouched: Option<Box<PublicKey>>,
}

type Found = Arc<Mutex<Option<(Verdict, PublicKey)>>>;

/// Judges the key that the host shows, before anything else is said.
pub(super) struct Checker {
    judge: Judge,
    found: Found,
}

impl Handler for Checker {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        // Certificates are never asked for; one that comes all the same proves nothing here.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        let vouched = self.judge.vouched.as_ref();
        let vouched = vouched.is_some_and(|vouched| vouched.key_data() == key.key_data());
        let verdict = match self.judge.known.judge(key) {
            Verdict::Unknown if vouched => Verdict::Known,
            verdict => verdict,
        };
        let accept = verdict == Verdict::Known;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some((verdict, key.clone()));
        Ok(accept)
    }
}

/// A command that runs on a host.
struct Connection {
    host: String,
    idle: Duration,
    note: Option<String>,
    halves: Option<(Reader, Writer)>,
    discard: watch::Sender<bool>,
    ended: JoinHandle<Ended>,
    session: Handle<Checker>,
    runtime: Arc<Runtime>,
}

impl Duplex for Connection {
    fn split(&mut self) -> (Box<dyn Read + Send>, Box<dyn Write + Send>) {
        match self.halves.take() {
            Some((reader, writer)) => (Box::new(reader), Box::new(writer)),
            None => (Box::new(io::empty()), Box::new(Closed)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<ExitReport, SshError> {
        drop(self.halves.take());
        let _ = self.discard.send(true);
        let Self {
            host,
            idle,
            ended,
            session,
            runtime,
            ..
        } = *self;
        let waiting = async {
            let ended = timeout(idle, ended).await;
            // Best effort: the command has ended, and so does the connection either way.
            let _ = session.disconnect(Disconnect::ByApplication, "", "").await;
            let _ = timeout(Duration::from_millis(200), session).await;
            ended
        };
        match runtime.block_on(waiting) {
            Some(Ok(Ok(ended))) => report(host, ended),
            Some(Err(_)) => Err(SshError::TimedOut { host }),
            Some(Ok(Err(_))) | None => Err(SshError::ClosedEarly {
                host,
                stderr: String::new(),
            }),
        }
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

fn report(host: String, ended: Ended) -> Result<ExitReport, SshError> {
    let stderr = ended.stderr.into_text();
    match ended.code {
        Some(127) => Err(SshError::CommandNotFound { host, stderr }),
        None if ended.refused => Err(SshError::CommandRefused { host }),
        None if !ended.signalled => Err(SshError::ClosedEarly { host, stderr }),
        code => Ok(ExitReport {
            code: code.map(|code| code as i32),
            stderr_tail: stderr,
        }),
    }
}

/// A writer that takes nothing.
pub(super) struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
