//! Canonical bytes: the one reader and the one writer under every format of ours.
//!
//! Integers are minimal LEB128 varints or fixed little-endian; lengths stand before what they
//! measure; nothing may follow the last field. A value has exactly one encoding, so that equal
//! values have equal ids.
//!
//! This module must never allocate by a length it has not yet checked against the bytes at hand.

mod error;

pub use error::DecodeError;

/// Collects canonical bytes.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A writer that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// Appends a number as minimal LEB128.
    pub fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    /// Appends a signed number: zigzag, then a varint.
    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.varint(((value << 1) ^ (value >> 63)) as u64)
    }

    /// Appends bytes as they are; the reader must know how many.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends the length as a varint, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).raw(bytes)
    }

    /// How many bytes were collected.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was collected so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The collected bytes.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes canonical bytes apart; every method names what it was looking for when it fails.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// An error that names `what` at the present offset.
    pub fn error(&self, what: &'static str) -> DecodeError {
        DecodeError {
            what,
            offset: self.offset,
        }
    }

    /// How many bytes were taken.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Takes `n` bytes.
    pub fn raw(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        if n > self.remaining() {
            return Err(self.error(what));
        }
        let taken = &self.bytes[self.offset..self.offset + n];
        self.offset += n;
        Ok(taken)
    }

    /// Takes `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.raw(N, what)?);
        Ok(out)
    }

    /// Takes one byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Takes a varint; one that is longer than it need be, or over 64 bits, is refused.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.error(what));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(self.error(what))
                } else {
                    Ok(value)
                };
            }
        }
        Err(self.error(what))
    }

    /// Takes a signed number.
    pub fn signed(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        let zigzag = self.varint(what)?;
        Ok(((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64))
    }

    /// Takes a varint that is at most `max`.
    pub fn bounded(&mut self, max: u64, what: &'static str) -> Result<u64, DecodeError> {
        let value = self.varint(what)?;
        if value > max {
            Err(self.error(what))
        } else {
            Ok(value)
        }
    }

    /// Takes bytes behind their length, which is at most `max`.
    pub fn bytes(&mut self, max: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let n = self.bounded(max as u64, what)?;
        self.raw(n as usize, what)
    }

    /// Ends the reading: bytes that are left over are an error.
    pub fn finish(self, what: &'static str) -> Result<(), DecodeError> {
        if self.remaining() == 0 {
            Ok(())
        } else {
            Err(self.error(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_encoding() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut writer = Writer::new();
            writer.varint(value);
            let bytes = writer.finish();
            assert_eq!(Reader::new(&bytes).varint("n"), Ok(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            let mut writer = Writer::new();
            writer.signed(value);
            assert_eq!(Reader::new(&writer.finish()).signed("n"), Ok(value));
        }
        assert!(Reader::new(&[0x80, 0x00]).varint("padded").is_err());
        assert!(Reader::new(&[0xff; 10]).varint("too long").is_err());
        assert!(Reader::new(&[0x80]).varint("cut").is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
        let mut writer = Writer::new();
        writer.varint(u64::from(u32::MAX)).raw(b"abc");
        let bytes = writer.finish();
        assert!(Reader::new(&bytes).bytes(usize::MAX, "text").is_err());
        let mut writer = Writer::new();
        writer.bytes(b"abcd");
        assert!(Reader::new(&writer.finish()).bytes(3, "text").is_err());
    }

    #[test]
    fn nothing_may_follow_the_last_field() {
        let mut reader = Reader::new(&[1, 2]);
        assert_eq!(reader.u8("first"), Ok(1));
        assert_eq!(
            reader.finish("end"),
            Err(DecodeError {
                what: "end",
                offset: 1
            })
        );
    }
}
