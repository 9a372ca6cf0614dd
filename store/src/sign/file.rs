use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ssh_key::getrandom::SysRng;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::rand_core::TryRng as _;
use ssh_key::{LineEnding, PrivateKey};

use super::{PublicKey, SignError, Signer, sshsig};
use crate::fs::{Fs, write_durable};

/// The longest key file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A private key in a file of OpenSSH's format, without a passphrase: a device signs while nobody
/// is there. Its protection is the file's mode; one that others may read is refused.
pub struct KeyFile {
    private: PrivateKey,
    public: PublicKey,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot use the key file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key is there already; it is never overwritten.
    #[error("there is a key in {0} already")]
    Exists(PathBuf),
    /// Others than the owner may read it.
    #[error(
        "others may read {path} (mode {mode:04o}): chmod 600 it, and think of renewing the key"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key needs a passphrase.
    #[error("the key in {0} is encrypted")]
    Encrypted(PathBuf),
    /// The file holds no private key in OpenSSH's format.
    #[error("{0} holds no OpenSSH private key")]
    NotAKey(PathBuf),
    /// The key is of a kind that we cannot use.
    #[error("the key in {path} cannot be used")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which kind it is.
        source: SignError,
    },
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl KeyFile {
    /// Makes an ed25519 key in `path` (for the owner alone) and its public half in `path.pub`.
    /// Whoever sees the private file sees the public one too. `comment` is a name for people.
    pub fn generate(fs: &dyn Fs, path: &Path, comment: &str) -> Result<Self, KeyFileError> {
        let io = |source| io_error(path, source);
        match fs.lstat(path) {
            Ok(_) => return Err(KeyFileError::Exists(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let key = Self::new(random_key(comment)?, path)?;
        let text = key.private.to_openssh(LineEnding::LF);
        let text = text.map_err(|_| KeyFileError::NotAKey(path.to_owned()))?;
        let comment = key.private.comment().as_str_lossy().to_owned();
        let public = format!("{} {comment}", key.public.to_openssh());
        let line = format!("{}\n", public.trim_end());
        let beside = public_path(path);
        write_durable(fs, &beside, line.as_bytes()).map_err(|source| io_error(&beside, source))?;
        write_durable(fs, path, text.as_bytes()).map_err(io)?;
        Ok(key)
    }

    /// Reads the key in `path`.
    pub fn load(fs: &dyn Fs, path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| io_error(path, source);
        let mode = fs.stat(path).map_err(io)?.mode & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyFileError::TooOpen { path, mode });
        }
        let mut text = Vec::new();
        let file = fs.open(path).map_err(io)?;
        file.take(MAX_FILE).read_to_end(&mut text).map_err(io)?;
        let private = PrivateKey::from_openssh(&text);
        let private = private.map_err(|_| KeyFileError::NotAKey(path.to_owned()))?;
        Self::new(private, path)
    }

    fn new(private: PrivateKey, path: &Path) -> Result<Self, KeyFileError> {
        if private.is_encrypted() {
            return Err(KeyFileError::Encrypted(path.to_owned()));
        }
        let unsupported = |source| KeyFileError::Unsupported {
            path: path.to_owned(),
            source,
        };
        let public = PublicKey::from_data(private.public_key().key_data().clone());
        let public = public.map_err(unsupported)?;
        can_sign(&public).map_err(unsupported)?;
        Ok(Self { private, public })
    }

    /// What the file says about itself: a name for people, empty if it has none.
    pub fn comment(&self) -> String {
        self.private.comment().as_str_lossy().to_owned()
    }
}

impl Signer for KeyFile {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        sshsig::sign(&self.private, message)
    }
}

/// Shows the public half alone.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("KeyFile");
        shown.field("public", &self.public).finish_non_exhaustive()
    }
}

fn random_key(comment: &str) -> Result<PrivateKey, KeyFileError> {
    let mut seed = [0; 32];
    let filled = SysRng.try_fill_bytes(&mut seed);
    filled.map_err(|_| KeyFileError::NoRandom)?;
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    // The public file has one line.
    let comment = comment.replace(char::is_control, " ");
    PrivateKey::new(pair, comment.trim()).map_err(|_| KeyFileError::NoRandom)
}

/// Keys whose private half can lie in a file and be used by this build.
fn can_sign(key: &PublicKey) -> Result<(), SignError> {
    use ssh_key::{Algorithm, EcdsaCurve};
    match key.data().algorithm() {
        Algorithm::Ed25519
        | Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        } => Ok(()),
        other => Err(SignError::Unsupported(other.to_string())),
    }
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn io_error(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // files that others would have written
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fs::OsFs;
    use crate::sign::verify;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn a_generated_key_signs_after_it_was_loaded() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("device");
        let made = KeyFile::generate(&OsFs, &path, "laptop\nof me").expect("made");
        let loaded = KeyFile::load(&OsFs, &path).expect("loaded");
        assert_eq!(loaded.public_key(), made.public_key());
        assert_eq!(loaded.comment(), "laptop of me");
        assert_eq!(mode(&path), 0o600);
        let line = fs::read_to_string(dir.path().join("device.pub")).expect("a file");
        assert_eq!(
            line,
            format!("{} laptop of me\n", made.public_key().to_openssh())
        );
        let signature = loaded.sign(b"x").expect("signed");
        assert_eq!(verify(made.public_key(), b"x", &signature), Ok(()));
        assert!(!format!("{made:?}").contains("seed"));
    }

    #[test]
    fn a_key_is_never_overwritten_nor_made_twice() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let first = KeyFile::generate(&OsFs, &path, "").expect("made");
        let again = KeyFile::generate(&OsFs, &path, "");
        assert!(matches!(again, Err(KeyFileError::Exists(_))));
        let other = KeyFile::generate(&OsFs, &dir.path().join("b"), "").expect("made");
        assert_ne!(first.public_key(), other.public_key());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        KeyFile::generate(&OsFs, &path, "").expect("made");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        let refused = KeyFile::load(&OsFs, &path);
        assert!(matches!(
            refused,
            Err(KeyFileError::TooOpen { mode: 0o640, .. })
        ));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        let absent = KeyFile::load(&OsFs, &path);
        assert!(matches!(absent, Err(KeyFileError::Io { .. })));
        fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        let refused = KeyFile::load(&OsFs, &path);
        assert!(matches!(refused, Err(KeyFileError::NotAKey(_))));
    }
}
