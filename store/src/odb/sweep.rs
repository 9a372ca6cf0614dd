//! What killed runs left behind.

use std::io;
use std::path::{Path, PathBuf};

use super::receive::RECEIVED;
use super::scratch::Scratch;
use super::{OdbError, PackedOdb};
use crate::fs::EntryKind;
use crate::object::PackId;
use crate::pack::{Found, PackFile};

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many killed runs it cleaned up after.
    pub runs: u64,
    /// How many objects it saved that such a run had received.
    pub saved: u64,
    /// The packs in which these now are.
    pub packs: Vec<PackId>,
}

impl PackedOdb {
    /// Removes the scratch of runs that ended without it, and indexes without a pack. What such
    /// a run had received and is whole is kept in a pack first. Runs that live are left alone.
    pub fn sweep(&self) -> Result<Swept, OdbError> {
        let mut swept = Swept::default();
        for dir in self.scratch_dirs()? {
            let Some(scratch) = Scratch::of(&self.dir.fs, dir)? else {
                continue;
            };
            self.save_received(&scratch.path(RECEIVED), &mut swept)?;
            swept.runs += 1;
        }
        for id in self.dir.list("idx")? {
            // A pack has its name before its index has one, and loses it before.
            let pack = self.dir.fs.stat(&self.dir.pack_path(id));
            if pack.is_err_and(|error| is_gone(&error)) {
                let path = self.dir.idx_path(id);
                match self.dir.fs.remove_file(&path) {
                    Err(error) if !is_gone(&error) => return Err(OdbError::io(&path)(error)),
                    _ => {}
                }
            }
        }
        Ok(swept)
    }

    fn scratch_dirs(&self) -> Result<Vec<PathBuf>, OdbError> {
        let entries = match self.dir.fs.read_dir(&self.incoming) {
            Err(error) if is_gone(&error) => return Ok(Vec::new()),
            other => other.map_err(OdbError::io(&self.incoming))?,
        };
        let dirs = entries
            .into_iter()
            .filter(|entry| matches!(entry.kind, EntryKind::Dir | EntryKind::Unknown));
        Ok(dirs.map(|entry| self.incoming.join(entry.name)).collect())
    }

    fn save_received(&self, path: &Path, swept: &mut Swept) -> Result<(), OdbError> {
        let file = match self.dir.fs.open(path) {
            Err(error) if is_gone(&error) => return Ok(()),
            other => other.and_then(PackFile::new).map_err(OdbError::io(path))?,
        };
        let receiving = self.receive()?;
        for found in file.scan() {
            if let Found::Frame { bytes, .. } = found.map_err(OdbError::io(path))? {
                match receiving.add_frame(&bytes) {
                    Ok(objects) => swept.saved += objects.len() as u64,
                    // Rebuilt trees among it are rebuilt again; the rest is not worth keeping.
                    Err(OdbError::Refused(_) | OdbError::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        swept.packs.extend(receiving.finish()?);
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
