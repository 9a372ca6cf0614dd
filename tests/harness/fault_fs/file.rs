//! A file that is being written on the disk with faults.

use std::io::{self, Write};
use std::sync::MutexGuard;

use mailvc_store::fs::FileWrite;

use super::{FaultFs, State, Step, down};

pub(super) struct FaultFile {
    disk: FaultFs,
    life: u64,
    inode: u64,
    file: Box<dyn FileWrite>,
}

impl FaultFile {
    pub(super) fn new(disk: FaultFs, life: u64, inode: u64, file: Box<dyn FileWrite>) -> Self {
        Self {
            disk,
            life,
            inode,
            file,
        }
    }

    fn split(&mut self) -> io::Result<(MutexGuard<'_, State>, &mut dyn FileWrite)> {
        let state = self.disk.state();
        if state.life != self.life {
            return Err(down());
        }
        Ok((state, &mut *self.file))
    }
}

impl Write for FaultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, file) = self.split()?;
        match state.step()? {
            Step::Go => file.write(bytes),
            Step::Half => {
                file.write_all(&bytes[..bytes.len() / 2])?;
                Err(down())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl FileWrite for FaultFile {
    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        let (mut state, _) = self.split()?;
        state.whole_step()?;
        state.journal.sync_file(inode);
        Ok(())
    }

    fn set_mtime(&mut self, seconds: i64) -> io::Result<()> {
        let inode = self.inode;
        let (mut state, file) = self.split()?;
        state.whole_step()?;
        state.journal.changing_inode(inode)?;
        file.set_mtime(seconds)
    }
}
