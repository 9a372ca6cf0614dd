//! Keywords and their values, as both `ssh -G` and the files give them. The first value of a
//! keyword holds, as in OpenSSH; a few keywords gather values.

use std::time::Duration;

/// Keywords of which every value counts.
const GATHERED: [&str; 2] = ["identityfile", "certificatefile"];

/// Keywords that name a thing russh has no part in, and how to say so. `none` takes them back.
const BEYOND: [(&str, &str); 9] = [
    ("proxyjump", "ProxyJump is configured"),
    ("proxycommand", "ProxyCommand is configured"),
    ("controlpath", "ControlPath is configured"),
    ("knownhostscommand", "KnownHostsCommand is configured"),
    ("revokedhostkeys", "RevokedHostKeys is configured"),
    ("bindaddress", "BindAddress is configured"),
    ("bindinterface", "BindInterface is configured"),
    ("pkcs11provider", "PKCS11Provider is configured"),
    ("proxyusefdpass", "ProxyUseFdpass is configured"),
];

/// Keywords and values, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: Vec<(String, String)>,
    /// What was passed over, in words.
    pub(super) notes: Vec<String>,
}

impl Settings {
    /// Adds a value; the keyword's case does not count.
    pub(super) fn add(&mut self, keyword: &str, value: &str) {
        let keyword = keyword.to_ascii_lowercase();
        let gathers = GATHERED.contains(&keyword.as_str());
        if gathers || self.text_or_none(&keyword).is_none() {
            self.values.push((keyword, value.to_owned()));
        }
    }

    fn text_or_none(&self, keyword: &str) -> Option<&str> {
        let mut values = self.values.iter();
        let found = values.find(|(name, _)| name == keyword);
        found.map(|(_, value)| value.as_str())
    }

    /// A keyword's value, unless it is `none`.
    pub(super) fn text(&self, keyword: &str) -> Option<&str> {
        self.text_or_none(keyword)
            .filter(|value| !value.eq_ignore_ascii_case("none") && !value.is_empty())
    }

    /// Whether a keyword was given at all.
    pub(super) fn has(&self, keyword: &str) -> bool {
        self.text_or_none(keyword).is_some()
    }

    /// All values of a keyword.
    pub(super) fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a str> {
        self.values
            .iter()
            .filter(move |(name, _)| name == keyword)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, keyword: &str) -> bool {
        matches!(self.text(keyword), Some("yes" | "true"))
    }

    /// A number that is not negative.
    pub(super) fn number(&self, keyword: &str) -> Option<u32> {
        self.text(keyword)?.parse().ok()
    }

    /// A time in seconds; zero is none.
    pub(super) fn seconds(&self, keyword: &str) -> Option<Duration> {
        let seconds = self.number(keyword).filter(|&seconds| seconds > 0)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// A list of algorithms. Lists that change a default (`+`, `-`, `^`) are left alone: their
    /// default is OpenSSH's, which is not known where it has not spelled them out.
    pub(super) fn algorithms(&self, keyword: &str) -> Option<Vec<String>> {
        let value = self.text(keyword)?;
        (!value.starts_with(['+', '-', '^'])).then(|| value.split(',').map(str::to_owned).collect())
    }

    /// What is asked for that only the system's ssh can do.
    pub(super) fn beyond(&self) -> Vec<String> {
        let off = |value: &str| value == "no" || value == "false";
        let mut beyond: Vec<String> = BEYOND
            .iter()
            .filter(|(keyword, _)| self.text(keyword).is_some_and(|value| !off(value)))
            .map(|(_, said)| (*said).to_owned())
            .collect();
        if self.text("pubkeyauthentication").is_some_and(off) {
            beyond.push("PubkeyAuthentication is off".to_owned());
        }
        beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_holds_and_identities_gather() {
        let mut settings = Settings::default();
        for (keyword, value) in [("Port", "1"), ("port", "2"), ("IdentityFile", "a")] {
            settings.add(keyword, value);
        }
        settings.add("identityfile", "b");
        assert_eq!(settings.number("port"), Some(1));
        assert_eq!(settings.all("identityfile").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_russh_lacks_is_named_unless_it_is_none() {
        let mut settings = Settings::default();
        settings.add("ProxyCommand", "none");
        settings.add("ProxyJump", "gate");
        settings.add("ProxyUseFdpass", "no");
        assert_eq!(settings.beyond(), ["ProxyJump is configured"]);
    }
}
