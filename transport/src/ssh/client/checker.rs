//! Judges the key that a host shows, before anything else is said.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::Handler;
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::super::known_hosts::{Known, Verdict};

/// What a key is judged by.
pub(super) struct Judge {
    pub(super) known: Known,
    /// A key that a person has just vouched for.
    pub(super) vouched: Option<Box<PublicKey>>,
}

/// The verdict, and the key that it is about, once there is one.
pub(super) type Found = Arc<Mutex<Option<(Verdict, PublicKey)>>>;

/// Lets a connection go on only if the host's key is known.
pub(in super::super) struct Checker {
    pub(super) judge: Judge,
    pub(super) found: Found,
}

impl Handler for Checker {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        // Certificates are never asked for; one that comes all the same proves nothing here.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        let vouched = self.judge.vouched.as_ref();
        let vouched = vouched.is_some_and(|vouched| vouched.key_data() == key.key_data());
        let verdict = match self.judge.known.judge(key) {
            Verdict::Unknown if vouched => Verdict::Known,
            verdict => verdict,
        };
        let accept = verdict == Verdict::Known;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some((verdict, key.clone()));
        Ok(accept)
    }
}
