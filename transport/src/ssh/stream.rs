//! The socket as russh gets it. russh reads nothing while a write waits, so two ends that send
//! much at once would wait for each other for ever; and it takes a line that is only slow for a
//! dead one. Here a write is taken into memory at once (an SSH window bounds how much), and a
//! connection is cut only when the peer has shown no sign of life for too long.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// How much may wait to be sent, in bytes: more than any window, so that it is never the limit.
const UNSENT: usize = 32 << 20;

/// How much is handed to the system at once, in bytes.
const PIECE: usize = 128 * 1024;

/// A socket that takes writes at once.
pub(super) struct Stream {
    incoming: OwnedReadHalf,
    outgoing: DuplexStream,
    pulse: Arc<Pulse>,
}

impl Stream {
    /// Takes a socket over. It is cut when the peer is silent for `idle` while it is waited for.
    /// Must be called on a runtime.
    pub(super) fn new(socket: TcpStream, idle: Duration) -> io::Result<Self> {
        let second = socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpStream::from_std(socket)?;
        socket.set_nodelay(true)?;
        let (incoming, to_peer) = socket.into_split();
        let (outgoing, queued) = tokio::io::duplex(UNSENT);
        let pulse = Arc::new(Pulse::new());
        tokio::spawn(drain(queued, to_peer, Arc::downgrade(&pulse)));
        tokio::spawn(watch(second, idle, Arc::downgrade(&pulse)));
        Ok(Self {
            incoming,
            outgoing,
            pulse,
        })
    }
}

/// Signs of life.
struct Pulse {
    start: Instant,
    /// The last one, in milliseconds since the start.
    last: AtomicU64,
    /// The peer is waited for. It is not while we are busy with what it has sent.
    waiting: AtomicBool,
}

impl Pulse {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
        }
    }

    fn beat(&self) {
        let now = self.start.elapsed().as_millis() as u64;
        self.last.store(now, Ordering::Relaxed);
    }

    fn is_lost(&self, idle: Duration) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let silent = self.start.elapsed().saturating_sub(last);
        self.waiting.load(Ordering::Relaxed) && silent > idle
    }
}

/// Sends what is queued. Space that comes free in the system's buffer is a sign of life: the peer
/// has acknowledged. Mere room in it is not.
async fn drain(mut queued: DuplexStream, to_peer: OwnedWriteHalf, pulse: Weak<Pulse>) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = queued.read(&mut piece).await {
        let mut rest = piece.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match to_peer.try_write(rest) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if to_peer.writable().await.is_err() {
                        return;
                    }
                    if let Some(pulse) = pulse.upgrade() {
                        pulse.beat();
                    }
                }
                // The reading side learns of it too, and tells.
                Err(_) => return,
            }
        }
    }
    let mut to_peer = to_peer;
    let _ = to_peer.shutdown().await;
}

/// Cuts the connection when no sign of life comes, until the stream is dropped.
async fn watch(socket: TcpStream, idle: Duration, pulse: Weak<Pulse>) {
    loop {
        tokio::time::sleep(idle / 8).await;
        let Some(pulse) = pulse.upgrade() else {
            return;
        };
        if pulse.is_lost(idle) {
            // Fails only where the connection has gone already.
            let _ = socket.shutdown(Shutdown::Both);
            return;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.incoming).poll_read(context, buffer);
        if polled.is_ready() {
            self.pulse.beat();
        }
        let waiting = polled.is_pending();
        self.pulse.waiting.store(waiting, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.outgoing).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_shutdown(context)
    }
}
