use super::Run;
use crate::object::EntryKey;
use crate::worktree::{Add, Mend, Remove, WorktreeError};

impl Run<'_> {
    /// Writes the whole messages beside the damaged files, under fresh names.
    pub(super) fn write_whole(&mut self, mends: &[Mend]) -> Result<(), WorktreeError> {
        let missing = mends.iter().filter(|mend| !mend.written);
        let adds: Vec<Add> = missing
            .map(|mend| Add {
                folder: mend.folder.clone(),
                key: mend.key,
                size: mend.size,
                copy: mend.copy.clone(),
            })
            .collect();
        self.write_all(&adds)
    }

    /// Removes the damaged files as any message is removed: only what the scan found in them, and
    /// stored, goes. The whole messages are durable by now.
    pub(super) fn remove_damaged(&mut self, mends: &[Mend]) -> Result<(), WorktreeError> {
        self.ensure_dirs_there(mends.iter().map(|mend| &mend.folder))?;
        for mend in mends {
            let damaged = Remove {
                folder: mend.folder.clone(),
                key: EntryKey {
                    blob: mend.found,
                    ..mend.key
                },
                size: mend.size,
                copy: mend.copy.clone(),
            };
            if self.remove_file(&damaged, &mend.name)? {
                self.done.mended += 1;
            }
            self.applier.progress.advance(1, 0);
        }
        Ok(())
    }
}
