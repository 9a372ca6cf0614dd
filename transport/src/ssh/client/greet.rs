//! From a name to a host that is who it should be: the socket, and the exchange of keys on it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::Preferred;
use russh::client::{Config, Handle};
use russh::keys::{HashAlg, PublicKey};
use tokio::time::timeout;

use super::super::config::{Family, HostConfig};
use super::super::known_hosts::Verdict;
use super::super::stream::Stream;
use super::super::{SshError, Timeouts};
use super::checker::{Checker, Judge};
use super::{Connecting, Failure, PACKET, Refused, WINDOW};

impl Connecting<'_> {
    /// A TCP connection and the exchange of keys on it.
    pub(super) async fn greet(
        &self,
        preferred: Preferred,
        judge: Judge,
    ) -> Result<Handle<Checker>, Refused> {
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
                Verdict::Known => self.protocol(&error),
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
                let error = Some(self.protocol(&error));
                Failure::Beyond { why, error }.into()
            }
            russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => {
                SshError::ClosedEarly {
                    host,
                    stderr: String::from("before keys were exchanged"),
                }
                .into()
            }
            other => self.protocol(&other).into(),
        }
    }

    async fn dial(&self, patience: Duration) -> Result<Stream, SshError> {
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
            match timeout(patience, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let idle = idle(self.config, self.call.options.timeouts);
                    let socket = stream.into_std();
                    let stream = socket.and_then(|socket| Stream::new(socket, idle));
                    return stream.map_err(unreachable);
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

/// How long the host may be silent.
fn idle(host: &HostConfig, timeouts: Timeouts) -> Duration {
    match host.alive_interval {
        Some(interval) => interval.saturating_mul(host.alive_count.saturating_add(1)),
        None => timeouts.idle,
    }
}

/// Questions are asked often enough that a living host answers within the idle time. Whether it
/// does is the stream's to judge: russh would count only whole answers.
fn client_config(preferred: Preferred, host: &HostConfig, timeouts: Timeouts) -> Config {
    let interval = host.alive_interval.unwrap_or(timeouts.idle / 4);
    Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        preferred,
        keepalive_interval: Some(interval),
        keepalive_max: 0,
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}
