//! The way to a remote, before anything is said on it: so that it can be made while there is
//! other work to do.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailvc_store::repo::RemoteConfig;

use super::{Place, RemoteError, RemoteUrl, SshUrl};
use crate::line::{self, Patience};
use crate::ssh::{self, Destination, Duplex, SshOptions};

/// The program that is started on the far side.
const PROGRAM: &str = "mailvc";

/// A stream in its two halves.
pub(super) type Stream = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// How remotes are reached from here.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// How to connect by SSH.
    pub ssh: &'a SshOptions,
    /// The user's home, for paths that start with `~`.
    pub home: Option<&'a Path>,
    /// How long a peer may be silent; none for ever.
    pub silence: Option<Duration>,
}

/// A connection to a remote, on which nothing has been said.
pub struct Connection(pub(super) Way);

/// Where a connection leads.
pub(super) enum Way {
    /// To a program on another machine.
    Ssh {
        duplex: Box<dyn Duplex>,
        stream: Stream,
        /// Whose mail; empty for the only account.
        account: String,
    },
    /// To a store on this machine.
    Path(PathBuf),
}

impl Connection {
    /// To a store on this machine, which is opened when the session starts.
    pub fn to_store(root: PathBuf) -> Self {
        Self(Way::Path(root))
    }
}

/// Connects to a remote. With SSH, the program on the far side has been started then, and both
/// ends give signs of life.
pub fn connect(remote: &RemoteConfig, means: &Means<'_>) -> Result<Connection, RemoteError> {
    let url = RemoteUrl::parse(&remote.url).map_err(|source| RemoteError::Url {
        url: remote.url.clone(),
        source,
    })?;
    match url {
        RemoteUrl::Path(path) => Ok(Connection::to_store(expand(&path, means.home))),
        RemoteUrl::Ssh(url) => by_ssh(&url, remote.command.as_deref(), means),
    }
}

fn by_ssh(
    url: &SshUrl,
    program: Option<&str>,
    means: &Means<'_>,
) -> Result<Connection, RemoteError> {
    let destination = Destination {
        user: url.user.clone(),
        host: url.host.clone(),
        port: url.port,
    };
    let command = remote_command(program, &url.place);
    let mut duplex = ssh::connect(&destination, &command, means.ssh)?;
    let patience = Patience {
        silence: means.silence,
        at_once: !duplex.may_ask(),
    };
    let (listener, speaker) = line::keep(duplex.split(), patience).map_err(RemoteError::Start)?;
    Ok(Connection(Way::Ssh {
        duplex,
        stream: (Box::new(listener), Box::new(speaker)),
        account: account(&url.place).to_owned(),
    }))
}

/// A path whose first part is `~`, from the user's home.
fn expand(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

fn account(place: &Place) -> &str {
    match place {
        Place::Account(account) => account,
        Place::Default | Place::Store(_) => "",
    }
}

/// What the far side's shell is given. A forced command there sees it only as text.
fn remote_command(program: Option<&str>, place: &Place) -> String {
    let program = program.map_or_else(|| PROGRAM.to_owned(), quote);
    let which = match place {
        Place::Default => String::new(),
        Place::Account(account) => format!(" --account {}", quote(account)),
        Place::Store(path) => format!(" --store {}", quote_path(path)),
    };
    format!("{program}{which} serve --stdio")
}

/// Text as one word of a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path whose leading `~/` is the far user's home.
fn quote_path(path: &str) -> String {
    match path.strip_prefix("~/") {
        Some(rest) => format!("\"$HOME\"/{}", quote(rest)),
        None => quote(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_far_shell_reads_is_quoted() {
        let place = Place::Store("~/it's mine".to_owned());
        assert_eq!(
            remote_command(None, &place),
            r#"mailvc --store "$HOME"/'it'\''s mine' serve --stdio"#
        );
        let place = Place::Account("$(reboot)".to_owned());
        assert_eq!(
            remote_command(Some("/opt/mail vc"), &place),
            "'/opt/mail vc' --account '$(reboot)' serve --stdio"
        );
    }
}
