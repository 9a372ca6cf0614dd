use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::ROOM;
use super::pulse::{Channel, Pulse, State};
use crate::wire::ALIVE;

/// What goes to the peer.
#[derive(Debug)]
pub struct Speaker {
    channel: Arc<Channel>,
    pulse: Arc<Pulse>,
}

/// Begins to write, and breathes where there is nothing to write for as long as `breath`.
pub(super) fn speak<W>(writer: W, pulse: &Arc<Pulse>, breath: Duration) -> io::Result<Speaker>
where
    W: Write + Send + 'static,
{
    let channel = Arc::new(Channel::default());
    let speaker = Speaker {
        channel: Arc::clone(&channel),
        pulse: Arc::clone(pulse),
    };
    thread::Builder::new()
        .name("speak".to_owned())
        .spawn(move || {
            let ended = give_out(writer, &channel, breath).map_err(|error| error.kind());
            channel.change(|state| {
                state.busy = false;
                state.ended = Some(ended);
            });
        })?;
    Ok(speaker)
}

/// Writes until nothing more is to be; then the writer is gone, too.
fn give_out(mut writer: impl Write, channel: &Channel, breath: Duration) -> io::Result<()> {
    loop {
        let mut state = channel.lock();
        let mut late = false;
        while state.bytes.is_empty() && !state.closed && !late {
            (state, late) = channel.sleep(state, Some(breath));
        }
        if state.bytes.is_empty() && state.closed {
            return Ok(());
        }
        let bytes = std::mem::take(&mut state.bytes);
        state.busy = true;
        drop(state);
        channel.change(|_| {});
        let (first, second) = bytes.as_slices();
        if bytes.is_empty() {
            writer.write_all(&ALIVE)?;
        }
        writer.write_all(first)?;
        writer.write_all(second)?;
        writer.flush()?;
        channel.change(|state| state.busy = false);
    }
}

impl Speaker {
    /// Waits, and fails where the line has.
    fn wait(&self, ready: impl Fn(&State) -> bool) -> io::Result<()> {
        let ready = |state: &State| state.ended.is_some() || ready(state);
        match self.pulse.wait(&self.channel, ready)?.ended {
            None => Ok(()),
            Some(ended) => Err(ended.err().unwrap_or(io::ErrorKind::BrokenPipe).into()),
        }
    }
}

impl Write for Speaker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|state| state.bytes.len() < ROOM)?;
        self.channel.change(|state| state.bytes.extend(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait(|state| state.bytes.is_empty() && !state.busy)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // A peer that takes nothing more, or is silent, gets no more.
        if self.flush().is_err() {
            self.channel.lock().bytes.clear();
        }
        self.channel.change(|state| state.closed = true);
        drop(
            self.pulse
                .wait(&self.channel, |state| state.ended.is_some()),
        );
    }
}
