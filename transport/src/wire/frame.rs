use std::io::{self, BufReader, Read, Write};

use mailvc_store::codec::DecodeError;

/// The longest frame: its type and its payload, in bytes.
pub const MAX_FRAME: usize = 4 << 20;

/// A whole frame that says nothing but that its sender lives. It may stand between any two others.
pub const ALIVE: [u8; 5] = [1, 0, 0, 0, ALIVE_TYPE];

const ALIVE_TYPE: u8 = 14;

const BUFFER: usize = 64 << 10;

/// Why the line to a peer is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Reading or writing failed.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// The peer gave no sign of life for too long.
    #[error("the other end has stopped answering")]
    Silent(#[source] io::Error),
    /// The peer ended the connection before the session was over.
    #[error("the other end closed the connection early")]
    Closed,
    /// What came is no frame. A login script that prints something looks like this.
    #[error("the other end does not speak mailvc's protocol (a frame of {0} bytes)")]
    Length(u32),
    /// A frame of a type that this version doesn't know.
    #[error("the other end sent a frame of unknown type {0}")]
    UnknownType(u8),
    /// A frame whose payload isn't what its type asks for.
    #[error("the other end sent a malformed message")]
    Malformed(#[from] DecodeError),
    /// What was to be sent doesn't fit into a frame.
    #[error("a message of {0} bytes is longer than the protocol allows")]
    TooLong(usize),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Silent(error),
            _ => Self::Io(error),
        }
    }
}

impl WireError {
    /// Whether the same may go well another time.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Silent(_) | Self::Closed)
    }
}

/// Takes frames from a byte stream, and counts its bytes.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: BufReader<R>,
    bytes: u64,
}

impl<R: Read> FrameReader<R> {
    /// Reads from `stream`, which nobody else may read from now on.
    pub fn new(stream: R) -> Self {
        let stream = BufReader::with_capacity(BUFFER, stream);
        Self { stream, bytes: 0 }
    }

    /// The next frame's type and payload; signs of life are passed over. Memory grows with what
    /// arrives, not with the length that is announced. An end of the stream is
    /// [`WireError::Closed`] wherever it comes.
    pub fn take(&mut self) -> Result<(u8, Vec<u8>), WireError> {
        loop {
            let (kind, payload) = self.next()?;
            if (kind, payload.as_slice()) != (ALIVE_TYPE, &[]) {
                return Ok((kind, payload));
            }
        }
    }

    fn next(&mut self) -> Result<(u8, Vec<u8>), WireError> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let [a, b, c, d, kind] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let payload = match (length as usize).checked_sub(1) {
            Some(payload) if payload < MAX_FRAME => payload,
            _ => return Err(WireError::Length(length)),
        };
        let mut bytes = Vec::new();
        let read = (&mut self.stream)
            .take(payload as u64)
            .read_to_end(&mut bytes)?;
        self.bytes += (head.len() + read) as u64;
        if read == payload {
            Ok((kind, bytes))
        } else {
            Err(WireError::Closed)
        }
    }

    /// How many bytes of frames were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn fill(&mut self, head: &mut [u8]) -> Result<(), WireError> {
        self.stream
            .read_exact(head)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => WireError::Closed,
                _ => error.into(),
            })
    }
}

/// Puts frames on a byte stream, and counts its bytes. Whole frames are written at a time, so that
/// there may be something in between.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    stream: W,
    waiting: Vec<u8>,
    bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Self {
        let waiting = Vec::new();
        Self {
            stream,
            waiting,
            bytes: 0,
        }
    }

    /// Adds a frame; it leaves with the next [`flush`](Self::flush) at the latest.
    pub fn put(&mut self, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        let length = payload.len() + 1;
        if length > MAX_FRAME {
            return Err(WireError::TooLong(payload.len()));
        }
        self.waiting.extend((length as u32).to_le_bytes());
        self.waiting.push(kind);
        self.waiting.extend(payload);
        self.bytes += (4 + length) as u64;
        if self.waiting.len() >= BUFFER {
            self.write()?;
        }
        Ok(())
    }

    /// Sends what was put.
    pub fn flush(&mut self) -> Result<(), WireError> {
        self.write()?;
        Ok(self.stream.flush()?)
    }

    fn write(&mut self) -> Result<(), WireError> {
        let written = self.stream.write_all(&self.waiting);
        self.waiting.clear();
        Ok(written?)
    }

    /// How many bytes of frames were put.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pairs: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        for (kind, payload) in pairs {
            writer.put(*kind, payload).expect("fits");
        }
        writer.flush().expect("flush");
        drop(writer);
        bytes
    }

    #[test]
    fn frames_come_out_as_they_were_put() {
        let bytes = frames(&[(1, b"abc"), (2, b"")]);
        assert_eq!(bytes, b"\x04\0\0\0\x01abc\x01\0\0\0\x02");
        let mut reader = FrameReader::new(&bytes[..]);
        assert_eq!(reader.take().expect("first"), (1, b"abc".to_vec()));
        assert_eq!(reader.take().expect("second"), (2, Vec::new()));
        assert!(matches!(reader.take(), Err(WireError::Closed)));
        assert_eq!(reader.bytes(), bytes.len() as u64);
    }

    #[test]
    fn signs_of_life_are_passed_over_wherever_they_stand() {
        assert_eq!(ALIVE, *b"\x01\0\0\0\x0e");
        let mut bytes = ALIVE.to_vec();
        bytes.extend(frames(&[(1, b"abc"), (ALIVE_TYPE, b""), (2, b"")]));
        bytes.extend(ALIVE);
        let mut reader = FrameReader::new(&bytes[..]);
        assert_eq!(reader.take().expect("first"), (1, b"abc".to_vec()));
        assert_eq!(reader.take().expect("second"), (2, Vec::new()));
        assert!(matches!(reader.take(), Err(WireError::Closed)));
    }

    #[test]
    fn a_sign_of_life_says_nothing() {
        let bytes = frames(&[(ALIVE_TYPE, b"!")]);
        let (kind, payload) = FrameReader::new(&bytes[..]).take().expect("a frame");
        assert!(crate::wire::Message::decode(kind, payload).is_err());
    }

    #[test]
    fn what_is_written_is_whole_frames() {
        struct Pieces(Vec<usize>);
        impl Write for Pieces {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let mut reader = FrameReader::new(bytes);
                while reader.take().is_ok() {}
                assert_eq!(reader.bytes(), bytes.len() as u64);
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut pieces = Pieces(Vec::new());
        let mut writer = FrameWriter::new(&mut pieces);
        for length in (0..BUFFER * 3).step_by(9973) {
            writer.put(7, &vec![0; length]).expect("put");
        }
        writer.flush().expect("flush");
        drop(writer);
        assert!(pieces.0.len() > 2);
    }

    #[test]
    fn a_cut_at_any_byte_is_a_closed_connection() {
        let bytes = frames(&[(1, b"abc")]);
        for end in 0..bytes.len() {
            let cut = FrameReader::new(&bytes[..end]).take();
            assert!(matches!(cut, Err(WireError::Closed)), "cut at {end}");
        }
    }

    #[test]
    fn lengths_that_no_frame_has_are_refused() {
        for length in [0, MAX_FRAME as u32 + 1, u32::from_le_bytes(*b"Last")] {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend_from_slice(b"login: yesterday");
            let refused = FrameReader::new(&bytes[..]).take();
            assert!(matches!(refused, Err(WireError::Length(_))));
        }
        let long = vec![0; MAX_FRAME];
        let refused = FrameWriter::new(Vec::new()).put(1, &long);
        assert!(matches!(refused, Err(WireError::TooLong(_))));
    }
}
