//! The user's key files and certificates.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key};

use super::config::{HostConfig, shown};

/// The longest key file that is read, in bytes.
const MAX_KEY_FILE: u64 = 256 * 1024;

/// A key file.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    /// The public half, where it can be known without a passphrase.
    pub(super) public: Option<PublicKey>,
    pub(super) secret: Secret,
}

/// The private half of a key file.
pub(super) enum Secret {
    /// Ready to sign.
    Open(Box<PrivateKey>),
    /// Needs a passphrase; the file's text.
    Locked(String),
    /// Not to be used from the file, and why. The agent may have it.
    Unusable {
        why: String,
        /// The system's ssh could use it.
        by_system: bool,
    },
}

impl KeyFile {
    /// Reads the file at `path`; `None` if neither it nor its `.pub` is there.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let beside = with_suffix(path, ".pub");
        let stored = read_key(&beside).ok();
        let mut public = stored.and_then(|text| PublicKey::from_openssh(text.trim()).ok());
        let secret = match read_private(path) {
            Ok(text) => classify(text, &mut public),
            Err(error) if error.kind() == io::ErrorKind::NotFound && public.is_none() => {
                return None;
            }
            Err(error) => unusable(error.to_string(), false),
        };
        Some(Self {
            path: path.to_owned(),
            public,
            secret,
        })
    }

    /// The file as it is called in messages.
    pub(super) fn shown(&self) -> String {
        shown(&self.path)
    }
}

fn classify(text: String, public: &mut Option<PublicKey>) -> Secret {
    if let Ok(key) = PrivateKey::from_openssh(&text) {
        *public = Some(key.public_key().clone());
        let algorithm = key.algorithm();
        return if algorithm.clone().is_rsa() {
            unusable("RSA keys are used through the agent only".into(), true)
        } else if algorithm.as_str().starts_with("sk-") {
            unusable(
                "keys on a device are used through the agent only".into(),
                true,
            )
        } else if key.is_encrypted() {
            Secret::Locked(text)
        } else {
            Secret::Open(Box::new(key))
        };
    }
    match decode_secret_key(&text, None) {
        Ok(key) => {
            *public = Some(key.public_key().clone());
            Secret::Open(Box::new(key))
        }
        Err(russh::keys::Error::KeyIsEncrypted) if public.is_some() => Secret::Locked(text),
        // An OpenSSH key that stands by its public half alone may still be named for the agent.
        Err(error) => unusable(format!("not a private key we can read ({error})"), true),
    }
}

fn unusable(why: String, by_system: bool) -> Secret {
    Secret::Unusable { why, by_system }
}

fn read_key(path: &Path) -> io::Result<String> {
    read_open(&mut File::open(path)?)
}

/// Refuses a file of ours that others can read, as OpenSSH does.
fn read_private(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    let ours = meta.uid() == rustix::process::getuid().as_raw();
    if ours && meta.mode() & 0o077 != 0 {
        return Err(io::Error::other("others may read it; chmod 600 it"));
    }
    read_open(&mut file)
}

fn read_open(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.take(MAX_KEY_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The certificates that are named, and those beside the key files.
pub(super) fn certificates(config: &HostConfig) -> Vec<Certificate> {
    let beside = config
        .identities
        .iter()
        .map(|path| with_suffix(path, "-cert.pub"));
    let files = config.certificates.iter().cloned().chain(beside);
    let texts = files.filter_map(|path| read_key(&path).ok());
    texts
        .filter_map(|text| Certificate::from_openssh(text.trim()).ok())
        .collect()
}
