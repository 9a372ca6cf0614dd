use std::fmt;

use ssh_key::public::KeyData;

use super::SignError;

/// The longest public key that is looked at, in bytes of its OpenSSH line.
const MAX_KEY: usize = 16 * 1024;

/// An SSH public key. Two are equal if their wire bytes are; a comment is no part of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    data: KeyData,
    wire: Vec<u8>,
    line: String,
}

impl PublicKey {
    /// Reads a line as in `id_ed25519.pub`: kind, base64, and perhaps a comment, which is dropped.
    /// A key is accepted in one spelling only, so that it has one device id.
    pub fn from_openssh(line: &str) -> Result<Self, SignError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(base64)) = (words.next(), words.next()) else {
            return Err(SignError::NotAKey);
        };
        if base64.len() > MAX_KEY {
            return Err(SignError::NotAKey);
        }
        let line = format!("{kind} {base64}");
        let key = ssh_key::PublicKey::from_openssh(&line).map_err(|_| SignError::NotAKey)?;
        let key = Self::from_data(key.key_data().clone())?;
        if key.line == line {
            Ok(key)
        } else {
            Err(SignError::NotAKey)
        }
    }

    /// Reads the bytes as they stand in the SSH protocol (RFC 4253, section 6.6).
    pub fn from_wire(wire: &[u8]) -> Result<Self, SignError> {
        if wire.len() > MAX_KEY {
            return Err(SignError::NotAKey);
        }
        let key = ssh_key::PublicKey::from_bytes(wire).map_err(|_| SignError::NotAKey)?;
        let key = Self::from_data(key.key_data().clone())?;
        if key.wire == wire {
            Ok(key)
        } else {
            Err(SignError::NotAKey)
        }
    }

    /// Certificates are no keys: whom they speak for changes with time.
    pub(super) fn from_data(data: KeyData) -> Result<Self, SignError> {
        if data.is_certificate() {
            return Err(SignError::Unsupported(data.algorithm().to_string()));
        }
        let key = ssh_key::PublicKey::from(data.clone());
        let wire = key.to_bytes().map_err(|_| SignError::NotAKey)?;
        let line = key.to_openssh().map_err(|_| SignError::NotAKey)?;
        // What cannot be read again would spoil the file that it is written to. The name of a kind
        // that is not known may hold anything.
        let (kind, _) = line.trim_end().rsplit_once(' ').unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte);
        let again = ssh_key::PublicKey::from_openssh(line.trim_end());
        let is_read = again.is_ok_and(|again| *again.key_data() == data);
        if !is_read || !kind.bytes().all(plain) {
            return Err(SignError::NotAKey);
        }
        Ok(Self {
            data,
            wire,
            line: line.trim_end().to_owned(),
        })
    }

    /// The line for `id_ed25519.pub` and for `allowed_signers`, without a comment.
    pub fn to_openssh(&self) -> String {
        self.line.clone()
    }

    /// The bytes as they stand in the SSH protocol; a device id is made from them.
    pub fn wire_bytes(&self) -> Vec<u8> {
        self.wire.clone()
    }

    /// The fingerprint as OpenSSH prints it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.data.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    pub(super) fn data(&self) -> &KeyData {
        &self.data
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.line).finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key that signs nothing.
    pub(in crate::sign) const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_key_is_its_wire_bytes_whatever_the_comment() {
        let key = PublicKey::from_openssh(LINE).expect("a key");
        let commented = PublicKey::from_openssh(&format!("{LINE} me@here now\n"));
        assert_eq!(commented.as_ref(), Ok(&key));
        assert_eq!(key.to_openssh(), LINE);
        assert_eq!(PublicKey::from_wire(&key.wire_bytes()), Ok(key.clone()));
        assert_eq!(key.wire_bytes().len(), 51);
        assert!(key.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let wire = PublicKey::from_openssh(LINE).expect("a key").wire_bytes();
        for end in 0..wire.len() {
            assert_eq!(PublicKey::from_wire(&wire[..end]), Err(SignError::NotAKey));
        }
        let longer = [&wire[..], b"x"].concat();
        assert_eq!(PublicKey::from_wire(&longer), Err(SignError::NotAKey));
        for line in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !",
            &LINE.replace("ssh-ed", "ssh-rs"),
        ] {
            assert_eq!(
                PublicKey::from_openssh(line),
                Err(SignError::NotAKey),
                "{line}"
            );
        }
    }

    #[test]
    fn a_kind_that_a_file_cannot_hold_is_refused() {
        for kind in [b"s@\x0b".as_slice(), b"a b@c", b"\"@c", b"a\n@c", b"a_b@c"] {
            let length = u32::try_from(kind.len()).expect("short").to_be_bytes();
            let wire = [&length, kind, &[0; 4]].concat();
            assert_eq!(PublicKey::from_wire(&wire), Err(SignError::NotAKey));
        }
    }
}
