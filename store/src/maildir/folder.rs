use std::fmt;
use std::sync::Arc;

/// The longest portable path, in bytes.
const MAX_PATH: usize = 1024;

/// A folder's path, the same on every device: components joined by `/`, none of them empty, `.`
/// or `..`, any bytes but NUL within. The Maildir's root, where new mail arrives, is the empty
/// path. How a path is spelled on disk is the business of [`Layout`](super::Layout).
///
/// Clones share the bytes: each of many messages may name its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FolderPath(Arc<[u8]>);

/// A path that no folder can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a folder path: {}", .0.escape_ascii())]
pub struct FolderPathError(pub Vec<u8>);

impl FolderPath {
    /// The Maildir's own `cur` and `new`.
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks a portable path that came from elsewhere.
    pub fn new(path: &[u8]) -> Result<Self, FolderPathError> {
        let bad = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
        let whole = path.len() <= MAX_PATH && !path.contains(&0);
        if whole && (path.is_empty() || !path.split(|&byte| byte == b'/').any(bad)) {
            Ok(Self(path.into()))
        } else {
            Err(FolderPathError(path.to_vec()))
        }
    }

    /// Whether this is the Maildir's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The portable bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The components from the outermost in; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
    }
}

/// As people read it: `INBOX` for the root, bytes that a terminal might obey escaped.
impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("INBOX");
        }
        let printable = |c: char| !c.is_control() && !is_deceptive(c);
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.chars().all(printable) => f.write_str(text),
            _ => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

/// Characters that reorder or hide text, so that a path would be read as another.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_read_as_another_is_shown_escaped() {
        let show = |path: &str| FolderPath::new(path.as_bytes()).map(|path| path.to_string());
        assert_eq!(show("Grüße/x").as_deref(), Ok("Grüße/x"));
        assert_eq!(show("").as_deref(), Ok("INBOX"));
        assert_eq!(show("a\u{202e}b").as_deref(), Ok(r"a\xe2\x80\xaeb"));
        assert_eq!(show("a\x1b[0m").as_deref(), Ok(r"a\x1b[0m"));
    }

    #[test]
    fn a_path_that_leads_out_of_the_maildir_is_none() {
        for path in [
            "..", ".", "../x", "a/../b", "a/.", "/", "/etc", "a//b", "a/", "a\0b",
        ] {
            let refused = FolderPath::new(path.as_bytes());
            assert_eq!(
                refused,
                Err(FolderPathError(path.as_bytes().to_vec())),
                "{path:?}"
            );
        }
        assert!(FolderPath::new(&[b'a'; MAX_PATH + 1]).is_err());
        for path in ["", "a", "...", "a/b", "..a", "cur"] {
            assert!(FolderPath::new(path.as_bytes()).is_ok(), "{path:?}");
        }
    }
}
