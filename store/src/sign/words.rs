//! The words of an `allowed_signers` line: quoting, options, times.

use crate::time::{Timestamp, civil_from_days, days_from_civil};

/// The first word, in which white space between double quotes does not count, and what follows.
pub(super) fn word(text: &str) -> (&str, &str) {
    let mut quotes = Quotes::default();
    let end = text.find(|c: char| !quotes.inside(c) && (c == ' ' || c == '\t'));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_ascii_start())
}

/// What follows a key's two words, as it can be written again.
pub(super) fn comment(key: &str) -> String {
    let comment = word(word(key).1).1;
    comment.replace(char::is_control, " ").trim().to_owned()
}

/// Options end at commas outside of double quotes. An empty one stays, to be refused.
pub(super) fn split_options(options: &str) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    options.split(move |c| !quotes.inside(c) && c == ',')
}

#[derive(Default)]
struct Quotes {
    open: bool,
}

impl Quotes {
    /// Whether `c`, the next character, stands between quotes.
    fn inside(&mut self, c: char) -> bool {
        if c == '"' {
            self.open = !self.open;
        }
        self.open
    }
}

/// The text between double quotes. No value that we accept has a quote or a backslash in it.
pub(super) fn unquote(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}

/// OpenSSH takes 0 for no time at all, and knows none before it.
const FIRST: i64 = 1;

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`, if there is such a time after 1970 began.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix(['Z', 'z'])?.as_bytes();
    let fits = matches!(digits.len(), 8 | 12 | 14) && digits.iter().all(u8::is_ascii_digit);
    let digits = Some(digits).filter(|_| fits)?;
    let year = digits[..4]
        .iter()
        .fold(0, |year, digit| year * 10 + u16::from(digit - b'0'));
    let pairs = digits[4..].chunks_exact(2);
    let mut pairs = pairs.map(|pair| (pair[0] - b'0') * 10 + (pair[1] - b'0'));
    let days = days_from_civil(year, pairs.next()?, pairs.next()?)?;
    let mut clock = |limit| Some(i64::from(pairs.next().unwrap_or(0))).filter(|&n| n < limit);
    let (hours, minutes, seconds) = (clock(24)?, clock(60)?, clock(60)?);
    let time = days * 86_400 + hours * 3600 + minutes * 60 + seconds;
    (time >= FIRST).then_some(Timestamp(time))
}

/// A time in its longest form, moved to the nearest one that the format can tell.
pub(super) fn time_text(time: Timestamp) -> Option<String> {
    const LAST: i64 = 253_402_300_799;
    let time = time.0.clamp(FIRST, LAST);
    let (year, month, day) = civil_from_days(time / 86_400)?;
    let (hours, minutes, seconds) = (time / 3600 % 24, time / 60 % 60, time % 60);
    Some(format!(
        "{year:04}{month:02}{day:02}{hours:02}{minutes:02}{seconds:02}Z"
    ))
}
