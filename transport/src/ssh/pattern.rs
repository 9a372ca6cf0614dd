//! OpenSSH's host patterns: `*`, `?`, and `!` before a pattern that must not match.

/// Whether `pattern` covers the whole of `text`; never more than their product in steps.
pub(super) fn covers(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || text.get(t) == Some(&byte) => {
                p += 1;
                t += 1;
            }
            // A dead end: let the last star take one byte more.
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&byte| byte == b'*')
}

/// Whether a list of patterns covers `host`: one that begins with `!` and matches decides
/// against all others. Case does not count.
pub(super) fn list_covers<'a>(patterns: impl IntoIterator<Item = &'a str>, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let mut found = false;
    for pattern in patterns {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('!') {
            Some(never) if covers(never.as_bytes(), host.as_bytes()) => return false,
            Some(_) => {}
            None => found |= covers(pattern.as_bytes(), host.as_bytes()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_cover() {
        assert!(covers(b"*.example.org", b"mail.example.org"));
        assert!(covers(b"mail?", b"mail1"));
        assert!(covers(b"*", b""));
        assert!(covers(b"a*b*c", b"aXbYbZc"));
        assert!(!covers(b"mail?", b"mail"));
        assert!(!covers(b"*.example.org", b"example.org"));
    }

    #[test]
    fn many_stars_end_soon() {
        assert!(!covers(
            "*a".repeat(50).as_bytes(),
            "a".repeat(49).as_bytes()
        ));
        assert!(!covers(
            "a*".repeat(30).as_bytes(),
            "b".repeat(5000).as_bytes()
        ));
    }

    #[test]
    fn a_negated_pattern_decides() {
        assert!(list_covers(["*.org", "!bad.org"], "Good.ORG"));
        assert!(!list_covers(["*.org", "!bad.org"], "bad.org"));
        assert!(!list_covers(["!bad.org"], "good.org"));
    }
}
