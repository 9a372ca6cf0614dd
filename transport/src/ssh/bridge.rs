//! Between an SSH channel, which is asynchronous, and readers and writers that block. Serves both
//! ends: a client's channel and a server's.
//!
//! Must never be used from the runtime's own threads.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;

use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::stderr::Tail;
use crate::runtime::Runtime;

/// How much waits for a reader before the whole connection is held up, in bytes. russh opens its
/// window again when data arrives, not when it is read, so this is the only bound. It is more than
/// a window, so that an end that writes is not stopped by what it has yet to read.
const UNREAD: usize = 32 << 20;

/// What a piece costs beyond its own length, in bytes.
const PIECE_COST: usize = 64;

/// A piece of data with its share of `UNREAD`.
type Piece = (Vec<u8>, Option<OwnedSemaphorePermit>);

/// The number that marks standard error among a channel's extended data (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// How a channel ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The program's exit code.
    pub(super) code: Option<u32>,
    /// A signal ended the program.
    pub(super) signalled: bool,
    /// The other side refused what was asked of the channel.
    pub(super) refused: bool,
    /// The last of standard error.
    pub(super) stderr: Tail,
}

/// A channel cut in two, and what tells of its end.
pub(super) struct Bridge {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) ended: tokio::task::JoinHandle<Ended>,
    /// Set to throw away what nobody will read.
    pub(super) discard: watch::Sender<bool>,
}

/// Starts to carry a channel's data. `None` if the runtime is being torn down.
pub(super) fn bridge<S>(
    runtime: &Arc<Runtime>,
    (incoming, outgoing): (ChannelReadHalf, &ChannelWriteHalf<S>),
) -> Option<Bridge>
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let (data, received) = mpsc::unbounded_channel();
    let (closed, is_closed) = watch::channel(false);
    let (discard, discarded) = watch::channel(false);
    let pump = Pump {
        incoming,
        data: Some(data),
        room: Arc::new(Semaphore::new(UNREAD)),
        discarded,
    };
    let ended = runtime.spawn(async move {
        let ended = pump.run().await;
        // A writer that waits for window learns only from here that none will come.
        let _ = closed.send(true);
        ended
    })?;
    Some(Bridge {
        reader: Reader {
            received,
            piece: (Vec::new(), None),
            at: 0,
            ended: false,
        },
        writer: Writer {
            runtime: Arc::clone(runtime),
            channel: Box::pin(outgoing.make_writer()),
            closed: is_closed,
        },
        ended,
        discard,
    })
}

struct Pump {
    incoming: ChannelReadHalf,
    data: Option<mpsc::UnboundedSender<Piece>>,
    room: Arc<Semaphore>,
    discarded: watch::Receiver<bool>,
}

impl Pump {
    /// Carries data until the channel is closed or the connection lost.
    async fn run(mut self) -> Ended {
        let mut ended = Ended::default();
        while let Some(message) = self.incoming.wait().await {
            match message {
                ChannelMsg::Data { data } if !data.is_empty() => self.give(data.to_vec()).await,
                ChannelMsg::ExtendedData { data, ext: STDERR } => ended.stderr.push(&data),
                ChannelMsg::Eof => self.end(),
                ChannelMsg::ExitStatus { exit_status } => ended.code = Some(exit_status),
                ChannelMsg::ExitSignal { .. } => ended.signalled = true,
                ChannelMsg::Failure => {
                    ended.refused = true;
                    break;
                }
                ChannelMsg::Close => {
                    // A program that ended has also ended its output.
                    self.end();
                    break;
                }
                _ => {}
            }
        }
        ended
    }

    /// An empty piece is the end of the file; a queue that closes without one is a lost line.
    fn end(&mut self) {
        if let Some(data) = self.data.take() {
            // Fails only where nobody reads any more.
            let _ = data.send((Vec::new(), None));
        }
    }

    async fn give(&mut self, piece: Vec<u8>) {
        let Some(data) = &self.data else { return };
        let cost = (piece.len() + PIECE_COST).min(UNREAD) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(cost);
        let given = tokio::select! {
            room = room => data.send((piece, room.ok())).is_ok(),
            () = data.closed() => false,
            _ = self.discarded.wait_for(|&discard| discard) => false,
        };
        if !given {
            self.data = None;
        }
    }
}

/// The channel's data, as it comes.
#[derive(Debug)]
pub(super) struct Reader {
    received: mpsc::UnboundedReceiver<Piece>,
    piece: Piece,
    at: usize,
    ended: bool,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && self.at == self.piece.0.len() {
            self.piece = self.received.blocking_recv().ok_or_else(lost)?;
            self.at = 0;
            self.ended = self.piece.0.is_empty();
        }
        let mut rest = self.piece.0.get(self.at..).unwrap_or_default();
        let count = rest.read(out)?;
        self.at += count;
        Ok(count)
    }
}

fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the SSH connection was lost")
}

/// Data for the channel. Dropping it ends the data.
pub(super) struct Writer {
    runtime: Arc<Runtime>,
    channel: Pin<Box<dyn AsyncWrite + Send>>,
    closed: watch::Receiver<bool>,
}

impl Writer {
    fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Pin<Box<dyn AsyncWrite + Send>>) -> io::Result<T>,
    ) -> io::Result<T> {
        let Self {
            runtime,
            channel,
            closed,
        } = self;
        let raced = async {
            tokio::select! {
                biased;
                _ = closed.wait_for(|&closed| closed) => Err(io::ErrorKind::BrokenPipe.into()),
                done = work(channel) => done,
            }
        };
        runtime
            .block_on(raced)
            .unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.run(async |channel| channel.write(bytes).await)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Fails only where the channel is gone, and then nobody waits for its end.
        let _ = self.run(async |channel| channel.shutdown().await);
    }
}
