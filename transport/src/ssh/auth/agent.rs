//! The keys that the user's agent holds.

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PublicKey};
use tokio::net::UnixStream;

use super::super::config::{AgentPlace, HostConfig};
use super::super::keys::KeyFile;
use super::Attempt;

/// A line to the agent.
pub(super) type Agent = AgentClient<UnixStream>;

impl Attempt<'_> {
    /// The agent and what it holds; nothing if there is none.
    pub(super) async fn agent(&mut self) -> (Option<Agent>, Vec<AgentIdentity>) {
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

    /// Offers the agent's identities one after the other.
    pub(super) async fn by_agent(&mut self, agent: &mut Agent, identities: Vec<AgentIdentity>) {
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
                    self.session
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
}

/// The agent's identities in the order to offer them: those of the key files first, and only
/// those where the configuration says so.
pub(super) fn wanted(
    held: Vec<AgentIdentity>,
    files: &[KeyFile],
    config: &HostConfig,
) -> Vec<AgentIdentity> {
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

/// Whether the agent holds the key of a file.
pub(super) fn in_agent(held: &[AgentIdentity], file: &KeyFile) -> bool {
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
