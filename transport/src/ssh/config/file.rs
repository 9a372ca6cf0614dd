//! Reads ssh configuration files where OpenSSH is not installed: `Host`, `Include` and plain
//! keywords. Blocks that begin with `Match` are passed over, and that is said.

use std::path::{Path, PathBuf};

use super::super::{Destination, SshError, pattern};
use super::paths::{expand_home, home};
use super::settings::Settings;

/// How deep files may include files, as in OpenSSH.
const MAX_DEPTH: usize = 16;

/// What the files say about `destination`: `file` alone, or the user's and then the system's.
pub(super) fn read(destination: &Destination, file: Option<&Path>) -> Result<Settings, SshError> {
    let mut reading = Reading {
        host: &destination.host,
        settings: Settings::default(),
    };
    match file {
        Some(file) => reading.file(file, Active::Yes, 0)?,
        None => {
            for file in [home().join(".ssh/config"), "/etc/ssh/ssh_config".into()] {
                if file.exists() {
                    reading.file(&file, Active::Yes, 0)?;
                }
            }
        }
    }
    Ok(reading.settings)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Active {
    Yes,
    No,
}

struct Reading<'a> {
    host: &'a str,
    settings: Settings,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, outer: Active, depth: usize) -> Result<(), SshError> {
        let bad = |what: String| SshError::Config {
            path: path.to_owned(),
            what,
        };
        if depth > MAX_DEPTH {
            return Err(bad("files include each other too deeply".into()));
        }
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let mut active = outer;
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let number = index + 1;
            let words = words(line).ok_or_else(|| bad(format!("line {number}: open quote")))?;
            let Some((keyword, values)) = words.split_first() else {
                continue;
            };
            match keyword.to_ascii_lowercase().as_str() {
                "host" => active = self.applies(values, outer),
                "match" => {
                    active = self.matches(values, outer, &format!("{}:{number}", path.display()));
                }
                "include" => self.include(values, active, (path, depth))?,
                _ if active == Active::No => {}
                _ if values.is_empty() => return Err(bad(format!("line {number}: no value"))),
                _ => self.settings.add(keyword, &values.join(" ")),
            }
        }
        Ok(())
    }

    fn applies(&self, patterns: &[String], outer: Active) -> Active {
        let covered = pattern::list_covers(patterns.iter().map(String::as_str), self.host);
        if covered { outer } else { Active::No }
    }

    fn matches(&mut self, criteria: &[String], outer: Active, place: &str) -> Active {
        if criteria.len() == 1 && criteria.iter().all(|word| word.eq_ignore_ascii_case("all")) {
            return outer;
        }
        let note =
            format!("{place}: Match is read by OpenSSH's ssh only; the block was passed over");
        self.settings.notes.push(note);
        Active::No
    }

    fn include(
        &mut self,
        values: &[String],
        active: Active,
        (from, depth): (&Path, usize),
    ) -> Result<(), SshError> {
        for value in values {
            for path in included(value, from) {
                self.file(&path, active, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// The files that an `Include` names, sorted; `*` and `?` count in the last component. A path
/// that is not absolute lies in `~/.ssh`, or in `/etc/ssh` for the system's own file.
fn included(value: &str, from: &Path) -> Vec<PathBuf> {
    let base = if from.starts_with("/etc/ssh") {
        PathBuf::from("/etc/ssh")
    } else {
        home().join(".ssh")
    };
    let path = base.join(expand_home(value));
    let (Some(dir), Some(name)) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let found = entry.file_name();
            let hidden = found.as_encoded_bytes().starts_with(b".") && !name.starts_with('.');
            !hidden && pattern::covers(name.as_bytes(), found.as_encoded_bytes())
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// The words of a line: separated by blanks, the first also by `=`, double quotes keep blanks,
/// `#` at a word's start ends the line. `None` if a quote stays open.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.split_once('"')?
        } else {
            let ends = |c: char| c.is_whitespace() || (c == '=' && words.is_empty());
            rest.split_at(rest.find(ends).unwrap_or(rest.len()))
        };
        words.push(word.to_owned());
        rest = after.trim_start();
        if words.len() == 1 {
            rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        }
    }
    Some(words)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // fixtures
mod tests {
    use super::*;

    fn settings(text: &str, host: &str) -> Settings {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("config");
        std::fs::write(
            &file,
            text.replace("DIR", &dir.path().display().to_string()),
        )
        .expect("written");
        std::fs::write(dir.path().join("more.conf"), "Port 9\n").expect("written");
        let destination = Destination {
            user: None,
            host: host.into(),
            port: None,
        };
        read(&destination, Some(&file)).expect("read")
    }

    #[test]
    fn a_line_is_words_with_quotes_equals_and_comments() {
        let seen = words(" IdentityFile = \"a b\" c # d ").expect("words");
        assert_eq!(seen, ["IdentityFile", "a b", "c"]);
        assert_eq!(words("Port=22").expect("words"), ["Port", "22"]);
        assert!(words("User \"a").is_none());
    }

    #[test]
    fn only_the_blocks_of_the_host_apply() {
        let text = "Host *.org !bad.org\nUser a\nHost *\nUser b\n";
        assert_eq!(settings(text, "x.org").text("user"), Some("a"));
        assert_eq!(settings(text, "bad.org").text("user"), Some("b"));
    }

    #[test]
    fn files_are_included_where_their_block_applies() {
        let text = "Host x\nInclude DIR/*.conf\nHost *\nPort 7\n";
        assert_eq!(settings(text, "x").number("port"), Some(9));
        assert_eq!(settings(text, "y").number("port"), Some(7));
    }

    #[test]
    fn a_match_block_is_passed_over_and_said() {
        let read = settings("Match host x\nUser a\nMatch all\nUser b\n", "x");
        assert_eq!(read.text("user"), Some("b"));
        assert_eq!(read.notes.len(), 1);
    }

    #[test]
    fn files_that_include_themselves_are_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("config");
        std::fs::write(&file, format!("Include {}\n", file.display())).expect("written");
        let destination = Destination {
            user: None,
            host: "h".into(),
            port: None,
        };
        assert!(read(&destination, Some(&file)).is_err());
    }
}
