//! Key files that need a passphrase.

use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, decode_secret_key, signature};

use super::super::Prompt;
use super::super::keys::KeyFile;

/// How often a passphrase is asked for.
const PASSPHRASE_TRIES: usize = 3;

/// Signs with a key file that needs a passphrase.
pub(super) struct Locked<'a> {
    pub(super) file: &'a KeyFile,
    pub(super) text: &'a str,
    pub(super) prompt: &'a dyn Prompt,
}

/// No signature was made.
pub(super) struct Unsigned;

impl From<russh::SendError> for Unsigned {
    fn from(_: russh::SendError) -> Self {
        Self
    }
}

impl Locked<'_> {
    fn unlock(&self) -> Option<PrivateKey> {
        for _ in 0..PASSPHRASE_TRIES {
            let passphrase = self.prompt.passphrase(&self.file.path)?;
            if let Ok(key) = decode_secret_key(self.text, Some(&passphrase)) {
                return Some(key);
            }
        }
        None
    }

    /// What was to be signed, with the signature behind it as an SSH string.
    fn sign(&self, mut message: Vec<u8>) -> Option<Vec<u8>> {
        let key = self.unlock()?;
        let signature = signature::Signer::try_sign(&key, &message).ok()?;
        let signature: Vec<u8> = signature.try_into().ok()?;
        message.extend(u32::try_from(signature.len()).ok()?.to_be_bytes());
        message.extend(signature);
        Some(message)
    }
}

impl Signer for Locked<'_> {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        _hash: Option<HashAlg>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        self.sign(message).ok_or(Unsigned)
    }
}
