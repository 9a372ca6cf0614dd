use std::fmt;
use std::str::FromStr;

/// The longest list that is looked at, in bytes.
const MAX_LIST: usize = 4096;

/// Patterns as OpenSSH has them (`ssh_config(5)`, PATTERNS): separated by commas, `*` for any
/// characters, `?` for one; an exclamation mark in front makes a pattern exclude.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternList(String);

/// Text that no list of patterns is: empty, too long, with white space, control characters,
/// quotes, or an empty pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a list of patterns: \"{}\"", .0.escape_default())]
pub struct PatternError(pub String);

impl PatternList {
    /// Whether `text` fits one of the patterns and none of those that exclude.
    pub fn matches(&self, text: &str) -> bool {
        let mut found = false;
        for pattern in self.0.split(',') {
            match pattern.strip_prefix('!') {
                Some(excluded) if fits(excluded.as_bytes(), text.as_bytes()) => return false,
                Some(_) => {}
                None => found |= fits(pattern.as_bytes(), text.as_bytes()),
            }
        }
        found
    }

    /// The list as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PatternList {
    type Err = PatternError;

    fn from_str(list: &str) -> Result<Self, PatternError> {
        let strange = |c: char| c.is_control() || c.is_whitespace() || c == '"' || c == '\\';
        let empty = |pattern: &str| pattern.is_empty() || pattern == "!";
        // A `#` in front would make the line a comment.
        let refused = list.len() > MAX_LIST
            || list.starts_with('#')
            || list.contains(strange)
            || list.split(',').any(empty);
        if refused {
            return Err(PatternError(list.chars().take(80).collect()));
        }
        Ok(Self(list.to_owned()))
    }
}

impl fmt::Display for PatternList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one pattern fits the whole text. Only the last star is ever tried again, so the time
/// is at most the product of the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, start)) = retry else {
                    return false;
                };
                retry = Some((after_star, start + 1));
                (p, t) = (after_star, start + 1);
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(list: &str, text: &str) -> bool {
        list.parse::<PatternList>().expect("a list").matches(text)
    }

    #[test]
    fn stars_and_question_marks_stand_for_what_they_do_in_openssh() {
        assert!(matches("laptop", "laptop"));
        assert!(!matches("laptop", "Laptop"));
        assert!(matches("*", ""));
        assert!(matches("*@example.com", "me@example.com"));
        assert!(matches("a*b*c", "aXbXbc"));
        assert!(!matches("a*b*c", "aXbXcX"));
        assert!(matches("?ap*", "lap"));
        assert!(!matches("?", ""));
    }

    #[test]
    fn an_exclusion_wins_and_alone_matches_nothing() {
        assert!(matches("*,!root", "me"));
        assert!(!matches("*,!root", "root"));
        assert!(!matches("!root,*", "root"));
        assert!(!matches("!root", "me"));
    }

    #[test]
    fn a_list_is_one_word_without_gaps() {
        for list in ["", ",", "a,", "a,,b", "!", "a b", "a\"b", "#a", "a\u{1b}"] {
            assert!(list.parse::<PatternList>().is_err(), "{list}");
        }
        assert!("x".repeat(MAX_LIST + 1).parse::<PatternList>().is_err());
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!matches(&"*a".repeat(2000), &"a".repeat(1999)));
    }
}
