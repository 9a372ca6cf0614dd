use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use super::ROOM;
use super::pulse::{Channel, Pulse, State};

/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// What comes from the peer.
#[derive(Debug)]
pub struct Listener {
    channel: Arc<Channel>,
    pulse: Arc<Pulse>,
}

/// Begins to read: also while nobody here listens, since that the peer lives must be heard then.
pub(super) fn listen<R>(reader: R, pulse: &Arc<Pulse>) -> io::Result<Listener>
where
    R: Read + Send + 'static,
{
    let channel = Arc::new(Channel::default());
    let listener = Listener {
        channel: Arc::clone(&channel),
        pulse: Arc::clone(pulse),
    };
    let pulse = Arc::clone(pulse);
    thread::Builder::new()
        .name("listen".to_owned())
        .spawn(move || take_in(reader, &channel, &pulse))?;
    Ok(listener)
}

fn take_in(mut reader: impl Read, channel: &Channel, pulse: &Pulse) {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match reader.read(&mut piece) {
            Ok(count @ 1..) => count,
            Ok(0) => return channel.change(|state| state.ended = Some(Ok(()))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return channel.change(|state| state.ended = Some(Err(error.kind()))),
        };
        pulse.beat();
        let mut state = channel.lock();
        while state.bytes.len() > ROOM && !state.closed {
            state = channel.sleep(state, None).0;
        }
        drop(state);
        channel.change(|state| {
            // What nobody wants any more is thrown away, so that the peer can come to its end.
            if !state.closed {
                state.bytes.extend(piece.get(..count).unwrap_or_default());
            }
        });
    }
}

impl Read for Listener {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = |state: &State| !state.bytes.is_empty() || state.ended.is_some();
        let mut state = self.pulse.wait(&self.channel, ready)?;
        if let (true, Some(Err(kind))) = (state.bytes.is_empty(), state.ended) {
            return Err(kind.into());
        }
        let count = state.bytes.read(out)?;
        drop(state);
        self.channel.change(|_| {});
        Ok(count)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.channel.change(|state| {
            state.closed = true;
            state.bytes.clear();
        });
    }
}
