//! The file of keys that are let in, in OpenSSH's format. A line with an option that restricts a
//! key in a way not enforced here lets nobody in.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use russh::keys::{HashAlg, PublicKey};

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Options that a line may have: those that take away what no key has here, and those that the
/// session's handler reads. Upper and lower case are one.
const OPTIONS: [&str; 16] = [
    "restrict",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten",
    "permitopen",
    "tunnel",
    "command",
    "environment",
    "role",
    "account",
    "device",
    "quota",
];

/// An option before a key, such as `command="..."`, its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOption {
    /// Its name.
    pub name: String,
    /// Its value, without the quotes, if it has one.
    pub value: Option<String>,
}

/// A key that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) fingerprint: String,
    pub(super) comment: String,
    pub(super) options: Vec<KeyOption>,
}

/// Looks a key up; the error says in words why it is not let in.
pub(super) fn find(path: &Path, key: &PublicKey) -> Result<Admitted, String> {
    let text = read(path)?;
    let mut why = String::from("the key is not authorized");
    for (index, line) in text.lines().enumerate() {
        let Some((options, found)) = parse(line) else {
            continue;
        };
        if found.key_data() != key.key_data() {
            continue;
        }
        let unknown = |option: &&KeyOption| !OPTIONS.contains(&option.name.as_str());
        match options.iter().find(unknown) {
            Some(option) => {
                let name = &option.name;
                why = format!("line {}: option {name} is not enforced here", index + 1);
            }
            None => {
                return Ok(Admitted {
                    fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
                    comment: found.comment().to_string(),
                    options,
                });
            }
        }
    }
    Err(why)
}

fn read(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(said)?;
    let mode = file.metadata().map_err(said)?.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(format!("{}: others may write it", path.display()));
    }
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text).map_err(said)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A line's options and key; `None` for comments and for what can't be read.
fn parse(line: &str) -> Option<(Vec<KeyOption>, PublicKey)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    if let Some(key) = parse_key(line) {
        return Some((Vec::new(), key));
    }
    let end = unquoted(line, |c| c == ' ' || c == '\t')?;
    let (options, key) = line.split_at(end);
    Some((parse_options(options)?, parse_key(key.trim())?))
}

fn parse_key(text: &str) -> Option<PublicKey> {
    let mut words = text.splitn(3, [' ', '\t']).map(str::trim);
    let (kind, data) = (words.next()?, words.next()?);
    let comment = words.next().unwrap_or_default();
    let mut key = PublicKey::from_openssh(&format!("{kind} {data}")).ok()?;
    key.set_comment(comment);
    Some(key)
}

/// The first byte outside of double quotes that `ends` is true of.
fn unquoted(text: &str, ends: impl Fn(char) -> bool) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            _ if !quoted && ends(c) => return Some(at),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// `None` if a quote stays open: such a line's restrictions can't be known.
fn parse_options(mut text: &str) -> Option<Vec<KeyOption>> {
    let mut options = Vec::new();
    while !text.is_empty() {
        let end = unquoted(text, |c| c == ',').unwrap_or(text.len());
        let (option, rest) = text.split_at(end);
        text = rest.strip_prefix(',').unwrap_or(rest);
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(unquote(value)?)),
            None => (option, None),
        };
        options.push(KeyOption {
            name: name.to_ascii_lowercase(),
            value,
        });
    }
    Some(options)
}

fn unquote(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\\\"", "\""))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // fixtures
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn look_up(text: &str, mode: u32) -> Result<Admitted, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(file.path(), permissions).expect("set");
        find(file.path(), &PublicKey::from_openssh(KEY).expect("a key"))
    }

    #[test]
    fn a_plain_line_lets_its_key_in() {
        let found = look_up(&format!("# note\n\n{KEY} joe at home\n"), 0o600).expect("in");
        assert_eq!(found.comment, "joe at home");
        assert!(found.options.is_empty() && found.fingerprint.starts_with("SHA256:"));
    }

    #[test]
    fn options_are_read_with_quotes_commas_and_escapes() {
        let line = format!("restrict,Command=\"a, \\\"b\\\" c\",role=\"push\" {KEY}\n");
        let options = look_up(&line, 0o600).expect("in").options;
        let pairs: Vec<_> = options
            .iter()
            .map(|option| (option.name.as_str(), option.value.as_deref()))
            .collect();
        let expected = [
            ("restrict", None),
            ("command", Some("a, \"b\" c")),
            ("role", Some("push")),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_restriction_that_is_not_enforced_lets_nobody_in() {
        for option in [
            "from=\"10.0.0.0/8\"",
            "expiry-time=\"20200101\"",
            "cert-authority",
            "new",
        ] {
            let why = look_up(&format!("{option} {KEY}\n"), 0o600).expect_err(option);
            assert!(why.contains("line 1"), "{why}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_lets_nobody_in() {
        for line in ["command=\"a ", "command=a,b=\"", "role=push"] {
            assert!(
                look_up(&format!("{line} {KEY}\n"), 0o600).is_err(),
                "{line}"
            );
        }
    }

    #[test]
    fn a_file_that_others_may_write_lets_nobody_in() {
        assert!(look_up(&format!("{KEY}\n"), 0o664).is_err());
    }
}
