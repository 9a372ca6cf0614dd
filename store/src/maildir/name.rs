use super::Flags;

/// A message's file name, taken apart: what tells it from others, and what it says of the message.
///
/// Reading never fails and loses nothing: a name without `:2,` is all base, and flags that we do
/// not know stay in [`Flags`]. Only the order of the flag letters is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    base: Vec<u8>,
    flags: Option<Flags>,
}

/// Whether a directory entry of `cur` or `new` can be a message at all: names that start with a
/// dot are left alone, as the Maildir convention asks.
pub fn is_message_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b".") && !name.contains(&0) && !name.contains(&b'/')
}

impl FileName {
    /// Takes a name apart at its last `:2,`.
    pub fn parse(name: &[u8]) -> Self {
        match mark(name) {
            Some(at) => Self {
                base: name[..at].to_vec(),
                flags: Some(Flags::from_info(&name[at + 3..])),
            },
            None => Self {
                base: name.to_vec(),
                flags: None,
            },
        }
    }

    /// The name without its flags: what stays while mail clients rename the file.
    pub fn base(&self) -> &[u8] {
        &self.base
    }

    /// What follows `:2,`; `None` where the name has no such part.
    pub fn flags(&self) -> Option<&Flags> {
        self.flags.as_ref()
    }

    /// The unique part, without the fields that programs append to it (`,S=` and the like).
    pub fn unique(&self) -> &[u8] {
        let end = self.base.iter().position(|byte| b",:".contains(byte));
        &self.base[..end.unwrap_or(self.base.len())]
    }

    /// The same file's name with these flags. In `cur` it always has `:2,`; in `new` (`recent`)
    /// only if there are flags to be told, or the base would be read as having some.
    pub fn with_flags(&self, recent: bool, flags: &Flags) -> Vec<u8> {
        let info = flags.to_info();
        if recent && info.is_empty() && mark(&self.base).is_none() {
            return self.base.clone();
        }
        [self.base.as_slice(), b":2,", &info].concat()
    }
}

/// Where the last `:2,` of a name stands.
fn mark(name: &[u8]) -> Option<usize> {
    name.windows(3).rposition(|window| window == b":2,")
}

/// The message's size as the name's base tells it (`,S=<n>`): a hint, never to be relied upon.
pub fn declared_size(base: &[u8]) -> Option<u64> {
    let digits = fields(base).find_map(|field| field.strip_prefix(b"S="))?;
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    text.parse().ok()
}

/// The base without what ties it to one folder: `,U=<n>` (mbsync, OfflineIMAP) and `,FMD5=<hex>`
/// (OfflineIMAP). A file that takes them along to another folder confuses those programs.
pub fn strip_uid(base: &[u8]) -> Vec<u8> {
    let mut stripped = base[..unique_len(base)].to_vec();
    for field in fields(base).filter(|field| !is_folder_bound(field)) {
        stripped.push(b',');
        stripped.extend_from_slice(field);
    }
    stripped
}

fn is_folder_bound(field: &[u8]) -> bool {
    let (value, digit): (_, fn(&u8) -> bool) = match field {
        [b'U', b'=', value @ ..] => (value, u8::is_ascii_digit),
        [b'F', b'M', b'D', b'5', b'=', value @ ..] => (value, u8::is_ascii_hexdigit),
        _ => return false,
    };
    !value.is_empty() && value.iter().all(digit)
}

/// What stands between the base's commas, without what stands before the first.
fn fields(base: &[u8]) -> impl Iterator<Item = &[u8]> {
    base.split(|&byte| byte == b',').skip(1)
}

fn unique_len(base: &[u8]) -> usize {
    let comma = base.iter().position(|&byte| byte == b',');
    comma.unwrap_or(base.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::Standard;

    fn seen() -> Flags {
        let mut flags = Flags::none();
        flags.set(Standard::Seen, true);
        flags
    }

    #[test]
    fn a_name_splits_at_its_last_info() {
        let name = FileName::parse(b"1.a.host,S=5:2,x:2,SF");
        assert_eq!(name.base(), b"1.a.host,S=5:2,x");
        assert_eq!(name.unique(), b"1.a.host");
        assert_eq!(name.flags().map(Flags::letters), Some(&b"FS"[..]));
    }

    #[test]
    fn a_name_without_info_is_all_base() {
        for name in [&b"1.a.host"[..], b"1.a.host:1,x", b"1.a.host:2", b":2", b""] {
            let parsed = FileName::parse(name);
            assert_eq!(parsed.base(), name);
            assert_eq!(parsed.flags(), None);
            assert_eq!(parsed.with_flags(true, &Flags::none()), name);
        }
        assert_eq!(FileName::parse(b":2,").flags(), Some(&Flags::none()));
    }

    #[test]
    fn in_cur_the_info_is_always_there_and_in_new_only_with_flags() {
        let name = FileName::parse(b"1.a.host");
        assert_eq!(name.with_flags(false, &Flags::none()), b"1.a.host:2,");
        assert_eq!(name.with_flags(false, &seen()), b"1.a.host:2,S");
        assert_eq!(name.with_flags(true, &seen()), b"1.a.host:2,S");
    }

    #[test]
    fn a_base_that_has_a_mark_of_its_own_is_never_taken_for_flags() {
        let name = FileName::parse(b"1.a:2,S:2,");
        assert_eq!(name.flags(), Some(&Flags::none()));
        for recent in [false, true] {
            let again = FileName::parse(&name.with_flags(recent, &Flags::none()));
            assert_eq!(again, name);
        }
    }

    #[test]
    fn unknown_flags_and_what_follows_a_comma_come_back() {
        let name = FileName::parse(b"1.a:2,Sa#,more:x");
        let flags = name.flags().expect("an info");
        assert_eq!(name.with_flags(false, flags), b"1.a:2,#Sa,more:x");
    }

    #[test]
    fn names_with_a_dot_in_front_are_no_messages() {
        assert!(is_message_name(b"1.a:2,S"));
        assert!(is_message_name(b"\xff"));
        for name in [&b""[..], b".x", b".", b"..", b"a/b", b"a\0b"] {
            assert!(!is_message_name(name));
        }
    }

    #[test]
    fn the_declared_size_is_read_where_it_is_a_number() {
        assert_eq!(declared_size(b"1.a,S=12,W=13"), Some(12));
        assert_eq!(declared_size(b"1.a,U=5,S=0"), Some(0));
        for base in [
            &b"1.S=3"[..],
            b"1,S=",
            b"1,S=+3",
            b"1,S=3x",
            b"1,S=99999999999999999999",
        ] {
            assert_eq!(declared_size(base), None);
        }
    }

    #[test]
    fn what_binds_a_name_to_one_folder_is_taken_out() {
        assert_eq!(strip_uid(b"1.a,U=5"), b"1.a");
        assert_eq!(strip_uid(b"1.a,U=5,FMD5=0aF9,S=3"), b"1.a,S=3");
        assert_eq!(strip_uid(b"1.a,U=x,FMD5=,UU=1,"), b"1.a,U=x,FMD5=,UU=1,");
        assert_eq!(strip_uid(b"U=5"), b"U=5");
        assert_eq!(strip_uid(b""), b"");
    }
}
