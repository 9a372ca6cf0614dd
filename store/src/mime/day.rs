use super::header::Fields;
use crate::time::days_from_civil;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The day under which a message is filed: days since 1970-01-01, or 0 where the message names
/// none. `head` is the message, or at least its first [`HEAD`](super::HEAD) bytes.
///
/// The rule, byte by byte, for it is part of every folder tree's shape:
///
/// 1. Only the first 65,536 bytes count; what they cut is taken as it then stands.
/// 2. Lines end with LF, a CR before it included. The header ends at the first empty line.
/// 3. The first line that starts with `Date:`, ASCII letters in either case, counts, and no
///    other, with the lines after it that start with a space or a tab; their ends are taken out.
/// 4. In it counts the leftmost match of `[0-9]{1,2}[ \t]+(Jan|Feb|…|Dec)[ \t]+[0-9]{4}`, letters
///    in either case, whatever stands before or after it. No time and no zone is read.
/// 5. If that is a date of the Gregorian calendar and 1 to 65,535 days after 1970-01-01, it is
///    the day. In every other case the day is 0.
pub fn day(head: &[u8]) -> u16 {
    let field = Fields::of(head).find_map(|field| field.value("Date"));
    let date = field.and_then(|value| first_date(&value));
    date.and_then(|(year, month, day)| days_from_civil(year, month, day))
        .and_then(|days| u16::try_from(days).ok())
        .unwrap_or(0)
}

/// The leftmost match, as year, month and day. A match holds exactly one month's name after its
/// first digits, so starting anew at each digit costs no more than the white space behind it.
fn first_date(value: &[u8]) -> Option<(u16, u8, u8)> {
    let mut at = 0;
    while at < value.len() {
        let digits = digits(&value[at..]);
        if digits > 0 {
            // Only the last two digits of a run can have white space behind them.
            let start = at + digits.saturating_sub(2);
            if let Some(date) = date_at(&value[start..]) {
                return Some(date);
            }
        }
        at += digits.max(1);
    }
    None
}

fn date_at(text: &[u8]) -> Option<(u16, u8, u8)> {
    let (day, rest) = text.split_at(digits(text));
    let (month, rest) = blanks(rest)?.split_at_checked(3)?;
    let (year, _) = blanks(rest)?.split_at_checked(4)?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let whole = digits(year) == 4;
    whole.then(|| (number(year), month as u8 + 1, number(day) as u8))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// What follows at least one space or tab.
fn blanks(text: &[u8]) -> Option<&[u8]> {
    let blank = |&&byte: &&u8| byte == b' ' || byte == b'\t';
    let count = text.iter().take_while(blank).count();
    (count > 0).then(|| &text[count..])
}

/// The value of at most four digits.
fn number(digits: &[u8]) -> u16 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::super::HEAD;
    use super::*;

    /// Heads and their days, computed by another program: the rule's regular expression and
    /// calendar are Python's. Lines are `head TAB day`, with `\n`, `\r`, `\t`, `\\`, `\xHH`.
    const GOLDEN: &str = include_str!("golden_dates.txt");

    fn unescape(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let (byte, length) = match rest.as_bytes()[at + 1] {
                b'n' => (b'\n', 2),
                b'r' => (b'\r', 2),
                b't' => (b'\t', 2),
                b'\\' => (b'\\', 2),
                _ => (
                    u8::from_str_radix(&rest[at + 2..at + 4], 16).expect("hex"),
                    4,
                ),
            };
            bytes.push(byte);
            rest = &rest[at + length..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    #[test]
    fn golden_days_never_change() {
        let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for line in lines {
            let (head, expected) = line.split_once('\t').expect("a tab");
            assert_eq!(day(&unescape(head)).to_string(), expected, "{head}");
            count += 1;
        }
        assert!(count >= 200, "{count}");
    }

    #[test]
    fn what_the_64_kib_cut_is_taken_as_it_stands() {
        let date = b"\nDate: 2 Jan 1970";
        let mut head = vec![b'x'; HEAD - date.len()];
        head.extend_from_slice(date);
        assert_eq!(day(&head), 1);
        head.extend_from_slice(b" and a body\n");
        assert_eq!(day(&head), 1);
        head.insert(0, b'x');
        assert_eq!(day(&head), 0);
    }

    #[test]
    fn a_long_field_of_digits_and_blanks_is_read_in_linear_time() {
        let mut head = b"Date: ".to_vec();
        head.extend(b"1 ".repeat(HEAD / 2));
        assert_eq!(day(&head), 0);
        head.truncate(6);
        head.extend(b"1".repeat(HEAD));
        assert_eq!(day(&head), 0);
    }
}
