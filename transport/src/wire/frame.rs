use std::io::{self, BufReader, BufWriter, Read, Write};

use mailvc_store::codec::DecodeError;

/// The longest frame: its type and its payload, in bytes.
pub const MAX_FRAME: usize = 4 << 20;

const BUFFER: usize = 64 << 10;

/// Why the line to a peer is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Reading or writing failed.
    #[error("the connection broke")]
    Io(#[from] io::Error),
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

impl WireError {
    /// Whether the same may go well another time.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Closed)
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

    /// The next frame's type and payload. Memory grows with what arrives, not with the length
    /// that is announced. An end of the stream is [`WireError::Closed`] wherever it comes.
    pub fn take(&mut self) -> Result<(u8, Vec<u8>), WireError> {
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
                _ => WireError::Io(error),
            })
    }
}

/// Puts frames on a byte stream, and counts its bytes.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    stream: BufWriter<W>,
    bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Self {
        let stream = BufWriter::with_capacity(BUFFER, stream);
        Self { stream, bytes: 0 }
    }

    /// Adds a frame; it leaves with the next [`flush`](Self::flush) at the latest.
    pub fn put(&mut self, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        let length = payload.len() + 1;
        if length > MAX_FRAME {
            return Err(WireError::TooLong(payload.len()));
        }
        self.stream.write_all(&(length as u32).to_le_bytes())?;
        self.stream.write_all(&[kind])?;
        self.stream.write_all(payload)?;
        self.bytes += (4 + length) as u64;
        Ok(())
    }

    /// Sends what was put.
    pub fn flush(&mut self) -> Result<(), WireError> {
        Ok(self.stream.flush()?)
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
