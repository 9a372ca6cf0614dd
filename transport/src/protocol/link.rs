use std::io::{self, Read, Write};

use mailvc_store::progress::Progress;

use super::{Device, ProtocolError, SessionError};
use crate::wire::{ErrorCode, FrameReader, FrameWriter, Message, WireError};

/// The line to a peer: messages in, messages out.
#[derive(Debug)]
pub(super) struct Link<R, W: Write> {
    reader: FrameReader<R>,
    writer: FrameWriter<W>,
}

impl<R: Read, W: Write> Link<R, W> {
    pub(super) fn new((reader, writer): (R, W)) -> Self {
        Self {
            reader: FrameReader::new(reader),
            writer: FrameWriter::new(writer),
        }
    }

    /// The next message; a peer's error is one here.
    pub(super) fn receive(&mut self) -> Result<Message, SessionError> {
        let (kind, payload) = self.reader.take()?;
        match Message::decode(kind, payload)? {
            Message::Error { code, text } => Err(SessionError::Told { code, text }),
            message => Ok(message),
        }
    }

    /// Adds a message to the flight.
    pub(super) fn send(&mut self, message: Message) -> Result<(), SessionError> {
        let (kind, payload) = message.encode();
        Ok(self.writer.put(kind, &payload)?)
    }

    /// Lets the flight go; after that, only reading is allowed.
    pub(super) fn flush(&mut self) -> Result<(), SessionError> {
        Ok(self.writer.flush()?)
    }

    pub(super) fn bytes_received(&self) -> u64 {
        self.reader.bytes()
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.writer.bytes()
    }

    /// Tells the peer that the session is over. If it is gone, it is not told.
    pub(super) fn refuse(&mut self, code: ErrorCode, text: String) {
        // The peer may be writing, but a pipe that nobody has written to holds this much.
        let _ = self.send(Message::Error { code, text });
        let _ = self.flush();
    }

    /// Ends a session that failed: tells the peer, or finds out what the peer had to tell.
    pub(super) fn conclude<D: Device>(
        &mut self,
        error: ProtocolError<D::Error>,
    ) -> ProtocolError<D::Error> {
        match &error {
            ProtocolError::Session(SessionError::Told { .. }) => error,
            ProtocolError::Session(SessionError::Wire(WireError::Io(broken))) => {
                // A peer that hung up while this end was writing left its reason behind.
                let hung_up = broken.kind() == io::ErrorKind::BrokenPipe;
                match hung_up.then(|| self.receive()) {
                    Some(Err(told @ SessionError::Told { .. })) => told.into(),
                    _ => error,
                }
            }
            _ => {
                let (code, text) = match &error {
                    ProtocolError::Session(error) => error.told(),
                    ProtocolError::Device(error) => (D::code(error), error.to_string()),
                };
                self.refuse(code, text);
                error
            }
        }
    }
}

/// An error, where somebody asked to stop.
pub(super) fn go_on(progress: &dyn Progress) -> Result<(), SessionError> {
    if progress.cancelled() {
        Err(SessionError::Cancelled)
    } else {
        Ok(())
    }
}

/// The error of a message that came out of turn.
pub(super) fn out_of_turn(expected: &'static str, got: &Message) -> SessionError {
    let got = got.name();
    SessionError::OutOfTurn { expected, got }
}
