use std::sync::OnceLock;

use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::FrameError;
use crate::object::Kind;

/// The longest dictionary, in bytes.
pub const MAX_DICTIONARY: usize = 256 << 10;

/// What a dictionary is trained to: more saved nothing on real mail.
const TRAINED: usize = 110 << 10;

/// What many messages have in common, so that a small group need not say it again.
pub struct Dictionary {
    hash: [u8; 32],
    bytes: Vec<u8>,
    decoder: DecoderDictionary<'static>,
    encoder: OnceLock<Option<EncoderDictionary<'static>>>,
}

impl Dictionary {
    /// Prepares a dictionary object's bytes for use.
    pub fn new(bytes: Vec<u8>) -> Result<Self, FrameError> {
        if bytes.len() > MAX_DICTIONARY {
            return Err(FrameError("dictionary length"));
        }
        let decoder = DecoderDictionary::try_copy(&bytes);
        Ok(Self {
            hash: Kind::Dictionary.hash(&bytes),
            decoder: decoder.map_err(|_| FrameError("dictionary"))?,
            bytes,
            encoder: OnceLock::new(),
        })
    }

    /// Trains one on samples that lie one after the other; `None` if they have too little in
    /// common.
    pub fn train(samples: &[u8], lengths: &[usize]) -> Option<Self> {
        let bytes = zstd::dict::from_continuous(samples, lengths, TRAINED).ok()?;
        Self::new(bytes).ok()
    }

    /// The hash by which the dictionary object is found.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The dictionary object's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn decoder(&self) -> &DecoderDictionary<'static> {
        &self.decoder
    }

    pub(super) fn encoder(&self, level: i32) -> Option<&EncoderDictionary<'static>> {
        let made = self
            .encoder
            .get_or_init(|| EncoderDictionary::try_copy(&self.bytes, level).ok());
        made.as_ref()
    }
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dictionary({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::{Codec, Content, Frame, Help, encode};

    fn sample(n: usize) -> Vec<u8> {
        let id = n * 7919 % 100_000;
        format!("Received: from mx{id}.example.org (mx{id}.example.org [192.0.2.{}])\nSubject: note {n}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nDear number {id}\n", n % 250).into_bytes()
    }

    #[test]
    fn a_trained_dictionary_shortens_what_is_alike() {
        let samples: Vec<_> = (0..2000).map(sample).collect();
        let lengths: Vec<_> = samples.iter().map(Vec::len).collect();
        let dictionary = Dictionary::train(&samples.concat(), &lengths).expect("alike");
        let message = sample(5000);
        let codec = Codec::Dictionary(*dictionary.hash());
        let with = encode(
            &Content::Group,
            codec,
            &message,
            Help::Dictionary(&dictionary),
        );
        let without = encode(&Content::Group, Codec::Zstd, &message, Help::None);
        assert!(
            with.len() < without.len(),
            "{} {}",
            with.len(),
            without.len()
        );
        let frame = Frame::parse(&with).expect("ours");
        let plain = frame.plain(Help::Dictionary(&dictionary));
        assert_eq!(plain.expect("with it"), message);
        assert!(frame.plain(Help::None).is_err());
    }

    #[test]
    fn bytes_that_are_no_dictionary_are_refused() {
        let posing = [0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert!(Dictionary::new(posing.to_vec()).is_err());
        assert!(Dictionary::new(vec![0; MAX_DICTIONARY + 1]).is_err());
        assert!(Dictionary::train(b"ab", &[1, 1]).is_none());
    }
}
