//! The last of what a remote program wrote to standard error: bounded, and safe on a terminal.

/// How much is kept, in bytes.
const KEPT: usize = 8 * 1024;

/// The end of a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// Takes what came next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * KEPT {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let over = self.0.len().saturating_sub(KEPT);
        self.0.drain(..over);
    }

    /// The text, with everything escaped that a terminal might obey.
    pub(super) fn into_text(mut self) -> String {
        self.trim();
        printable(&String::from_utf8_lossy(&self.0))
    }
}

fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // Marks that turn the direction of writing can make a text read as another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_bounded() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'a'; 1000]);
        }
        tail.push(b"the end");
        let text = tail.into_text();
        assert!(text.ends_with("the end"));
        assert_eq!(text.len(), KEPT);
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let mut tail = Tail::default();
        tail.push(b"a\x1b[2Jb\r\nc\n");
        assert_eq!(tail.into_text(), "a\\u{1b}[2Jb\nc");
    }
}
