//! One line of a file of known hosts.

use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

use super::super::pattern;

/// What a line says about its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// It is the hosts' own.
    None,
    /// It certifies the hosts' keys.
    Authority,
    /// It is not to be trusted.
    Revoked,
}

/// A line that has a key of a kind we know.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) marker: Marker,
    hosts: HostPatterns,
    pub(super) key: PublicKey,
    /// The line is about the host's own name, port included.
    pub(super) own: bool,
}

impl Line {
    /// Reads a line; `None` for comments, and for what OpenSSH passes over too.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let mut first = words.next().filter(|word| !word.starts_with('#'))?;
        let marker = match first {
            "@revoked" => Marker::Revoked,
            "@cert-authority" => Marker::Authority,
            _ if first.starts_with('@') => return None,
            _ => Marker::None,
        };
        if marker != Marker::None {
            first = words.next()?;
        }
        let key = format!("{} {}", words.next()?, words.next()?);
        Some(Self {
            marker,
            hosts: HostPatterns::from_str(first).ok()?,
            key: PublicKey::from_openssh(key.trim_end()).ok()?,
            own: false,
        })
    }

    /// Whether the line is about `name`, in lower case.
    pub(super) fn is_about(&self, name: &str) -> bool {
        match &self.hosts {
            HostPatterns::Patterns(patterns) => {
                pattern::list_covers(patterns.iter().map(String::as_str), name)
            }
            HostPatterns::HashedName { salt, hash } => hashed(salt, name) == Some(*hash),
        }
    }
}

/// A name as `HashKnownHosts` writes it: HMAC-SHA1 with the salt as key.
pub(super) fn hashed(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    let mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    Some(mac.chain_update(name).finalize().into_bytes().into())
}
