use std::fmt::{self, Write as _};

use super::words::{comment, parse_time, split_options, time_text, unquote, word};
use super::{PatternList, PublicKey, SignError};
use crate::time::Timestamp;

/// The longest file that is looked at, in bytes; some 10,000 keys.
const MAX_FILE: usize = 2 << 20;

/// An `allowed_signers` file, as `ssh-keygen -Y verify -f` reads it: whose keys count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    entries: Vec<AllowedSigner>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSigner {
    /// For whom the key speaks.
    pub principals: PatternList,
    /// The key signs certificates, not messages.
    pub cert_authority: bool,
    /// What the key may sign; anything if there is no such option.
    pub namespaces: Option<PatternList>,
    /// The key counts from this moment on.
    pub valid_after: Option<Timestamp>,
    /// The key counts up to this moment, itself included.
    pub valid_before: Option<Timestamp>,
    /// The key.
    pub key: PublicKey,
    /// What stands behind the key, for people.
    pub comment: String,
}

/// Why a file is refused: one that is half understood would trust whom it should not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedSignersError {
    /// The file is longer than any that we would read.
    #[error("longer than {MAX_FILE} bytes")]
    TooLong,
    /// A line is wrong.
    #[error("line {line}: {error}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        error: LineError,
    },
}

/// What can be wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The principals are no list of patterns.
    #[error("the principals are not a list of names without white space and quotes")]
    Principals,
    /// There is an option that we do not know, twice, or with a value that it cannot have.
    #[error("the option `{}` is unknown, given twice, or has a wrong value", .0.escape_default())]
    Option(String),
    /// A time without a `Z` means another moment in every time zone.
    #[error("`{}` is no time in UTC (YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ)", .0.escape_default())]
    Time(String),
    /// The key is none.
    #[error("{0}")]
    Key(#[from] SignError),
}

impl AllowedSigners {
    /// Reads a file. Empty lines and those that start with `#` are left out.
    pub fn parse(text: &str) -> Result<Self, AllowedSignersError> {
        if text.len() > MAX_FILE {
            return Err(AllowedSignersError::TooLong);
        }
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = AllowedSigner::parse(line);
            entries.push(entry.map_err(|error| AllowedSignersError::Line {
                line: at + 1,
                error,
            })?);
        }
        Ok(Self { entries })
    }

    /// The lines, in the file's order.
    pub fn entries(&self) -> &[AllowedSigner] {
        &self.entries
    }

    /// The first line by which `key` may sign in `namespace` at `time`.
    pub fn find(
        &self,
        key: &PublicKey,
        namespace: &str,
        time: Timestamp,
    ) -> Option<&AllowedSigner> {
        let entries = self.entries.iter().filter(|entry| entry.key == *key);
        entries
            .into_iter()
            .find(|entry| entry.allows(namespace, time))
    }
}

impl FromIterator<AllowedSigner> for AllowedSigners {
    fn from_iter<T: IntoIterator<Item = AllowedSigner>>(entries: T) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

/// The file's text, without comments of its own.
impl fmt::Display for AllowedSigners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries = self.entries.iter();
        entries.try_for_each(|entry| writeln!(f, "{}", entry.to_line()))
    }
}

impl AllowedSigner {
    /// A line that lets `key` sign for `principals`, whatever and whenever.
    pub fn new(principals: PatternList, key: PublicKey) -> Self {
        Self {
            principals,
            cert_authority: false,
            namespaces: None,
            valid_after: None,
            valid_before: None,
            key,
            comment: String::new(),
        }
    }

    /// Whether the key itself may sign in `namespace` at `time`; an authority's may not.
    pub fn allows(&self, namespace: &str, time: Timestamp) -> bool {
        let named = self.namespaces.as_ref();
        !self.cert_authority
            && named.is_none_or(|list| list.matches(namespace))
            && self.valid_after.is_none_or(|after| time >= after)
            && self.valid_before.is_none_or(|before| time <= before)
    }

    fn parse(line: &str) -> Result<Self, LineError> {
        let (principals, rest) = word(line);
        let principals = principals.parse().map_err(|_| LineError::Principals)?;
        let mut entry;
        if let Ok(key) = PublicKey::from_openssh(rest) {
            entry = Self::new(principals, key);
            entry.comment = comment(rest);
        } else {
            let (options, rest) = word(rest);
            entry = Self::new(principals, PublicKey::from_openssh(rest)?);
            entry.comment = comment(rest);
            for option in split_options(options) {
                entry.set_option(option)?;
            }
        }
        Ok(entry)
    }

    fn set_option(&mut self, option: &str) -> Result<(), LineError> {
        let wrong = || LineError::Option(option.chars().take(80).collect());
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(unquote(value).ok_or_else(wrong)?)),
            None => (option, None),
        };
        let fresh = match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => !std::mem::replace(&mut self.cert_authority, true),
            ("namespaces", Some(list)) => {
                let list = list.parse().map_err(|_| wrong())?;
                self.namespaces.replace(list).is_none()
            }
            ("valid-after", Some(text)) => self.valid_after.replace(time(text)?).is_none(),
            ("valid-before", Some(text)) => self.valid_before.replace(time(text)?).is_none(),
            _ => false,
        };
        if fresh { Ok(()) } else { Err(wrong()) }
    }

    /// The line, without its end. A time that the format cannot tell becomes the nearest one that
    /// it can: after 1970 and before the year 10000.
    pub fn to_line(&self) -> String {
        let mut options = Vec::new();
        if self.cert_authority {
            options.push("cert-authority".to_owned());
        }
        if let Some(list) = &self.namespaces {
            options.push(format!("namespaces=\"{list}\""));
        }
        let times = [("after", self.valid_after), ("before", self.valid_before)];
        for (name, time) in times {
            if let Some(text) = time.and_then(time_text) {
                options.push(format!("valid-{name}=\"{text}\""));
            }
        }
        let mut line = self.principals.to_string();
        for part in [&options.join(","), &self.key.to_openssh(), &self.comment] {
            let part = part.replace(char::is_control, " ");
            if !part.trim().is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(line, " {}", part.trim());
            }
        }
        line
    }
}

/// A time in UTC. OpenSSH reads one without a `Z` in the zone of the machine; a file that goes
/// from one to another must not change its meaning on the way.
fn time(text: &str) -> Result<Timestamp, LineError> {
    parse_time(text).ok_or_else(|| LineError::Time(text.chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::LINE;
    use super::*;

    fn parse(line: &str) -> Result<AllowedSigner, LineError> {
        AllowedSigner::parse(line)
    }

    #[test]
    fn a_line_has_principals_options_key_and_comment() {
        let line = format!(
            "a,*@b NAMESPACES=\"mailvc-*,x\",valid-after=\"20260102Z\",\
             valid-before=\"202601030405Z\"\t{LINE} my laptop"
        );
        let entry = parse(&line).expect("a line");
        assert_eq!(entry.principals.as_str(), "a,*@b");
        assert_eq!(entry.valid_after, Some(Timestamp(1_767_312_000)));
        assert_eq!(entry.valid_before, Some(Timestamp(1_767_413_100)));
        assert_eq!(entry.comment, "my laptop");
        assert!(entry.allows("mailvc-snapshot", Timestamp(1_767_312_000)));
        assert!(entry.allows("x", Timestamp(1_767_413_100)));
        assert!(!entry.allows("x", Timestamp(1_767_413_101)));
        assert!(!entry.allows("x", Timestamp(1_767_311_999)));
        assert!(!entry.allows("file", Timestamp(1_767_312_000)));
        assert_eq!(parse(&entry.to_line()), Ok(entry));
    }

    #[test]
    fn an_authority_signs_nothing_itself() {
        let entry = parse(&format!("* cert-authority {LINE}")).expect("a line");
        assert!(entry.cert_authority && !entry.allows("x", Timestamp(0)));
        assert_eq!(entry.to_line(), format!("* cert-authority {LINE}"));
    }

    #[test]
    fn an_option_that_is_not_understood_refuses_the_line() {
        for option in [
            "no-touch-required",
            "namespaces",
            "namespaces=x",
            "namespaces=\"x",
            "namespaces=\"\"",
            "namespaces=\"a\",namespaces=\"a\"",
            "cert-authority,",
            "cert-authority=\"x\"",
            "cert-authority,cert-authority",
            "valid-after=\"20260102\"",
            "valid-after=\"20260230Z\"",
            "valid-after=\"202601022400Z\"",
            "valid-after=\"2026010212Z\"",
            "valid-after=\"19700101Z\"",
            "valid-after=\"04520204Z\"",
        ] {
            assert!(parse(&format!("a {option} {LINE}")).is_err(), "{option}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let text = format!("# trusted\n\n  a {LINE}\r\nb ssh-ed25519 AAAA\n");
        let error = AllowedSigners::parse(&text).expect_err("refused");
        assert_eq!(error.to_string(), "line 4: not an SSH public key");
        for line in ["a", "a ssh-ed25519", &format!("\"a b\" {LINE}")] {
            assert!(AllowedSigners::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_file_comes_back_from_its_entries() {
        let text = format!("a {LINE} x\nb namespaces=\"mailvc-snapshot\" {LINE}\n");
        let signers = AllowedSigners::parse(&text).expect("a file");
        assert_eq!(signers.to_string(), text);
        let key = PublicKey::from_openssh(LINE).expect("a key");
        let found = signers.find(&key, "mailvc-snapshot", Timestamp(0));
        assert_eq!(found, signers.entries().first());
        assert_eq!(
            signers
                .entries()
                .iter()
                .cloned()
                .collect::<AllowedSigners>(),
            signers
        );
    }

    #[test]
    fn no_time_is_left_out_of_a_line() {
        let mut entry = parse(&format!("a {LINE}")).expect("a line");
        entry.valid_before = Some(Timestamp(i64::MIN));
        assert!(entry.to_line().contains("valid-before=\"19700101000001Z\""));
        entry.valid_before = Some(Timestamp(i64::MAX));
        assert!(entry.to_line().contains("valid-before=\"99991231235959Z\""));
    }

    #[test]
    fn a_comment_is_read_as_it_can_be_written() {
        let entry = parse(&format!("a {LINE} \u{1}my\u{7}laptop\u{a0}")).expect("a line");
        assert_eq!(entry.comment, "my laptop");
        assert_eq!(parse(&entry.to_line()), Ok(entry));
    }

    #[test]
    fn a_comment_cannot_start_another_line() {
        let mut entry = parse(&format!("a {LINE}")).expect("a line");
        entry.comment = "x\nroot ssh-ed25519 AAAA".to_owned();
        assert_eq!(entry.to_line().lines().count(), 1);
    }
}
