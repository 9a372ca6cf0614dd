//! Packs whose objects are all elsewhere, and since when.

use std::io::{self, Read};
use std::path::Path;

use crate::fs::{Fs, write_durable};
use crate::object::PackId;
use crate::time::Timestamp;

/// How long, in seconds, a superseded pack stays: longer than a command needs that listed it
/// before. Who needs longer still lists again and finds what it looks for elsewhere.
pub const GRACE: u64 = 3600;

/// No more than this is read.
const MAX_TEXT: u64 = 64 << 20;

/// The file `superseded`. Its times are the machine's clock's, and only say how long a pack is
/// left that nobody needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Superseded {
    packs: Vec<(PackId, Timestamp)>,
}

impl Superseded {
    /// Reads the file; no file is an empty one, and lines that are none say nothing: the packs
    /// then merely stay.
    pub fn load(fs: &dyn Fs, path: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        match fs.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?.take(MAX_TEXT).read_to_end(&mut text)?,
        };
        let text = String::from_utf8_lossy(&text);
        let line = |line: &str| {
            let (id, since) = line.split_once(' ')?;
            Some((id.parse().ok()?, Timestamp(since.parse().ok()?)))
        };
        let packs = text.lines().filter_map(line).collect();
        Ok(Self { packs })
    }

    /// Writes the file; without packs there is none. The caller holds the store's lock.
    pub fn save(&self, fs: &dyn Fs, path: &Path) -> io::Result<()> {
        if self.packs.is_empty() {
            return match fs.remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let line = |(id, since): &(PackId, Timestamp)| format!("{id} {}\n", since.0);
        let text: String = self.packs.iter().map(line).collect();
        write_durable(fs, path, text.as_bytes())
    }

    /// Since when a pack is.
    pub fn since(&self, pack: PackId) -> Option<Timestamp> {
        let found = self.packs.iter().find(|(id, _)| *id == pack);
        found.map(|(_, since)| *since)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    /// All of them.
    pub fn packs(&self) -> impl Iterator<Item = PackId> {
        self.packs.iter().map(|(id, _)| *id)
    }

    /// Those that have been for `grace` seconds.
    pub fn over(&self, now: Timestamp, grace: u64) -> Vec<PackId> {
        let over = self
            .packs
            .iter()
            .filter(|(_, since)| is_over(*since, now, grace));
        over.map(|(id, _)| *id).collect()
    }

    /// Adds packs.
    pub fn add(&mut self, packs: &[PackId], now: Timestamp) {
        self.remove(packs);
        self.packs.extend(packs.iter().map(|&id| (id, now)));
    }

    /// Takes packs out.
    pub fn remove(&mut self, packs: &[PackId]) {
        self.packs.retain(|(id, _)| !packs.contains(id));
    }
}

/// Whether the time is over; a clock that went back begins it anew.
pub(super) fn is_over(since: Timestamp, now: Timestamp, grace: u64) -> bool {
    let passed = now.0.checked_sub(since.0).map(u64::try_from);
    matches!(passed, Some(Ok(passed)) if passed >= grace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFs;

    #[test]
    fn what_was_noted_is_read_again_and_no_packs_are_no_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("superseded");
        let mut noted = Superseded::load(&OsFs, &path).expect("none");
        assert!(noted.is_empty());
        let (one, two) = (PackId::new([1; 32]), PackId::new([2; 32]));
        noted.add(&[one], Timestamp(100));
        noted.add(&[two], Timestamp(200));
        noted.save(&OsFs, &path).expect("disk");
        let mut read = Superseded::load(&OsFs, &path).expect("written");
        assert_eq!(read, noted);
        assert_eq!(read.over(Timestamp(260), 60), [one, two]);
        assert_eq!(read.over(Timestamp(259), 60), [one]);
        assert!(read.over(Timestamp(50), 0).is_empty());
        read.remove(&[one, two]);
        read.save(&OsFs, &path).expect("disk");
        assert!(!path.exists());
    }
}
