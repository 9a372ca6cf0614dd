use std::fmt;
use std::str::FromStr;

use super::id::digit;

/// The fewest digits of an abbreviated id.
const MIN_DIGITS: usize = 4;

/// The first digits of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    bytes: [u8; 32],
    digits: usize,
}

/// Text that does not abbreviate an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// It has fewer digits than an abbreviation needs.
    #[error("an id is abbreviated to at least {MIN_DIGITS} digits")]
    Short,
    /// It has more than an id has, or others than hexadecimal ones.
    #[error("not the start of an id")]
    NotHex,
}

impl IdPrefix {
    /// Whether the id with these bytes starts with this prefix.
    pub fn matches(&self, id: &[u8; 32]) -> bool {
        let whole = self.digits / 2;
        id[..whole] == self.bytes[..whole]
            && (self.digits.is_multiple_of(2) || id[whole] >> 4 == self.bytes[whole] >> 4)
    }

    /// The smallest id that can match: the digits, then zeros.
    pub fn first(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl FromStr for IdPrefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        if text.len() > 64 {
            return Err(PrefixError::NotHex);
        }
        let mut bytes = [0; 32];
        for (at, &character) in text.as_bytes().iter().enumerate() {
            let nibble = digit(character.to_ascii_lowercase()).map_err(|_| PrefixError::NotHex)?;
            bytes[at / 2] |= if at.is_multiple_of(2) {
                nibble << 4
            } else {
                nibble
            };
        }
        if text.len() < MIN_DIGITS {
            return Err(PrefixError::Short);
        }
        Ok(Self {
            bytes,
            digits: text.len(),
        })
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nibble = |at: usize| {
            if at.is_multiple_of(2) {
                self.bytes[at / 2] >> 4
            } else {
                self.bytes[at / 2] & 15
            }
        };
        (0..self.digits).try_for_each(|at| write!(f, "{:x}", nibble(at)))
    }
}
