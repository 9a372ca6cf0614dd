//! Header text for people's eyes. What comes out is safe on a terminal, whatever went in.

use std::fmt::Write as _;

use super::encoded_word::{Charset, Word, encoded_word};

/// Makes a header's raw bytes readable: encoded words (RFC 2047) in UTF-8, US-ASCII, ISO-8859-1
/// and Windows-1252 are decoded, others and broken ones are shown as they stand; bytes that are no
/// UTF-8 become U+FFFD. The result went through [`printable`].
pub fn display(raw: &[u8]) -> String {
    let mut text = String::new();
    let mut pending = Pending::default();
    let mut rest = raw;
    while let Some(at) = find(rest, b"=?") {
        let (before, start) = rest.split_at(at);
        let Some((word, after)) = encoded_word(start) else {
            pending.flush(&mut text);
            text.push_str(&String::from_utf8_lossy(&rest[..at + 2]));
            rest = &rest[at + 2..];
            continue;
        };
        // White space between two encoded words is not shown (section 6.2).
        if pending.is_empty() || !before.iter().all(u8::is_ascii_whitespace) {
            pending.flush(&mut text);
            text.push_str(&String::from_utf8_lossy(before));
        }
        pending.push(word, &mut text);
        rest = after;
    }
    pending.flush(&mut text);
    text.push_str(&String::from_utf8_lossy(rest));
    printable(&text)
}

/// Replaces all that a terminal would obey, or that makes text look like other text: control
/// characters, line separators, bidirectional controls, invisible tags. A tab becomes a space;
/// the others become `\u{…}`.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => safe.push(' '),
            c if c.is_control() || is_deceptive(c) => {
                // Writing to a string cannot fail.
                let _ = write!(safe, "{}", c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The bytes of adjacent encoded words of one character set: senders split characters between
/// them.
#[derive(Default)]
struct Pending {
    charset: Charset,
    bytes: Vec<u8>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn push(&mut self, mut word: Word, text: &mut String) {
        if self.charset != word.charset {
            self.flush(text);
            self.charset = word.charset;
        }
        self.bytes.append(&mut word.bytes);
    }

    fn flush(&mut self, text: &mut String) {
        self.charset.decode(&self.bytes, text);
        self.bytes.clear();
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(raw: &str, expected: &str) {
        assert_eq!(display(raw.as_bytes()), expected);
    }

    #[test]
    fn encoded_words_are_decoded() {
        shows("=?UTF-8?Q?Gr=C3=BC=C3=9Fe_!?=", "Grüße !");
        shows("=?utf-8*de?b?R3LDvMOfZQ==?= x", "Grüße x");
        shows("a =?iso-8859-1?q?=E9?= b", "a é b");
        shows("=?Windows-1252?Q?=80=93?=", "€“");
        shows("=?us-ascii?B?aGk?=", "hi");
    }

    #[test]
    fn a_character_split_between_two_words_is_whole_again() {
        shows("=?utf-8?B?w7w=?= \t=?utf-8?B?w58=?=", "üß");
        shows("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü");
        shows("=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?=", "aé");
        shows("=?utf-8?Q?a?= - =?utf-8?Q?b?=", "a - b");
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_as_it_stands() {
        for raw in [
            "=?koi8-r?B?8NLJ18XU?=",
            "=?utf-8?X?a?=",
            "=?utf-8?Q?=C?=",
            "=?utf-8?B?a*b?=",
            "=?utf-8?B?a b?=",
            "=?utf-8?Q?open",
            "=?=?=?",
            "=?us-ascii?Q?=E9?=",
        ] {
            shows(raw, raw);
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        shows("a\x1b[31mb\x07\tc\r\n", "a\\u{1b}[31mb\\u{7} c\\u{d}\\u{a}");
        shows("=?utf-8?Q?=1B]0;x=07?=", "\\u{1b}]0;x\\u{7}");
        shows("=?iso-8859-1?Q?=9B31m?=", "\\u{9b}31m");
        shows("exe.\u{202e}txt", "exe.\\u{202e}txt");
        assert_eq!(display(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn any_bytes_give_printable_text() {
        let mut seed = 7u64;
        for _ in 0..20_000 {
            let mut raw = Vec::new();
            for _ in 0..24 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let alphabet = b"=?=?BQ_utf-8 \x1b\xc3\xbc\nA?=";
                raw.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            assert!(!display(&raw).chars().any(char::is_control));
        }
    }
}
