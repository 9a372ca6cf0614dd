//! What the user's ssh configuration says about one host. Where OpenSSH is installed it is asked
//! (`ssh -G`), so that `Match` and all else mean what they mean there; elsewhere the files are
//! read here.

mod file;
mod paths;
mod probe;
mod settings;

pub(super) use paths::shown;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Destination, SshError, system};
use settings::Settings;

/// What to do with a host that known_hosts does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Refuse it.
    Refuse,
    /// Ask, and refuse it where nobody can be asked.
    Ask,
    /// Record it. A key that has changed is refused all the same.
    AcceptNew,
}

/// Which addresses to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

/// Where the agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AgentPlace {
    /// Where `SSH_AUTH_SOCK` says.
    Environment,
    /// Nowhere: it is not to be asked.
    Nowhere,
    /// At this socket.
    Socket(PathBuf),
}

/// Algorithm names that the configuration allows; `None` where it does not say.
pub(super) type Allowed = Option<Vec<String>>;

/// What is configured for one host.
#[derive(Debug, Clone)]
pub(super) struct HostConfig {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// The name in known_hosts where it differs from the host's.
    pub(super) alias: Option<String>,
    pub(super) family: Family,
    pub(super) identities: Vec<PathBuf>,
    pub(super) certificates: Vec<PathBuf>,
    /// Only the identities named, though the agent may have more.
    pub(super) identities_only: bool,
    pub(super) agent: AgentPlace,
    /// Files of known hosts; the first is the one that new hosts are recorded in.
    pub(super) user_known_hosts: Vec<PathBuf>,
    pub(super) global_known_hosts: Vec<PathBuf>,
    pub(super) hash_known_hosts: bool,
    pub(super) strictness: Strictness,
    pub(super) gssapi: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) alive_interval: Option<Duration>,
    pub(super) alive_count: u32,
    pub(super) ciphers: Allowed,
    pub(super) macs: Allowed,
    pub(super) kex: Allowed,
    pub(super) host_key_algorithms: Allowed,
    /// What is asked for that only the system's ssh can do, in words.
    pub(super) beyond: Vec<String>,
    /// What was passed over, in words.
    pub(super) notes: Vec<String>,
}

impl HostConfig {
    /// Finds out what holds for `destination`.
    pub(super) fn resolve(
        destination: &Destination,
        file: Option<&Path>,
    ) -> Result<Self, SshError> {
        let settings = match system::find() {
            Some(program) => probe::ask(&program, destination, file)?,
            None => file::read(destination, file)?,
        };
        Ok(Self::from_settings(&settings, destination))
    }

    fn from_settings(settings: &Settings, destination: &Destination) -> Self {
        let port = settings
            .number("port")
            .and_then(|port| port.try_into().ok());
        let mut config = Self {
            host: match settings.text("hostname") {
                Some(name) => name.replace("%h", &destination.host),
                None => destination.host.clone(),
            },
            port: destination.port.or(port).unwrap_or(22),
            user: user(settings, destination),
            alias: settings.text("hostkeyalias").map(str::to_owned),
            family: match settings.text("addressfamily") {
                Some("inet") => Family::V4,
                Some("inet6") => Family::V6,
                _ => Family::Any,
            },
            identities: Vec::new(),
            certificates: Vec::new(),
            identities_only: settings.is_on("identitiesonly"),
            agent: AgentPlace::Environment,
            user_known_hosts: Vec::new(),
            global_known_hosts: Vec::new(),
            hash_known_hosts: settings.is_on("hashknownhosts"),
            strictness: match settings.text("stricthostkeychecking") {
                Some("yes" | "true") => Strictness::Refuse,
                Some("accept-new" | "no" | "false" | "off") => Strictness::AcceptNew,
                _ => Strictness::Ask,
            },
            gssapi: settings.is_on("gssapiauthentication"),
            connect_timeout: settings.seconds("connecttimeout"),
            alive_interval: settings.seconds("serveraliveinterval"),
            alive_count: settings.number("serveralivecountmax").unwrap_or(3),
            ciphers: settings.algorithms("ciphers"),
            macs: settings.algorithms("macs"),
            kex: settings.algorithms("kexalgorithms"),
            host_key_algorithms: settings.algorithms("hostkeyalgorithms"),
            beyond: settings.beyond(),
            notes: settings.notes.clone(),
        };
        paths::fill(&mut config, settings, destination);
        config
    }

    /// The names to look for in known_hosts, as OpenSSH spells them: the first is the host's own,
    /// a second only ever confirms a key.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.alias {
            Some(alias) => vec![alias.to_ascii_lowercase()],
            None if self.port == 22 => vec![self.host.to_ascii_lowercase()],
            None => {
                let host = self.host.to_ascii_lowercase();
                vec![format!("[{host}]:{}", self.port), host]
            }
        }
    }
}

fn user(settings: &Settings, destination: &Destination) -> String {
    let named = destination.user.as_deref().or(settings.text("user"));
    match named {
        Some(user) => user.to_owned(),
        None => std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| String::from("root")),
    }
}
