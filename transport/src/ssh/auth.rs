//! Proves to a host who the user is: the agent's keys, certificates, key files, in OpenSSH's
//! order. A passphrase is asked for only when the host has said that it takes the key.

use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{
    Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, decode_secret_key,
    signature,
};
use russh::{MethodKind, MethodSet, Signer};
use tokio::net::UnixStream;

use super::client::{Checker, Failure};
use super::config::{AgentPlace, HostConfig};
use super::keys::{KeyFile, Secret, certificates};
use super::{Prompt, SshError};

/// How often a passphrase is asked for.
const PASSPHRASE_TRIES: usize = 3;

type Agent = AgentClient<UnixStream>;

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

    async fn agent(&mut self) -> (Option<Agent>, Vec<AgentIdentity>) {
        let place = match &self.config.agent {
            AgentPlace::Nowhere => None,
            AgentPlace::Socket(path) => Some(path.clone()),
            AgentPlace::Environment => std::env::var_os("SSH_AUTH_SOCK").map(Into::into),
        };
        let Some(place) = place.filter(|path| !path.as_os_str().is_empty()) else {
            return (None, Vec::new());
        };
        let asked = async {
            let mut agent = AgentClient::connect_uds(&place).await?;
            if let Some(binding) = self.session.agent_session_binding() {
                // Agents without this extension refuse it; keys that need it then do not sign.
                let _ = agent.bind_session(binding, false).await;
            }
            let held = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, held))
        };
        match asked.await {
            Ok((agent, held)) => (Some(agent), held),
            Err(error) => {
                self.skipped.push(format!("the agent ({error})"));
                (None, Vec::new())
            }
        }
    }

    async fn by_agent(&mut self, agent: &mut Agent, identities: Vec<AgentIdentity>) {
        for identity in identities {
            if self.over() {
                return;
            }
            let public = identity.public_key().into_owned();
            let Some(hash) = self.hash_for(&public).await else {
                self.skipped
                    .push(named(&public, "its server takes RSA with SHA-1 only"));
                continue;
            };
            self.tried.push(named(&public, "agent"));
            let user = &self.config.user;
            let result = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    self.session
                        .authenticate_publickey_with(user, key, hash, agent)
                        .await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    let session = &mut self.session;
                    session
                        .authenticate_certificate_with(user, certificate, hash, agent)
                        .await
                }
            };
            self.note(result.ok());
        }
    }

    /// The hash to sign with: outer `None` if the host takes only what is broken.
    async fn hash_for(&self, key: &PublicKey) -> Option<Option<HashAlg>> {
        if !key.algorithm().is_rsa() {
            return Some(None);
        }
        match self.session.best_supported_rsa_hash().await {
            Ok(Some(Some(hash))) => Some(Some(hash)),
            Ok(Some(None)) => None,
            Ok(None) | Err(_) => Some(Some(HashAlg::Sha512)),
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
        let session = &mut self.session;
        let result = session
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

/// The agent's identities in the order to offer them: those of the key files first, and only
/// those where the configuration says so.
fn wanted(held: Vec<AgentIdentity>, files: &[KeyFile], config: &HostConfig) -> Vec<AgentIdentity> {
    let place = |identity: &AgentIdentity| {
        let key = identity.public_key();
        let same = |file: &KeyFile| {
            let public = file.public.as_ref();
            public.is_some_and(|public| public.key_data() == key.key_data())
        };
        files.iter().position(same).unwrap_or(usize::MAX)
    };
    let mut wanted = held;
    if config.identities_only {
        wanted.retain(|identity| place(identity) != usize::MAX);
    }
    wanted.sort_by_key(place);
    wanted
}

fn in_agent(held: &[AgentIdentity], file: &KeyFile) -> bool {
    let plain = held
        .iter()
        .filter(|identity| matches!(identity, AgentIdentity::PublicKey { .. }));
    let mut keys = plain.map(AgentIdentity::public_key);
    let public = file.public.as_ref();
    public.is_some_and(|public| keys.any(|key| key.key_data() == public.key_data()))
}

fn named(key: &PublicKey, from: &str) -> String {
    format!(
        "{} {} ({from})",
        key.algorithm(),
        key.fingerprint(HashAlg::Sha256)
    )
}

/// Signs with a key file that needs a passphrase.
struct Locked<'a> {
    file: &'a KeyFile,
    text: &'a str,
    prompt: &'a dyn Prompt,
}

/// No signature was made.
struct Unsigned;

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
