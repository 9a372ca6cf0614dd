/// Text from a peer as a person may see it: at most `max` bytes, and nothing that a terminal
/// would obey. Line ends stay; other control characters, and those that turn the direction of
/// writing, become `?`.
pub fn printable(text: &str, max: usize) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let shown = if is_printable(character) || character == '\n' {
            character
        } else {
            '?'
        };
        if out.len() + shown.len_utf8() > max {
            break;
        }
        out.push(shown);
    }
    out
}

/// Whether a name consists of characters that a terminal shows and doesn't obey.
pub(super) fn is_printable_name(name: &str) -> bool {
    name.chars().all(is_printable)
}

fn is_printable(character: char) -> bool {
    let turns_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let breaks_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !turns_direction && !breaks_line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_a_peer() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\nd", 100), "a?[2Jb?c\nd");
        assert!(!is_printable_name("laptop\n"));
        assert!(is_printable_name("Büro 2"));
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(printable("ää", 3), "ä");
        assert_eq!(printable("", 0), "");
    }
}
