//! The server's own key.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mailvc_store::fs::{OsFs, create_dir_durable, write_durable};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

use super::ServerError;

/// Loads the key, or makes one (Ed25519) where there is no file.
pub(super) fn load_or_make(path: &Path) -> Result<PrivateKey, ServerError> {
    load(path)
        .and_then(|found| match found {
            Some(key) => Ok(key),
            None => make(path).map_err(|error| error.to_string()),
        })
        .map_err(|what| ServerError::HostKey {
            path: path.to_owned(),
            what,
        })
}

/// The public half in a line, without a comment; empty if it has no such spelling.
pub(super) fn public_line(key: &PrivateKey) -> String {
    let mut public = key.public_key().clone();
    public.set_comment("");
    public
        .to_openssh()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

fn load(path: &Path) -> Result<Option<PrivateKey>, String> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if meta.permissions().mode() & 0o077 != 0 {
        return Err("others may read it; chmod 600 it".into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let key = PrivateKey::from_openssh(&text).map_err(|error| error.to_string())?;
    if key.is_encrypted() {
        return Err("it has a passphrase".into());
    }
    if key.algorithm().is_rsa() {
        return Err("RSA keys can't be used; remove it and an Ed25519 key is made".into());
    }
    Ok(Some(key))
}

fn make(path: &Path) -> io::Result<PrivateKey> {
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    if let Some(dir) = path.parent() {
        create_dir_durable(&OsFs, dir)?;
    }
    write_durable(&OsFs, path, text.as_bytes())?;
    Ok(key)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // fixtures
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_the_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys/host");
        let made = load_or_make(&path).expect("made");
        let rights = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(rights & 0o777, 0o600);
        let loaded = load_or_make(&path).expect("loaded");
        assert_eq!(made.public_key(), loaded.public_key());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("host");
        load_or_make(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(load_or_make(&path).is_err());
    }
}
