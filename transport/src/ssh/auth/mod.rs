//! Proves to a host who the user is: the agent's keys, certificates, key files, in OpenSSH's
//! order. A passphrase is asked for only when the host has said that it takes the key.

mod agent;
mod locked;

use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::{Certificate, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};

use super::client::{Checker, Failure};
use super::config::HostConfig;
use super::keys::{KeyFile, Secret, certificates};
use super::{Prompt, SshError};
use agent::{in_agent, wanted};
use locked::{Locked, Unsigned};

/// Authenticates `session`, or tells what was tried.
pub(super) async fn authenticate(
    session: &mut Handle<Checker>,
    config: &HostConfig,
    prompt: Option<&dyn Prompt>,
) -> Result<(), Failure> {
    let mut attempt = Attempt {
        session,
        config,
        prompt,
        tried: Vec::new(),
        skipped: Vec::new(),
        beyond: Vec::new(),
        done: false,
        remaining: MethodSet::empty(),
    };
    attempt.run().await;
    if attempt.done {
        return Ok(());
    }
    let lost = attempt.session.is_closed();
    attempt.explain(lost);
    let error = SshError::AuthRefused {
        user: config.user.clone(),
        host: config.host.clone(),
        tried: attempt.tried,
        skipped: attempt.skipped,
    };
    match attempt.beyond.into_iter().next() {
        Some(why) => Err(Failure::Beyond {
            why,
            error: Some(error),
        }),
        None => Err(Failure::Final(error)),
    }
}

struct Attempt<'a> {
    session: &'a mut Handle<Checker>,
    config: &'a HostConfig,
    prompt: Option<&'a dyn Prompt>,
    tried: Vec<String>,
    skipped: Vec<String>,
    /// What the system's ssh could still do.
    beyond: Vec<String>,
    done: bool,
    remaining: MethodSet,
}

impl Attempt<'_> {
    async fn run(&mut self) {
        let identities = self.config.identities.iter();
        let files: Vec<KeyFile> = identities.filter_map(|path| KeyFile::read(path)).collect();
        let certificates = certificates(self.config);
        let (mut agent, held) = self.agent().await;
        if let Some(agent) = &mut agent {
            self.by_agent(agent, wanted(held.clone(), &files, self.config))
                .await;
        }
        for file in &files {
            if self.over() {
                return;
            }
            if !in_agent(&held, file) {
                self.by_file(file, &certificates).await;
            }
        }
        if self.tried.is_empty() && !self.over() {
            // Tells which ways the host would take.
            let result = self.session.authenticate_none(&self.config.user).await;
            self.note(result.ok());
        }
    }

    fn over(&self) -> bool {
        self.done || self.session.is_closed()
    }

    fn note(&mut self, result: Option<AuthResult>) {
        match result {
            Some(AuthResult::Success) => self.done = true,
            Some(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                self.remaining = remaining_methods;
                if partial_success {
                    self.beyond.push("the host asks for a second proof".into());
                }
            }
            None => {}
        }
    }

    async fn by_file(&mut self, file: &KeyFile, certificates: &[Certificate]) {
        match (&file.secret, &file.public) {
            (Secret::Open(key), _) => {
                let key = Arc::new((**key).clone());
                self.by_certificates(&key, certificates).await;
                if !self.over() {
                    self.tried.push(file.shown());
                    let key = PrivateKeyWithHashAlg::new(key, None);
                    let user = &self.config.user;
                    let result = self.session.authenticate_publickey(user, key).await;
                    self.note(result.ok());
                }
            }
            (Secret::Locked(text), Some(public)) => self.by_locked(file, text, public).await,
            (Secret::Locked(_), None) => {}
            (Secret::Unusable { why, by_system }, _) => {
                let reason = format!("{} ({why})", file.shown());
                if *by_system {
                    self.beyond.push(reason.clone());
                }
                self.skipped.push(reason);
            }
        }
    }

    async fn by_certificates(&mut self, key: &Arc<PrivateKey>, certificates: &[Certificate]) {
        let own = key.public_key().key_data();
        for certificate in certificates
            .iter()
            .filter(|certificate| certificate.public_key() == own)
        {
            if self.over() {
                return;
            }
            self.tried.push(format!(
                "certificate {}",
                certificate.key_id().escape_debug()
            ));
            let (key, certificate) = (Arc::clone(key), certificate.clone());
            let user = &self.config.user;
            let result = self
                .session
                .authenticate_openssh_cert(user, key, certificate)
                .await;
            self.note(result.ok());
        }
    }

    async fn by_locked(&mut self, file: &KeyFile, text: &str, public: &PublicKey) {
        let Some(prompt) = self.prompt else {
            let reason = "has a passphrase and nobody can be asked: add it to the agent";
            self.skipped.push(format!("{} ({reason})", file.shown()));
            return;
        };
        self.tried.push(file.shown());
        let mut signer = Locked { file, text, prompt };
        let user = &self.config.user;
        let result = self
            .session
            .authenticate_publickey_with(user, public.clone(), None, &mut signer)
            .await;
        if matches!(result, Err(Unsigned)) {
            self.skipped
                .push(format!("{} (not unlocked)", file.shown()));
        }
        self.note(result.ok());
    }

    /// Names what the host would have taken and russh does not do.
    fn explain(&mut self, lost: bool) {
        if lost {
            self.skipped
                .push("the host closed the connection: too many keys?".into());
        }
        let takes = |kind| self.remaining.contains(&kind);
        if self.config.gssapi && takes(MethodKind::GssapiWithMic) {
            self.beyond.push("the host takes GSSAPI".into());
        }
        let interactive = takes(MethodKind::Password) || takes(MethodKind::KeyboardInteractive);
        if self.prompt.is_some() && interactive {
            self.beyond.push("the host takes a password".into());
        }
        if takes(MethodKind::HostBased) {
            self.beyond.push("the host trusts hosts".into());
        }
    }
}
