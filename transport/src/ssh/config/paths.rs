//! Paths in the configuration: `~`, `%` tokens, and what holds where nothing is said.

use std::path::{Path, PathBuf};

use super::super::Destination;
use super::settings::Settings;
use super::{AgentPlace, HostConfig};

/// The key files that OpenSSH tries when none is named.
const DEFAULT_IDENTITIES: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// The user's home, `/` if there is none.
pub(super) fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"))
}

/// Replaces a leading `~/`.
pub(super) fn expand_home(path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home().join(rest),
        None => PathBuf::from(path),
    }
}

/// Fills in everything that is a path.
pub(super) fn fill(config: &mut HostConfig, settings: &Settings, destination: &Destination) {
    let tokens = Tokens::of(config, destination);
    let expand = |path: &str| expand_home(&tokens.replace(path));
    let named = |keyword: &str| -> Vec<PathBuf> {
        let values: Vec<&str> = settings.all(keyword).collect();
        values
            .into_iter()
            .filter(|path| *path != "none")
            .map(expand)
            .collect()
    };
    let files = |keyword: &str, usual: &str| -> Vec<PathBuf> {
        match (settings.text(keyword), settings.has(keyword)) {
            (Some(list), _) => list.split_whitespace().map(expand).collect(),
            (None, true) => Vec::new(),
            (None, false) => usual.split_whitespace().map(expand).collect(),
        }
    };
    let identities = if settings.has("identityfile") {
        named("identityfile")
    } else {
        DEFAULT_IDENTITIES.iter().map(|path| expand(path)).collect()
    };
    let certificates = named("certificatefile");
    let user = files(
        "userknownhostsfile",
        "~/.ssh/known_hosts ~/.ssh/known_hosts2",
    );
    let global = files(
        "globalknownhostsfile",
        "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
    );
    let agent = agent(settings, expand);
    config.identities = identities;
    config.certificates = certificates;
    config.user_known_hosts = user;
    config.global_known_hosts = global;
    config.agent = agent;
}

fn agent(settings: &Settings, expand: impl Fn(&str) -> PathBuf) -> AgentPlace {
    let Some(value) = settings.text("identityagent") else {
        return if settings.has("identityagent") {
            AgentPlace::Nowhere
        } else {
            AgentPlace::Environment
        };
    };
    match value.strip_prefix('$') {
        Some(name) => std::env::var_os(name.trim_matches(['{', '}']))
            .map_or(AgentPlace::Nowhere, |path| AgentPlace::Socket(path.into())),
        None if value == "SSH_AUTH_SOCK" => AgentPlace::Environment,
        None => AgentPlace::Socket(expand(value)),
    }
}

/// What `%` and a letter stand for in a path.
struct Tokens(Vec<(char, String)>);

impl Tokens {
    fn of(config: &HostConfig, destination: &Destination) -> Self {
        let alias = config.alias.as_ref().unwrap_or(&destination.host);
        let user = std::env::var("USER").unwrap_or_default();
        Self(vec![
            ('%', String::from("%")),
            ('d', home().display().to_string()),
            ('h', config.host.clone()),
            ('k', alias.clone()),
            ('n', destination.host.clone()),
            ('p', config.port.to_string()),
            ('r', config.user.clone()),
            ('u', user),
            ('i', rustix::process::getuid().as_raw().to_string()),
        ])
    }

    /// Letters not known stay as they are: such a file is not found, which is said later.
    fn replace(&self, path: &str) -> String {
        let mut out = String::new();
        let mut chars = path.chars();
        while let Some(c) = chars.next() {
            let token = if c == '%' { chars.next() } else { None };
            match token.map(|letter| (letter, self.0.iter().find(|(name, _)| *name == letter))) {
                Some((_, Some((_, value)))) => out.push_str(value),
                Some((letter, None)) => out.extend(['%', letter]),
                None => out.push(c),
            }
        }
        out
    }
}

/// Whether a path lies in nobody's way: used for messages, the home directory shown as `~`.
pub(in super::super) fn shown(path: &Path) -> String {
    match path.strip_prefix(home()) {
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_and_unknown_ones_left() {
        let tokens = Tokens(vec![('h', "mail".into()), ('%', "%".into())]);
        assert_eq!(tokens.replace("a/%h-%%-%q%"), "a/mail-%-%q%");
    }

    #[test]
    fn a_home_is_put_in_and_taken_out() {
        let path = expand_home("~/.ssh/id");
        assert_eq!(shown(&path), "~/.ssh/id");
        assert_eq!(expand_home("/a/~/b"), Path::new("/a/~/b"));
    }
}
