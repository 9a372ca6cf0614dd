use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const MAX_URL: usize = 4096;

/// Where a remote is: `/path`, `ssh://[user@]host[:port]/path/to/store`, `[user@]host[:account]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// A store on this machine. A leading `~` is the user's home, for the caller to expand.
    Path(PathBuf),
    /// A store behind SSH.
    Ssh(SshUrl),
}

/// A store behind SSH. No part starts with `-` or holds control characters, so none can be taken
/// for an option; quoting for the far shell is still the caller's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshUrl {
    /// Who to log in as; by default what the user's ssh configuration says.
    pub user: Option<String>,
    /// A host name, an alias from the ssh configuration, or an address; IPv6 without brackets.
    pub host: String,
    /// The port; by default what the ssh configuration says.
    pub port: Option<u16>,
    /// Which of the stores there.
    pub place: Place,
}

/// Which store on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The one that the far side serves unasked.
    Default,
    /// The one of this account.
    Account(String),
    /// The one in this directory, absolute or from `~/`.
    Store(String),
}

/// Text that isn't the address of a remote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing, or too much.
    #[error("an address has 1 to {MAX_URL} bytes")]
    Length,
    /// It holds control characters.
    #[error("the address holds control characters")]
    Control,
    /// It names a scheme that isn't known.
    #[error("{0}:// is not known; a path, ssh://HOST/PATH or HOST:ACCOUNT is")]
    Scheme(String),
    /// The host is missing, or isn't a host.
    #[error("{0:?} is not a host name")]
    Host(String),
    /// The user is missing before `@`, or can't be one.
    #[error("{0:?} is not a user name")]
    User(String),
    /// The port isn't 1 to 65535.
    #[error("{0:?} is not a port")]
    Port(String),
    /// The account after `:` can't be one.
    #[error("{0:?} is not an account name")]
    Account(String),
    /// `host:/path`, as scp has it.
    #[error("write ssh://{host}{path} for a store in that directory")]
    ScpPath {
        /// User and host.
        host: String,
        /// The path after the colon.
        path: String,
    },
    /// `dir/store` could be a host as well.
    #[error("write ./{0} for a path")]
    BarePath(String),
    /// `~user/store`.
    #[error("{0:?}: only one's own home can be written as ~")]
    OthersHome(String),
}

impl RemoteUrl {
    /// Takes an address apart.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() || text.len() > MAX_URL {
            return Err(UrlError::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(UrlError::Control);
        }
        if let Some(rest) = text.strip_prefix("ssh://") {
            return parse_ssh(rest).map(Self::Ssh);
        }
        if is_path(text) {
            return parse_path(text);
        }
        match text.split_once("://") {
            Some((scheme, _)) => Err(UrlError::Scheme(scheme.to_owned())),
            None => parse_short(text).map(Self::Ssh),
        }
    }
}

impl FromStr for RemoteUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// As [`RemoteUrl::parse`] reads it back.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Ssh(url) => url.fmt(f),
        }
    }
}

/// In short, unless that would be read as something else: as a path, or with another scheme.
impl fmt::Display for SshUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.short();
        match RemoteUrl::parse(&short) {
            Ok(RemoteUrl::Ssh(read)) if read == *self => f.write_str(&short),
            _ => write!(f, "ssh://{}", self.long()),
        }
    }
}

impl SshUrl {
    /// `[user@]host[:account]`, which has no room for a port or a directory.
    fn short(&self) -> String {
        match &self.place {
            Place::Account(account) => format!("{}:{account}", self.authority()),
            Place::Default | Place::Store(_) => self.authority(),
        }
    }

    /// What follows `ssh://`.
    fn long(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = match &self.place {
            Place::Default => String::new(),
            Place::Account(account) => format!("/?{account}"),
            Place::Store(path) if path.starts_with('~') => format!("/{path}"),
            Place::Store(path) => path.clone(),
        };
        format!("{}{port}{path}", self.authority())
    }

    fn authority(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        let user = user.unwrap_or_default();
        if self.host.contains(':') {
            format!("{user}[{}]", self.host)
        } else {
            format!("{user}{}", self.host)
        }
    }
}

fn is_path(text: &str) -> bool {
    let dots = text == "." || text == "..";
    dots || ["/", "./", "../", "~"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn parse_path(text: &str) -> Result<RemoteUrl, UrlError> {
    if text.starts_with('~') && text != "~" && !text.starts_with("~/") {
        return Err(UrlError::OthersHome(text.to_owned()));
    }
    Ok(RemoteUrl::Path(PathBuf::from(text)))
}

/// What follows `ssh://`. `/?ACCOUNT` in place of a path names an account, where a port is needed
/// as well.
fn parse_ssh(rest: &str) -> Result<SshUrl, UrlError> {
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, address) = split_user(authority)?;
    let (host, port) = split_host(address)?;
    let port = port.map(parse_port).transpose()?;
    let place = if let Some(account) = path.strip_prefix("/?") {
        parse_account(account)?
    } else if path.is_empty() || path == "/" {
        Place::Default
    } else {
        parse_store(path)?
    };
    Ok(SshUrl {
        user,
        host,
        port,
        place,
    })
}

/// `[user@]host[:account]`.
fn parse_short(text: &str) -> Result<SshUrl, UrlError> {
    // An account may well contain `@` and `/`; a user and a host hold no `:` outside brackets.
    let colon = match text.find(['[', ':']) {
        Some(at) if text[at..].starts_with('[') => {
            let close = text[at..].find(']').map_or(at, |close| at + close);
            text[close..].find(':').map(|colon| close + colon)
        }
        at => at,
    };
    let (left, account) = match colon {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if left.contains('/') {
        return Err(UrlError::BarePath(text.to_owned()));
    }
    let (user, address) = split_user(left)?;
    let (host, _) = split_host(address)?;
    if let Some(path) = account.filter(|name| name.starts_with(['/', '~'])) {
        let slash = if path.starts_with('~') { "/" } else { "" };
        return Err(UrlError::ScpPath {
            host: left.to_owned(),
            path: format!("{slash}{path}"),
        });
    }
    Ok(SshUrl {
        user,
        host,
        port: None,
        place: account.map_or(Ok(Place::Default), parse_account)?,
    })
}

fn split_user(text: &str) -> Result<(Option<String>, &str), UrlError> {
    let Some((user, address)) = text.rsplit_once('@') else {
        return Ok((None, text));
    };
    let odd = |c: char| c.is_whitespace() || "@:/[]'\"`$;&|<>()\\".contains(c);
    if user.is_empty() || user.starts_with('-') || user.contains(odd) {
        return Err(UrlError::User(user.to_owned()));
    }
    Ok((Some(user.to_owned()), address))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`, taken apart.
fn split_host(address: &str) -> Result<(String, Option<&str>), UrlError> {
    let error = || UrlError::Host(address.to_owned());
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(error)?;
            let v6 = |c: char| c.is_ascii_hexdigit() || ":.".contains(c);
            let (literal, zone) = host.split_once('%').unwrap_or((host, "0"));
            if !literal.contains(':') || !literal.chars().all(v6) || !is_host(zone) {
                return Err(error());
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(error()),
            }
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    if address.starts_with('[') || is_host(host) {
        Ok((host.to_owned(), port))
    } else {
        Err(error())
    }
}

fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-".contains(c);
    (1..=255).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fits)
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(UrlError::Port(text.to_owned())),
    }
}

fn parse_account(text: &str) -> Result<Place, UrlError> {
    if text.is_empty() || text.len() > 255 || text.starts_with('-') {
        return Err(UrlError::Account(text.to_owned()));
    }
    Ok(Place::Account(text.to_owned()))
}

/// `/path`, or `/~/path` for one in the home over there.
fn parse_store(path: &str) -> Result<Place, UrlError> {
    match path.strip_prefix("/~") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            Ok(Place::Store(format!("~{rest}")))
        }
        Some(rest) => Err(UrlError::OthersHome(format!("~{rest}"))),
        None => Ok(Place::Store(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(user: Option<&str>, host: &str, port: Option<u16>, place: Place) -> RemoteUrl {
        RemoteUrl::Ssh(SshUrl {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            place,
        })
    }

    #[test]
    fn every_form_is_read_and_printed_alike() {
        let store = |path: &str| Place::Store(path.to_owned());
        let account = |name: &str| Place::Account(name.to_owned());
        let cases = [
            ("server", ssh(None, "server", None, Place::Default)),
            ("me@server", ssh(Some("me"), "server", None, Place::Default)),
            ("server:work", ssh(None, "server", None, account("work"))),
            (
                "vmail@mx.example.org:info@example.org",
                ssh(
                    Some("vmail"),
                    "mx.example.org",
                    None,
                    account("info@example.org"),
                ),
            ),
            ("[::1]:work", ssh(None, "::1", None, account("work"))),
            ("ssh://h/srv/mail", ssh(None, "h", None, store("/srv/mail"))),
            (
                "ssh://me@h:2222/~/store",
                ssh(Some("me"), "h", Some(2222), store("~/store")),
            ),
            (
                "ssh://[fe80::1%eth0]:22/s",
                ssh(None, "fe80::1%eth0", Some(22), store("/s")),
            ),
            (
                "ssh://h:22/?work",
                ssh(None, "h", Some(22), account("work")),
            ),
            ("ssh://h:22", ssh(None, "h", Some(22), Place::Default)),
            ("/srv/store", RemoteUrl::Path("/srv/store".into())),
            ("./store", RemoteUrl::Path("./store".into())),
            ("../store", RemoteUrl::Path("../store".into())),
            ("~/store", RemoteUrl::Path("~/store".into())),
        ];
        for (text, url) in cases {
            assert_eq!(RemoteUrl::parse(text), Ok(url.clone()), "{text}");
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn what_would_be_something_else_in_short_is_printed_at_length() {
        for text in [
            "ssh://.",
            "ssh://..",
            "ssh://~me@host",
            "ssh://host/?/srv",
            "ssh://host/?~/store",
            "ssh://host/?a://b",
        ] {
            let url = RemoteUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), text);
        }
        // An account may have brackets and colons, which are no address's.
        let url = RemoteUrl::parse("ssh://host/?a[b]:c").expect("an account");
        assert_eq!(url.to_string(), "host:a[b]:c");
        assert_eq!(RemoteUrl::parse("host:a[b]:c"), Ok(url));
    }

    #[test]
    fn nothing_can_be_taken_for_an_option_or_a_command() {
        for text in [
            "-oProxyCommand=sh",
            "me@-oProxyCommand=sh",
            "-me@host",
            "ssh://-oProxyCommand=sh/x",
            "ssh://-x@host/y",
            "host;reboot",
            "$(reboot)",
            "a b",
            "host:-x",
            "host\n",
            "[-x]:a",
            "[::1%-x]:a",
        ] {
            assert!(RemoteUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_said() {
        let error = |text: &str| RemoteUrl::parse(text).expect_err(text).to_string();
        assert!(error("me@host:/srv/store").contains("ssh://me@host/srv/store"));
        assert!(error("host:~/store").contains("ssh://host/~/store"));
        assert!(error("mail/store").contains("./mail/store"));
        assert!(error("https://host/x").contains("https://"));
        assert!(error("~other/store").contains("one's own home"));
        for text in [
            "",
            "host:",
            "@host",
            "ssh://",
            "ssh://h:0/x",
            "ssh://h:99999/x",
            "ssh://h:+1/x",
        ] {
            assert!(RemoteUrl::parse(text).is_err(), "{text}");
        }
    }
}
