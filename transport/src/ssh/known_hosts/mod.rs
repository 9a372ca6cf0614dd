//! Whether a host is who it was before: the files of known hosts, as OpenSSH reads them, with one
//! thing stricter: a key of another kind than those known for a host counts as a changed key.
//!
//! `@revoked` is obeyed before anything else. `@cert-authority` is never taken for a plain key.

mod learn;
mod line;

use std::io;
use std::path::{Path, PathBuf};

use russh::keys::{Algorithm, PublicKey};

use super::SshError;
pub(super) use learn::learn;
use line::{Line, Marker};

/// The lines of all files that are about one host.
#[derive(Debug, Default)]
pub(super) struct Known {
    lines: Vec<(String, Line)>,
}

/// What the files say about a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host's own.
    Known,
    /// Nothing is known of the host.
    Unknown,
    /// Another key is known; where it stands.
    Changed(String),
    /// Never to be trusted; where that stands.
    Revoked(String),
}

impl Known {
    /// Reads what `files` have about any of `names`. A file that is not there has nothing; one
    /// that can't be read is an error, since it may have a revocation.
    pub(super) fn read(files: &[PathBuf], names: &[String]) -> Result<Self, SshError> {
        let mut known = Self::default();
        for path in files {
            match std::fs::read(path) {
                Ok(bytes) => known.gather(path, &String::from_utf8_lossy(&bytes), names),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    let path = path.clone();
                    return Err(SshError::KnownHosts { path, source });
                }
            }
        }
        Ok(known)
    }

    fn gather(&mut self, path: &Path, text: &str, names: &[String]) {
        for (index, text) in text.lines().enumerate() {
            let Some(mut line) = Line::parse(text) else {
                continue;
            };
            line.own = names.first().is_some_and(|name| line.is_about(name));
            if line.own || names.iter().any(|name| line.is_about(name)) {
                let place = format!("{}:{}", path.display(), index + 1);
                self.lines.push((place, line));
            }
        }
    }

    /// Judges the key that the host showed.
    pub(super) fn judge(&self, key: &PublicKey) -> Verdict {
        let marked = |marker| {
            self.lines
                .iter()
                .filter(move |(_, line)| line.marker == marker)
        };
        let same = |line: &Line| line.key.key_data() == key.key_data();
        if let Some((place, _)) = marked(Marker::Revoked).find(|(_, line)| same(line)) {
            return Verdict::Revoked(place.clone());
        }
        if marked(Marker::None).any(|(_, line)| same(line)) {
            return Verdict::Known;
        }
        match marked(Marker::None).find(|(_, line)| line.own) {
            Some((place, _)) => Verdict::Changed(place.clone()),
            None => Verdict::Unknown,
        }
    }

    /// The kinds of key known for the host: to be asked of it first.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let plain = self
            .lines
            .iter()
            .filter(|(_, line)| line.marker == Marker::None);
        plain.map(|(_, line)| line.key.algorithm()).collect()
    }

    /// Where an authority is named that certifies the host's key.
    pub(super) fn authority(&self) -> Option<&str> {
        let mut lines = self.lines.iter();
        let found = lines.find(|(_, line)| line.marker == Marker::Authority);
        found.map(|(place, _)| place.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // fixtures
mod tests {
    use super::*;

    const A: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).expect("a key")
    }

    fn judge(text: &str, names: &[&str]) -> Verdict {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut known = Known::default();
        known.gather(Path::new("kh"), text, &names);
        known.judge(&key(A))
    }

    #[test]
    fn plain_names_and_lists_of_names_are_found() {
        assert_eq!(judge(&format!("h {A}\n"), &["h"]), Verdict::Known);
        assert_eq!(judge(&format!("x,h\t{A} note\n"), &["h"]), Verdict::Known);
        assert_eq!(judge(&format!("H {A}\n"), &["h"]), Verdict::Known);
        assert_eq!(judge(&format!("  x  {A}\n"), &["h"]), Verdict::Unknown);
        assert_eq!(
            judge(&format!("#h {A}\nnonsense\n\n"), &["h"]),
            Verdict::Unknown
        );
    }

    #[test]
    fn a_port_is_part_of_the_name() {
        let text = format!("[h]:2200 {A}\n");
        assert_eq!(judge(&text, &["[h]:2200", "h"]), Verdict::Known);
        assert_eq!(judge(&text, &["[h]:2201", "h"]), Verdict::Unknown);
        assert_eq!(judge(&text, &["h"]), Verdict::Unknown);
    }

    #[test]
    fn a_name_without_port_confirms_but_never_contradicts() {
        let names = ["[h]:2200", "h"];
        assert_eq!(judge(&format!("h {A}\n"), &names), Verdict::Known);
        assert_eq!(judge(&format!("h {B}\n"), &names), Verdict::Unknown);
    }

    #[test]
    fn wildcards_and_negations_count() {
        let text = format!("*.org,!bad.org {A}\n");
        assert_eq!(judge(&text, &["good.org"]), Verdict::Known);
        assert_eq!(judge(&text, &["bad.org"]), Verdict::Unknown);
    }

    #[test]
    fn a_hashed_name_is_found() {
        // The name is example.org, the salt 01 02 .. 14; computed apart from this code.
        let hashed = "|1|AQIDBAUGBwgJCgsMDQ4PEBESExQ=|WEaXkXzYUk1n8xPf4kupwu8t2kc=";
        let text = format!("{hashed} {A}\n");
        assert_eq!(judge(&text, &["example.org"]), Verdict::Known);
        assert_eq!(judge(&text, &["example.com"]), Verdict::Unknown);
    }

    #[test]
    fn another_key_is_a_change_and_its_line_is_named() {
        let text = format!("x {A}\nh {B}\n");
        assert_eq!(judge(&text, &["h"]), Verdict::Changed("kh:2".into()));
    }

    #[test]
    fn one_of_several_keys_is_enough() {
        assert_eq!(judge(&format!("h {B}\nh {A}\n"), &["h"]), Verdict::Known);
    }

    #[test]
    fn a_revoked_key_is_refused_though_it_is_known() {
        let text = format!("h {A}\n@revoked * {A}\n");
        assert_eq!(judge(&text, &["h"]), Verdict::Revoked("kh:2".into()));
        assert_eq!(
            judge(&format!("h {A}\n@revoked * {B}\n"), &["h"]),
            Verdict::Known
        );
    }

    #[test]
    fn an_authority_is_no_plain_key() {
        let text = format!("@cert-authority *.org {A}\n");
        assert_eq!(judge(&text, &["h.org"]), Verdict::Unknown);
        assert_eq!(judge(&format!("@other h {A}\n"), &["h"]), Verdict::Unknown);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_a_missing_one_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let names = [String::from("h")];
        assert!(Known::read(&[dir.path().join("none")], &names).is_ok());
        assert!(Known::read(&[dir.path().to_owned()], &names).is_err());
    }

    #[test]
    fn what_was_learned_is_known_hashed_or_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("ssh/known_hosts");
        for (name, hashed) in [("[h]:2200", true), ("g", false)] {
            learn(&file, (name, &key(A)), hashed).expect("learned");
            let names = [name.to_owned()];
            let known = Known::read(std::slice::from_ref(&file), &names).expect("read");
            assert_eq!(known.judge(&key(A)), Verdict::Known, "{name}");
        }
        let text = std::fs::read_to_string(&file).expect("read");
        assert!(text.starts_with("|1|") && text.contains("\ng ssh-ed25519 "));
    }

    #[test]
    fn a_line_that_was_left_open_is_not_written_into() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("known_hosts");
        std::fs::write(&file, format!("x {B}")).expect("written");
        learn(&file, ("h", &key(A)), false).expect("learned");
        let known = Known::read(&[file], &[String::from("x")]).expect("read");
        assert_eq!(known.judge(&key(B)), Verdict::Known);
    }
}
