//! A command that runs on a host, as a stream.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use russh::Disconnect;
use russh::client::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::bridge::{Ended, Reader, Writer};
use super::super::{Duplex, ExitReport, SshError};
use super::checker::Checker;
use crate::runtime::Runtime;

/// A command that runs on a host.
pub(super) struct Connection {
    pub(super) host: String,
    pub(super) idle: Duration,
    pub(super) note: Option<String>,
    pub(super) halves: Option<(Reader, Writer)>,
    pub(super) discard: watch::Sender<bool>,
    pub(super) ended: JoinHandle<Ended>,
    pub(super) session: Handle<Checker>,
    pub(super) runtime: Arc<Runtime>,
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

    fn may_ask(&self) -> bool {
        false
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
pub(in super::super) struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
