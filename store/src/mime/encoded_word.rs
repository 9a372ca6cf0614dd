//! Encoded words in headers (RFC 2047): bytes in, a character set and bytes out, or nothing.

/// The character sets that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Charset {
    #[default]
    Utf8,
    Ascii,
    Latin1,
    Windows1252,
}

/// What an encoded word says, before it is read as text.
pub(super) struct Word {
    pub(super) charset: Charset,
    pub(super) bytes: Vec<u8>,
}

impl Charset {
    /// Appends what the bytes mean.
    pub(super) fn decode(self, bytes: &[u8], text: &mut String) {
        match self {
            Self::Utf8 | Self::Ascii => text.push_str(&String::from_utf8_lossy(bytes)),
            Self::Latin1 => text.extend(bytes.iter().copied().map(char::from)),
            Self::Windows1252 => text.extend(bytes.iter().copied().map(windows_1252)),
        }
    }
}

fn windows_1252(byte: u8) -> char {
    /// 0x80 to 0x9f; what is not assigned stays the control character that it is in Latin-1.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let high = usize::from(byte).checked_sub(0x80);
    high.and_then(|at| HIGH.get(at).copied())
        .unwrap_or(char::from(byte))
}

/// Takes `=?charset?encoding?text?=` from the front of `text`; with it comes what follows.
pub(super) fn encoded_word(text: &[u8]) -> Option<(Word, &[u8])> {
    let inner = text.strip_prefix(b"=?")?;
    let (charset, inner) = split_at_mark(inner)?;
    let (encoding, inner) = split_at_mark(inner)?;
    let (encoded, after) = split_at_mark(inner)?;
    let bytes = match encoding {
        b"B" | b"b" => base64(encoded)?,
        b"Q" | b"q" => quoted(encoded)?,
        _ => return None,
    };
    let charset = charset_of(charset)?;
    let fits = charset != Charset::Ascii || bytes.is_ascii();
    fits.then_some((Word { charset, bytes }, after.strip_prefix(b"=")?))
}

/// What stands before the next question mark, and what after; white space may not come first.
fn split_at_mark(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let stop = |&byte: &u8| byte == b'?' || byte.is_ascii_whitespace();
    let at = text.iter().position(stop)?;
    (text[at] == b'?').then(|| (&text[..at], &text[at + 1..]))
}

fn charset_of(name: &[u8]) -> Option<Charset> {
    // RFC 2231 lets a language follow a star.
    let name = name.split(|&byte| byte == b'*').next()?;
    match name.to_ascii_lowercase().as_slice() {
        b"utf-8" | b"utf8" => Some(Charset::Utf8),
        b"us-ascii" | b"ascii" => Some(Charset::Ascii),
        b"iso-8859-1" | b"latin1" => Some(Charset::Latin1),
        b"windows-1252" | b"cp1252" => Some(Charset::Windows1252),
        _ => None,
    }
}

/// Base64 as senders write it: padding may be missing.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for &byte in chunk {
            bits = bits << 6 | u32::from(sextet(byte)?);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, whole @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(&whole[..chunk.len() - 1]);
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            byte => byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
