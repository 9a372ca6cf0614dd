//! The client over russh.

mod checker;
mod connection;
mod greet;

use std::sync::Arc;

use russh::Preferred;
use russh::client::Handle;
use russh::keys::{HashAlg, PublicKey};

use super::algorithms;
use super::auth::authenticate;
use super::bridge::{Bridge, bridge};
use super::config::{HostConfig, Strictness};
use super::known_hosts::{Known, learn};
use super::{Call, Duplex, SshError, UnknownHost};
use crate::runtime::Runtime;
pub(super) use checker::Checker;
use checker::Judge;
pub(super) use connection::Closed;
use connection::Connection;

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

    fn protocol(&self, what: &dyn ToString) -> SshError {
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
        opened.unwrap_or_else(|| Err(self.protocol(&"stopped").into()))
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
                other => self.protocol(&other),
            })?;
        // Not waited for: a refusal comes through the channel, and a round trip is saved.
        channel
            .exec(true, self.call.command)
            .await
            .map_err(|error| self.protocol(&error))?;
        let (incoming, outgoing) = channel.split();
        let bridge = bridge(&self.runtime, (incoming, &outgoing))
            .ok_or_else(|| self.protocol(&"stopped"))?;
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
}
