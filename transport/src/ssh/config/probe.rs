//! Asks OpenSSH what it would do (`ssh -G`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::{Destination, SshError, system};
use super::settings::Settings;

/// What `program` has configured for `destination`.
pub(super) fn ask(
    program: &str,
    destination: &Destination,
    file: Option<&Path>,
) -> Result<Settings, SshError> {
    let output = Command::new(program)
        .arg("-G")
        .args(system::destination_arguments(destination, file))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SshError::Start {
            what: format!("{program} -G"),
            source,
        })?;
    if !output.status.success() {
        return Err(SshError::Config {
            path: file.map_or_else(|| PathBuf::from(program), Path::to_owned),
            what: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

fn read(output: &str) -> Settings {
    let mut settings = Settings::default();
    for line in output.lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        settings.add(keyword, value.trim());
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_keyword_and_its_value() {
        let settings = read("port 22\nidentityfile ~/.ssh/my key\nidentityfile b\n");
        assert_eq!(settings.number("port"), Some(22));
        assert_eq!(settings.all("identityfile").count(), 2);
        assert_eq!(settings.text("identityfile"), Some("~/.ssh/my key"));
    }
}
