//! What a person wrote down once for all commands: which account lies where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Failure, Problem};

/// `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UserConfig {
    /// The account that is meant where none is named.
    pub(crate) default: Option<String>,
    /// The accounts by name.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// How to connect by SSH.
    pub(crate) ssh: Ssh,
}

/// How to connect by SSH.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ssh {
    /// The program to use in place of the built-in client, with its arguments: `ssh`.
    pub(crate) command: Option<String>,
    /// The ssh configuration to read in place of the user's.
    pub(crate) config: Option<PathBuf>,
}

/// One account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Its store; `~/` is the home directory.
    pub(crate) store: PathBuf,
}

impl UserConfig {
    /// Reads the file that `MAILVC_CONFIG` names, else `~/.config/mailvc/config.toml`. Only one
    /// that was named must be there.
    pub(crate) fn load() -> Result<Self, Failure> {
        let named = variable("MAILVC_CONFIG");
        let path = match &named {
            Some(path) => path.clone(),
            None => match xdg("XDG_CONFIG_HOME", ".config") {
                Some(dir) => dir.join("mailvc/config.toml"),
                None => return Ok(Self::default()),
            },
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                let what = format!("{}: {error}", path.display());
                Err(Failure::new(Problem::Error, what))
            }
        }
    }
}

fn parse(text: &str, path: &Path) -> Result<UserConfig, Failure> {
    let mut config: UserConfig = toml::from_str(text).map_err(|error| {
        let what = format!("{}: {}", path.display(), error.message());
        Failure::new(Problem::Error, what).next("correct the file")
    })?;
    for account in config.accounts.values_mut() {
        account.store = expand(&account.store);
    }
    config.ssh.config = config.ssh.config.as_deref().map(expand);
    Ok(config)
}

/// A variable of the environment that names a path; an empty one is as none.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into())
}

/// The home directory.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// A directory of the XDG convention; a relative one is ignored, as it asks.
pub(crate) fn xdg(name: &str, fallback: &str) -> Option<PathBuf> {
    let named = variable(name).filter(|path| path.is_absolute());
    named.or_else(|| Some(home()?.join(fallback)))
}

/// `~/` at the start of a path.
pub(crate) fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The host's name, as far as a device may be called so.
pub(crate) fn host() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let first = host.split('.').next().unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = first.chars().filter(fits).take(64).collect();
    if mailvc_store::repo::check_name(&name).is_ok() {
        name
    } else {
        "device".to_owned()
    }
}
