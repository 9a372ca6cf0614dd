use std::fmt;

use crate::codec::{DecodeError, Reader, Writer};

/// The longest info suffix that is understood, in bytes; a file name has at most 255.
const MAX_INFO: usize = 255;

/// The flags that every mail client knows, in the order in which a file name has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standard {
    /// `D`, a draft.
    Draft,
    /// `F`, flagged by the user.
    Flagged,
    /// `P`, passed on: forwarded or bounced.
    Passed,
    /// `R`, replied to.
    Replied,
    /// `S`, seen.
    Seen,
    /// `T`, in the trash: to be expunged.
    Trashed,
}

impl Standard {
    /// All of them, in the order of their letters.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Flagged,
        Self::Passed,
        Self::Replied,
        Self::Seen,
        Self::Trashed,
    ];

    /// The letter in a file name.
    pub fn letter(self) -> u8 {
        b"DFPRST"[self as usize]
    }
}

/// What follows `:2,` in a message's file name.
///
/// Letters are a sorted set, as the Maildir convention asks (`cr.yp.to/proto/maildir.html`);
/// letters that we do not know are kept, and so is what follows a comma.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags {
    /// Sorted, without repeats, none of them a comma.
    letters: Box<[u8]>,
    /// What followed the letters, from the comma on; empty where there was none.
    tail: Box<[u8]>,
}

impl Flags {
    /// No flags at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes apart what follows `:2,`.
    pub fn from_info(info: &[u8]) -> Self {
        let comma = info
            .iter()
            .position(|&byte| byte == b',')
            .unwrap_or(info.len());
        let mut flags = Self {
            letters: Box::default(),
            tail: info[comma..].into(),
        };
        flags.set_letters(info[..comma].iter().copied());
        flags
    }

    /// What is to follow `:2,`.
    pub fn to_info(&self) -> Vec<u8> {
        [&*self.letters, &*self.tail].concat()
    }

    /// The letters, sorted.
    pub fn letters(&self) -> &[u8] {
        &self.letters
    }

    /// Replaces the letters.
    pub fn set_letters(&mut self, letters: impl IntoIterator<Item = u8>) {
        let letters = letters.into_iter().filter(|&letter| letter != b',');
        let mut letters: Vec<u8> = letters.collect();
        letters.sort_unstable();
        letters.dedup();
        self.letters = letters.into();
    }

    /// What followed the letters, from its comma on.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Replaces what follows the letters; it is empty or starts with a comma.
    pub fn set_tail(&mut self, tail: &[u8]) {
        debug_assert!(tail.is_empty() || tail[0] == b',');
        self.tail = tail.into();
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: Standard) -> bool {
        self.letters.binary_search(&flag.letter()).is_ok()
    }

    /// Sets a flag, or takes it away.
    pub fn set(&mut self, flag: Standard, on: bool) {
        if self.has(flag) == on {
            return;
        }
        let others = self.letters.iter().copied();
        let others = others.filter(|&letter| letter != flag.letter());
        let letters: Vec<u8> = others.chain(on.then(|| flag.letter())).collect();
        self.set_letters(letters);
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.letters).bytes(&self.tail);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (letters, tail) = Self::skim(reader)?;
        Ok(Self {
            letters: letters.into(),
            tail: tail.into(),
        })
    }

    /// Takes the canonical bytes, and gives the letters and the tail as they lie there.
    pub(crate) fn skim<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
        let letters = reader.bytes(MAX_INFO, "flags")?;
        let tail = reader.bytes(MAX_INFO, "flags tail")?;
        let sorted = letters.windows(2).all(|pair| pair[0] < pair[1]);
        let fit = |bytes: &[u8]| !bytes.iter().any(|&byte| byte == 0 || byte == b'/');
        let tail_starts = tail.first().is_none_or(|&byte| byte == b',');
        if sorted && !letters.contains(&b',') && tail_starts && fit(letters) && fit(tail) {
            Ok((letters, tail))
        } else {
            Err(reader.error("flags"))
        }
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_info().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_from_elsewhere_that_no_file_name_can_have_are_refused() {
        for info in [&b"S/x"[..], b"S\0", b"S,../../x", b"S,\0"] {
            let mut writer = Writer::new();
            Flags::from_info(info).encode(&mut writer);
            let bytes = writer.finish();
            let refused = Flags::decode(&mut Reader::new(&bytes));
            assert!(refused.is_err(), "{}", info.escape_ascii());
        }
    }
}
