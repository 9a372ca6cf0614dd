//! The SSHSIG envelope (OpenSSH's `PROTOCOL.sshsig`).

use ssh_key::encoding::{Decode, Encode, Reader};
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use super::{MAX_SIGNATURE, NAMESPACE, PublicKey, SignError};

/// The most that is read of a `.sig` file: a signature in base64, with its line ends.
const MAX_ARMORED: usize = MAX_SIGNATURE / 2 * 3;

/// Verifies that `key` signed `message` in [`NAMESPACE`]. `sshsig` is the binary blob.
pub fn verify(key: &PublicKey, message: &[u8], sshsig: &[u8]) -> Result<(), SignError> {
    let signature = decode(sshsig)?;
    let signer = PublicKey::from_data(signature.public_key().clone())?;
    if signer != *key {
        return Err(SignError::OtherKey {
            expected: key.fingerprint(),
            actual: signer.fingerprint(),
        });
    }
    if signature.namespace() != NAMESPACE {
        return Err(SignError::OtherNamespace(signature.namespace().to_owned()));
    }
    is_supported(key)?;
    ssh_key::PublicKey::from(key.data().clone())
        .verify(NAMESPACE, message, &signature)
        .map_err(|_| SignError::Wrong(key.fingerprint()))
}

/// The key that a signature names as its own. That it made the signature is for [`verify`] to say.
pub fn signer(sshsig: &[u8]) -> Result<PublicKey, SignError> {
    PublicKey::from_data(decode(sshsig)?.public_key().clone())
}

/// Kinds of keys whose signatures this build can check.
fn is_supported(key: &PublicKey) -> Result<(), SignError> {
    use ssh_key::{Algorithm, EcdsaCurve};
    match key.data().algorithm() {
        Algorithm::Ed25519
        | Algorithm::SkEd25519
        | Algorithm::SkEcdsaSha2NistP256
        | Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        } => Ok(()),
        other => Err(SignError::Unsupported(other.to_string())),
    }
}

/// Signs with a private key in memory.
pub(super) fn sign(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, SignError> {
    let failed = || SignError::Failed(key.fingerprint(HashAlg::Sha256).to_string());
    let signature = key.sign(NAMESPACE, HashAlg::Sha512, message);
    let signature = signature.map_err(|_| failed())?;
    encode(&signature).ok_or_else(failed)
}

/// The text of a `.sig` file, as `ssh-keygen -Y verify` reads it.
pub fn armor(sshsig: &[u8]) -> Result<String, SignError> {
    let text = decode(sshsig)?.to_pem(LineEnding::LF);
    text.map_err(|_| SignError::NotASignature)
}

/// The binary blob of a `.sig` file.
pub fn dearmor(text: &str) -> Result<Vec<u8>, SignError> {
    let short = Some(text).filter(|text| text.len() <= MAX_ARMORED);
    let signature = short.and_then(|text| SshSig::from_pem(text).ok());
    let blob = signature.as_ref().and_then(encode);
    let blob = blob.ok_or(SignError::NotASignature)?;
    decode(&blob).map(|_| blob)
}

fn encode(signature: &SshSig) -> Option<Vec<u8>> {
    signature.encode_vec().ok()
}

/// A signature has one form only: encoding what was read must give the same bytes.
fn decode(mut sshsig: &[u8]) -> Result<SshSig, SignError> {
    let whole = sshsig;
    let reader = &mut sshsig;
    Some(whole.len())
        .filter(|&length| length <= MAX_SIGNATURE)
        .and_then(|_| SshSig::decode(reader).ok())
        .filter(|_| reader.is_finished())
        .filter(|signature| signature.version() == SshSig::VERSION)
        .filter(|signature| encode(signature).as_deref() == Some(whole))
        .ok_or(SignError::NotASignature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::private::Ed25519Keypair;

    fn keys(seed: u8) -> (PrivateKey, PublicKey) {
        let private = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let public = PublicKey::from_data(private.public_key().key_data().clone());
        (private, public.expect("a key"))
    }

    #[test]
    fn a_signature_holds_for_its_key_message_and_namespace_alone() {
        let (private, public) = keys(1);
        let (_, other) = keys(2);
        let blob = sign(&private, b"hello").expect("signed");
        assert_eq!(verify(&public, b"hello", &blob), Ok(()));
        let wrong = Err(SignError::Wrong(public.fingerprint()));
        assert_eq!(verify(&public, b"hello!", &blob), wrong);
        let by_another = verify(&other, b"hello", &blob);
        assert!(matches!(by_another, Err(SignError::OtherKey { .. })));
        let file = private
            .sign("file", HashAlg::Sha512, b"hello")
            .expect("signed");
        let file = encode(&file).expect("encoded");
        let elsewhere = Err(SignError::OtherNamespace("file".to_owned()));
        assert_eq!(verify(&public, b"hello", &file), elsewhere);
    }

    #[test]
    fn no_changed_byte_and_no_cut_is_accepted() {
        let (private, public) = keys(1);
        let blob = sign(&private, b"hello").expect("signed");
        for at in 0..blob.len() {
            assert!(verify(&public, b"hello", &blob[..at]).is_err(), "{at}");
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert!(verify(&public, b"hello", &changed).is_err(), "{at}");
        }
        let longer = [&blob[..], b"\0"].concat();
        assert_eq!(
            verify(&public, b"hello", &longer),
            Err(SignError::NotASignature)
        );
    }

    #[test]
    fn the_signature_of_a_key_and_message_never_changes() {
        let (private, _) = keys(1);
        let blob = sign(&private, b"hello").expect("signed");
        let hash = blake3::hash(&blob);
        assert_eq!(&hash.to_hex()[..16], "3d1e7fd8d38a017e");
    }

    #[test]
    fn armor_comes_off_again() {
        let (private, _) = keys(1);
        let blob = sign(&private, b"hello").expect("signed");
        let text = armor(&blob).expect("armored");
        assert!(text.starts_with("-----BEGIN SSH SIGNATURE-----\n"));
        assert_eq!(dearmor(&text), Ok(blob));
        for text in [
            "",
            "-----BEGIN SSH SIGNATURE-----\n",
            &text[..text.len() / 2],
        ] {
            assert_eq!(dearmor(text), Err(SignError::NotASignature));
        }
        assert_eq!(armor(b"x"), Err(SignError::NotASignature));
    }
}
