//! Whom to connect to, as the user wrote it.

use std::fmt;

use super::SshError;

/// A host, or an alias from the user's ssh configuration, with what overrides that configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The user's name there; from the configuration where `None`.
    pub user: Option<String>,
    /// A host's name, address or alias.
    pub host: String,
    /// The port; from the configuration where `None`.
    pub port: Option<u16>,
}

impl Destination {
    /// Refuses what a program or a shell could take for something else: an option, two words,
    /// a control character.
    pub(super) fn check(&self) -> Result<(), SshError> {
        let user = self.user.as_deref();
        let host_holds = is_word(&self.host) && !self.host.contains(['/', '@', '\\', '%']);
        if host_holds && user.is_none_or(|user| is_word(user) && !user.contains('%')) {
            Ok(())
        } else {
            Err(SshError::BadDestination(self.to_string()))
        }
    }
}

fn is_word(text: &str) -> bool {
    let shells = |c: char| "'\"`$;&|<>(){}*?!#".contains(c);
    !text.is_empty()
        && !text.starts_with('-')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || shells(c))
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str) -> Destination {
        Destination {
            user: None,
            host: host.into(),
            port: None,
        }
    }

    #[test]
    fn a_host_that_is_an_option_is_refused() {
        assert!(host("-oProxyCommand=id").check().is_err());
        assert!(host("mail.example.org").check().is_ok());
        assert!(host("2001:db8::1").check().is_ok());
    }

    #[test]
    fn nothing_that_a_shell_reads_passes() {
        for bad in [
            "", "a b", "a\nb", "a;b", "$(id)", "a`b", "a%h", "u@h", "a/b",
        ] {
            assert!(host(bad).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_that_is_an_option_is_refused() {
        let destination = Destination {
            user: Some("-l".into()),
            ..host("mail")
        };
        assert!(destination.check().is_err());
    }
}
