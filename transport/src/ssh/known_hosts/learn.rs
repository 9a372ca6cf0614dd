//! Records a host that somebody has vouched for.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use mailvc_store::fs::{Fs, OsFs, append_durable, create_dir_durable};
use russh::keys::PublicKey;
use russh::keys::ssh_key::known_hosts::HostPatterns;

use super::super::SshError;
use super::line;

/// Adds a host's name and key to `file`, which is made, with its directory, where it is missing.
pub(in super::super) fn learn(
    file: &Path,
    (name, key): (&str, &PublicKey),
    hash: bool,
) -> Result<(), SshError> {
    let host = if hash {
        hide(name)
    } else {
        Ok(name.to_owned())
    };
    host.and_then(|host| append(file, &host, key))
        .map_err(|source| SshError::KnownHosts {
            path: file.to_owned(),
            source,
        })
}

fn append(file: &Path, host: &str, key: &PublicKey) -> io::Result<()> {
    let mut plain = key.clone();
    plain.set_comment("");
    let key = plain.to_openssh().map_err(io::Error::other)?;
    if let Some(dir) = file.parent() {
        create_dir_durable(&OsFs, dir)?;
    }
    let open = if ends_in_a_line(file)? { "" } else { "\n" };
    append_durable(&OsFs, file, format!("{open}{host} {key}\n").as_bytes())
}

fn ends_in_a_line(file: &Path) -> io::Result<bool> {
    let mut file = match OsFs.open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn hide(name: &str) -> io::Result<String> {
    let mut salt = [0; 20];
    OsFs.open(Path::new("/dev/urandom"))?
        .read_exact(&mut salt)?;
    let hash = line::hashed(&salt, name).ok_or(io::ErrorKind::InvalidInput)?;
    let salt = salt.to_vec();
    Ok(HostPatterns::HashedName { salt, hash }.to_string())
}
