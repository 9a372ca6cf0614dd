use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The most bytes of a host's name that a file name takes up, escapes included.
const MAX_HOST: usize = 64;

/// Makes names that no file has had: for messages that we deliver. A name that was used before
/// would make an IMAP server take the new message for the old one.
///
/// `<seconds>.M<microseconds>P<process>Q<counter>R<random>.<host>,S=<size>`, at most 200 bytes.
/// The clock may be wrong and the process id may return: counter and random number alone suffice.
/// The random number comes from the keys of the standard library's hash maps, which the operating
/// system's generator seeds; a guess would win nothing, so nothing stronger is asked for.
#[derive(Debug)]
pub struct UniqueNames {
    host: String,
    random: RandomState,
    counter: AtomicU64,
}

impl UniqueNames {
    /// Names for deliveries by this process on `host`.
    pub fn new(host: &str) -> Self {
        Self {
            host: escape_host(host),
            random: RandomState::new(),
            counter: AtomicU64::new(0),
        }
    }

    /// A fresh name for a message of `size` bytes, without flags.
    pub fn next(&self, size: u64) -> Vec<u8> {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let now = since_1970();
        let (seconds, micros) = (now.as_secs(), now.subsec_micros());
        let process = std::process::id();
        let random = self.random.hash_one((seconds, micros, process, count));
        let host = &self.host;
        format!("{seconds}.M{micros}P{process}Q{count}R{random:016x}.{host},S={size}").into_bytes()
    }
}

#[allow(clippy::disallowed_methods)] // a name's beginning, for people: nothing rests on it
fn since_1970() -> std::time::Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// `/` and `:` are spelled as the Maildir convention asks; what else has a meaning in a name, or
/// is not printable ASCII, likewise.
fn escape_host(host: &str) -> String {
    let mut escaped = String::new();
    for byte in host.bytes() {
        let piece = match byte {
            b'/' | b':' | b',' | b'\\' => format!("\\{byte:03o}"),
            b'!'..=b'~' => char::from(byte).to_string(),
            _ => format!("\\{byte:03o}"),
        };
        if escaped.len() + piece.len() > MAX_HOST {
            break;
        }
        escaped.push_str(&piece);
    }
    if escaped.is_empty() {
        escaped.push_str("localhost");
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::maildir::{FileName, declared_size, is_message_name};

    #[test]
    fn no_name_comes_twice_even_from_two_makers() {
        let makers = [UniqueNames::new("a"), UniqueNames::new("a")];
        let names: HashSet<_> = (0..2000).map(|n| makers[n % 2].next(1)).collect();
        assert_eq!(names.len(), 2000);
    }

    #[test]
    fn a_fresh_name_is_a_message_name_that_tells_its_size() {
        let name = UniqueNames::new("mail.example.org").next(u64::MAX);
        let text = String::from_utf8(name.clone()).expect("ASCII");
        assert!(is_message_name(&name) && name.len() <= 200, "{text}");
        assert!(text.contains(".mail.example.org,S="), "{text}");
        let parsed = FileName::parse(&name);
        assert_eq!(parsed.base(), name);
        assert_eq!(declared_size(parsed.base()), Some(u64::MAX));
    }

    #[test]
    fn a_host_cannot_break_the_name() {
        assert_eq!(
            escape_host("a/b:c,d\\e f\n"),
            r"a\057b\072c\054d\134e\040f\012"
        );
        assert_eq!(escape_host("ü"), r"\303\274");
        assert_eq!(escape_host(""), "localhost");
        assert_eq!(escape_host(&"x".repeat(300)).len(), MAX_HOST);
    }
}
