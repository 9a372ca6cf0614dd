//! Which algorithms to offer: the fast ones first, and none that the configuration leaves out.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve};
use russh::{Preferred, cipher};

use super::config::HostConfig;

/// Host keys that can be checked here. RSA is not among them.
const HOST_KEYS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
];

/// What a client offers to a host of which `known` kinds of key are known: those are asked for
/// first. `None` if nothing is left of some list, or no known kind is ours: only OpenSSH can then.
pub(super) fn for_client(config: &HostConfig, known: &[Algorithm]) -> Option<Preferred> {
    let mut keys = allowed(
        &HOST_KEYS,
        config.host_key_algorithms.as_ref(),
        Algorithm::as_str,
    );
    if !known.is_empty() && !keys.iter().any(|key| known.contains(key)) {
        return None;
    }
    keys.sort_by_key(|key| !known.contains(key));
    let usual = Preferred::DEFAULT;
    // Markers of extensions are not for the configuration to leave out.
    let is_marker = |name: &str| name.starts_with("ext-info") || name.starts_with("kex-strict");
    let mut kex = usual.kex.to_vec();
    kex.retain(|name| is_marker(name.as_ref()) || is_allowed(config.kex.as_ref(), name.as_ref()));
    let ciphers = allowed(&ciphers(), config.ciphers.as_ref(), AsRef::as_ref);
    let macs = allowed(&usual.mac, config.macs.as_ref(), AsRef::as_ref);
    let can_exchange = kex.iter().any(|name| !is_marker(name.as_ref()));
    let complete = can_exchange && !keys.is_empty() && !ciphers.is_empty() && !macs.is_empty();
    complete.then_some(Preferred {
        kex: Cow::Owned(kex),
        key: Cow::Owned(keys),
        cipher: Cow::Owned(ciphers),
        mac: Cow::Owned(macs),
        ..usual
    })
}

/// What our own server offers.
pub(super) fn for_server() -> Preferred {
    Preferred {
        key: Cow::Borrowed(&HOST_KEYS),
        cipher: Cow::Owned(ciphers()),
        ..Preferred::DEFAULT
    }
}

/// AES-GCM is twice as fast as ChaCha20 where the processor has AES, and slower where not.
fn ciphers() -> Vec<cipher::Name> {
    let mut fast = vec![cipher::AES_256_GCM, cipher::AES_128_GCM];
    let portable = [cipher::CHACHA20_POLY1305];
    let rest = [
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    if has_aes() {
        fast.extend(portable);
    } else {
        fast.splice(0..0, portable);
    }
    fast.extend(rest);
    fast
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

fn allowed<T: Clone>(
    ours: &[T],
    allowed: Option<&Vec<String>>,
    name: impl Fn(&T) -> &str,
) -> Vec<T> {
    let mut ours = ours.to_vec();
    ours.retain(|algorithm| is_allowed(allowed, name(algorithm)));
    ours
}

/// A list of the configuration may have wildcards.
fn is_allowed(allowed: Option<&Vec<String>>, name: &str) -> bool {
    let covers = |patterns: &Vec<String>| {
        super::pattern::list_covers(patterns.iter().map(String::as_str), name)
    };
    allowed.is_none_or(covers)
}
