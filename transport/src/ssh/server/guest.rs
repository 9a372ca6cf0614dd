//! One connection's way from a key to a running command.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelWriteHalf};
use tokio::sync::watch;

use super::super::bridge::{Bridge, bridge};
use super::authorized::{self, Admitted};
use super::connections::{Shared, Stage};
use super::{Event, Session};

/// How many environment variables are kept, and how long each may be, in bytes.
const MAX_VARIABLES: usize = 32;
const MAX_VARIABLE: usize = 1024;

/// What a peer is told when the handler broke down (EX_SOFTWARE of sysexits).
const BROKEN: i32 = 70;

type Reply<T> = Result<T, russh::Error>;
type SshSession = russh::server::Session;

/// A peer that came by.
pub(super) struct Guest {
    shared: Arc<Shared>,
    peer: SocketAddr,
    stage: Arc<watch::Sender<Stage>>,
    admitted: Option<(String, Admitted)>,
    channel: Option<Channel<Msg>>,
    opened: bool,
    environment: Vec<(String, String)>,
}

impl Guest {
    pub(super) fn new(shared: Arc<Shared>, peer: SocketAddr, stage: watch::Sender<Stage>) -> Self {
        Self {
            shared,
            peer,
            stage: Arc::new(stage),
            admitted: None,
            channel: None,
            opened: false,
            environment: Vec::new(),
        }
    }

    fn look_up(&self, user: &str, key: &PublicKey) -> Option<Admitted> {
        let found = if matches!(key.algorithm(), Algorithm::Rsa { .. }) {
            Err(String::from("RSA keys are not taken"))
        } else {
            authorized::find(&self.shared.authorized_keys, key)
        };
        found
            .map_err(|why| {
                (self.shared.service.log)(&Event::Refused {
                    peer: self.peer,
                    user: user.escape_debug().to_string(),
                    fingerprint: fingerprint(key),
                    why,
                });
            })
            .ok()
    }

    /// Starts the handler on the channel. `false` if there is nothing to start it on.
    fn start(&mut self, command: Option<String>) -> bool {
        let (Some(channel), Some((user, admitted))) = (self.channel.take(), self.admitted.clone())
        else {
            return false;
        };
        let session = Session {
            peer: self.peer,
            user,
            fingerprint: admitted.fingerprint,
            comment: admitted.comment,
            options: admitted.options,
            command,
            environment: std::mem::take(&mut self.environment),
        };
        let (incoming, outgoing) = channel.split();
        let Some(bridge) = bridge(&self.shared.runtime, (incoming, &outgoing)) else {
            return false;
        };
        let run = Run {
            shared: Arc::clone(&self.shared),
            stage: Arc::clone(&self.stage),
            outgoing,
        };
        self.stage.send_replace(Stage::Running);
        let name = String::from("mailvc-session");
        let started = thread::Builder::new()
            .name(name)
            .spawn(move || run.run(session, bridge));
        started.is_ok()
    }
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// A handler that runs.
struct Run {
    shared: Arc<Shared>,
    stage: Arc<watch::Sender<Stage>>,
    outgoing: ChannelWriteHalf<Msg>,
}

impl Run {
    fn run(self, session: Session, bridge: Bridge) {
        let Bridge {
            reader,
            writer,
            discard,
            ..
        } = bridge;
        let reader: Box<dyn Read + Send> = Box::new(reader);
        let writer: Box<dyn Write + Send> = Box::new(writer);
        let handler = &self.shared.service.handler;
        // One session that breaks down takes no other with it.
        let code = catch_unwind(AssertUnwindSafe(|| handler(session, reader, writer)));
        let _ = discard.send(true);
        let code = code.unwrap_or(BROKEN) as u32;
        self.shared.runtime.block_on(async {
            // Both fail only where the peer has gone.
            let _ = self.outgoing.exit_status(code).await;
            let _ = self.outgoing.close().await;
        });
        self.stage.send_replace(Stage::Done);
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Reply<Auth> {
        Ok(match self.look_up(user, offer.public_key) {
            Some(_) => Auth::Accept,
            None => Auth::reject(),
        })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Reply<Auth> {
        let Some(admitted) = self.look_up(user, key.public_key) else {
            return Ok(Auth::reject());
        };
        (self.shared.service.log)(&Event::Admitted {
            peer: self.peer,
            fingerprint: admitted.fingerprint.clone(),
        });
        self.admitted = Some((user.to_owned(), admitted));
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut SshSession,
    ) -> Reply<()> {
        // One channel, once. A reply that is dropped is a refusal.
        if !self.opened {
            self.opened = true;
            self.channel = Some(channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut SshSession,
    ) -> Reply<()> {
        let fits = name.len() + value.len() <= MAX_VARIABLE;
        if fits && self.environment.len() < MAX_VARIABLES {
            self.environment.push((name.to_owned(), value.to_owned()));
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut SshSession) -> Reply<()> {
        answer(self.start(None), channel, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut SshSession,
    ) -> Reply<()> {
        let command = String::from_utf8(command.to_vec()).ok();
        let started = command.is_some_and(|command| self.start(Some(command)));
        answer(started, channel, session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut SshSession,
    ) -> Reply<()> {
        session.channel_failure(channel)
    }
}

fn answer(started: bool, channel: ChannelId, session: &mut SshSession) -> Reply<()> {
    if started {
        session.channel_success(channel)
    } else {
        session.channel_failure(channel)
    }
}
