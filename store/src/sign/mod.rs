//! Signatures in OpenSSH's format, and whom to trust.
//!
//! A snapshot is signed with an SSH key, in the namespace [`NAMESPACE`]; `ssh-keygen -Y verify`
//! checks what we sign, and we check what it signs. A key is its wire bytes: comments are
//! information. Nothing here decides whether a signature is *enough*; that needs the snapshot.

mod allowed;
mod file;
mod key;
#[cfg(test)]
mod openssh_tests;
mod pattern;
mod sshsig;
mod words;

pub use allowed::{AllowedSigner, AllowedSigners, AllowedSignersError, LineError};
pub use file::{KeyFile, KeyFileError};
pub use key::PublicKey;
pub use pattern::{PatternError, PatternList};
pub use sshsig::{armor, dearmor, signer, verify};

/// What our signatures are for; a signature made for anything else is none for us.
pub const NAMESPACE: &str = "mailvc-snapshot";

/// Whoever can sign for a device.
pub trait Signer {
    /// The key with which the signatures can be verified.
    fn public_key(&self) -> &PublicKey;
    /// Signs `message` in [`NAMESPACE`], hashed with SHA-512. The result is the binary SSHSIG
    /// blob, at most [`MAX_SIGNATURE`] bytes long; [`armor`] makes a `.sig` file of it.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// The longest signature that is looked at, in bytes; an RSA key of 16,384 bits needs 4.3 KiB.
pub const MAX_SIGNATURE: usize = 16 * 1024;

/// Why a key or a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The text or the bytes are no public key.
    #[error("not an SSH public key")]
    NotAKey,
    /// The bytes are no signature, or not in the one form that a signature has.
    #[error("not an SSH signature")]
    NotASignature,
    /// The signature is by another key.
    #[error("signed by {actual}, not by {expected}")]
    OtherKey {
        /// The fingerprint of the key that was asked for.
        expected: String,
        /// The fingerprint of the key that the signature names.
        actual: String,
    },
    /// The signature was made for something else.
    #[error("a signature for \"{}\", not for \"{NAMESPACE}\"", .0.escape_default())]
    OtherNamespace(String),
    /// The key did not make this signature of this message.
    #[error("the signature by {0} is wrong")]
    Wrong(String),
    /// A kind of key that we cannot use.
    #[error("keys of the kind {0} are not supported")]
    Unsupported(String),
    /// Signing itself failed.
    #[error("cannot sign with {0}")]
    Failed(String),
}
