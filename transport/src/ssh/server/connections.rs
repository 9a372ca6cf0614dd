//! The connections that are there: counted, timed, and cut when they must be.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::server::{Config, run_stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::super::stream::Stream;
use super::guest::Guest;
use super::{Event, Limits, Service};
use crate::runtime::Runtime;

/// How long a peer has to hang up after its command has ended.
const LEAVING: Duration = Duration::from_secs(5);

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Stage {
    /// Nobody knows yet who it is, or what they want.
    Waiting,
    /// The command runs.
    Running,
    /// The command has ended.
    Done,
}

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) authorized_keys: PathBuf,
    pub(super) limits: Limits,
    pub(super) service: Service,
    pub(super) runtime: Arc<Runtime>,
    pub(super) connections: Connections,
}

/// The sockets of all connections, by number.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    one_left: Condvar,
}

#[derive(Default)]
struct Open {
    next: u64,
    sockets: HashMap<u64, Socket>,
}

struct Socket {
    /// A second handle on the socket: shutting it down ends whatever waits on the first.
    socket: TcpStream,
    stage: watch::Receiver<Stage>,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in, unless there are too many.
    fn enter(&self, limits: &Limits, socket: Socket) -> Option<u64> {
        let mut open = self.lock();
        let waits = |socket: &&Socket| *socket.stage.borrow() == Stage::Waiting;
        let waiting = open.sockets.values().filter(waits).count();
        if open.sockets.len() >= limits.connections || waiting >= limits.waiting {
            return None;
        }
        open.next += 1;
        let number = open.next;
        open.sockets.insert(number, socket);
        Some(number)
    }

    fn leave(&self, number: u64) {
        self.lock().sockets.remove(&number);
        self.one_left.notify_all();
    }

    fn cut(&self, number: u64) {
        if let Some(socket) = self.lock().sockets.get(&number) {
            // Fails only where the peer was faster.
            let _ = socket.socket.shutdown(Shutdown::Both);
        }
    }

    /// Cuts all, and tells how many they were.
    pub(super) fn cut_all(&self) -> usize {
        let open = self.lock();
        for socket in open.sockets.values() {
            let _ = socket.socket.shutdown(Shutdown::Both);
        }
        open.sockets.len()
    }

    /// Waits until none is left, for `patience` at most.
    pub(super) fn wait_until_none(&self, patience: Duration) {
        let some = |open: &mut Open| !open.sockets.is_empty();
        let _unused = self
            .one_left
            .wait_timeout_while(self.lock(), patience, some);
    }
}

/// Takes connections until the server stops.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|&stopped| stopped) => return,
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => admit(&shared, stream, peer),
            // No more descriptors, or a peer that left at once: neither ends the server.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (stage, staged) = watch::channel(Stage::Waiting);
    let Ok(socket) = stream.try_clone() else {
        return;
    };
    let socket = Socket {
        socket,
        stage: staged.clone(),
    };
    let Some(number) = shared.connections.enter(&shared.limits, socket) else {
        (shared.service.log)(&Event::TooMany(peer));
        return;
    };
    let connection = Connection {
        shared: Arc::clone(shared),
        number,
        peer,
    };
    shared
        .runtime
        .spawn(connection.serve(stream, stage, staged));
}

struct Connection {
    shared: Arc<Shared>,
    number: u64,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(
        self,
        stream: TcpStream,
        stage: watch::Sender<Stage>,
        staged: watch::Receiver<Stage>,
    ) {
        let deadline = Instant::now() + self.shared.limits.login;
        let guest = Guest::new(Arc::clone(&self.shared), self.peer, stage);
        let Ok(stream) = Stream::new(stream, self.shared.limits.idle) else {
            return;
        };
        let started = run_stream(Arc::clone(&self.shared.config), stream, guest);
        let Ok(Ok(mut running)) = timeout_at(deadline, started).await else {
            return;
        };
        tokio::select! {
            _ = &mut running => return,
            () = self.overdue(deadline, staged) => self.shared.connections.cut(self.number),
        }
        // How it ended is the session's own to tell; here only that it has.
        let _ = running.await;
    }

    /// Returns when the peer has been too slow to start, or to leave.
    async fn overdue(&self, deadline: Instant, mut staged: watch::Receiver<Stage>) {
        tokio::select! {
            _ = staged.wait_for(|&stage| stage > Stage::Waiting) => {}
            () = sleep_until(deadline) => {
                (self.shared.service.log)(&Event::TooSlow(self.peer));
                return;
            }
        }
        // Both also return when the session has gone, which the caller notices first.
        let _ = staged.wait_for(|&stage| stage == Stage::Done).await;
        sleep(LEAVING).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.connections.leave(self.number);
    }
}
