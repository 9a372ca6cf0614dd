//! Keys, signatures, and the files that say whose count: the formats of OpenSSH.

use mailvc_store::sign::{AllowedSigners, PublicKey, armor, dearmor, signer, verify};

/// A file that is understood is understood in the same way when it is written again.
pub(super) fn allowed_signers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(signers) = AllowedSigners::parse(text) {
        let again = AllowedSigners::parse(&signers.to_string());
        assert_eq!(again.as_ref(), Ok(&signers));
    }
}

/// A key has one spelling in each of its two forms.
pub(super) fn public_key(bytes: &[u8]) {
    if let Ok(key) = PublicKey::from_wire(bytes) {
        assert_eq!(key.wire_bytes(), bytes);
        assert_eq!(PublicKey::from_openssh(&key.to_openssh()), Ok(key));
    }
    if let Some(key) = openssh(bytes) {
        assert_eq!(PublicKey::from_wire(&key.wire_bytes()), Ok(key));
    }
}

fn openssh(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::from_openssh(std::str::from_utf8(bytes).ok()?).ok()
}

/// A signature has one form, in armour and without; it holds for nothing that it was not made for.
pub(super) fn sshsig(bytes: &[u8]) {
    if let Ok(key) = signer(bytes) {
        assert!(verify(&key, b"signed by nobody", bytes).is_err());
        let text = armor(bytes).expect("a signature");
        assert_eq!(dearmor(&text).as_deref(), Ok(bytes));
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if let Ok(blob) = dearmor(text) {
        assert!(signer(&blob).is_ok() || armor(&blob).is_ok());
    }
}
