use std::io;

use super::format::{self, PackVersion};
use crate::fs::FileWrite;
use crate::object::PackId;

/// Writes one pack, frame after frame.
pub struct PackWriter {
    file: Box<dyn FileWrite>,
    version: PackVersion,
    hasher: blake3::Hasher,
    offset: u64,
    frames: u64,
}

impl PackWriter {
    /// Starts a pack in an empty file.
    pub fn new(file: Box<dyn FileWrite>, version: PackVersion) -> io::Result<Self> {
        let mut writer = Self {
            file,
            version,
            hasher: blake3::Hasher::new(),
            offset: 0,
            frames: 0,
        };
        writer.put(&version.start())?;
        Ok(writer)
    }

    /// Appends a frame and returns its offset. It can be read from the file at once.
    pub fn append(&mut self, frame: &[u8]) -> io::Result<u64> {
        let offset = self.offset;
        self.put(frame)?;
        self.frames += 1;
        Ok(offset)
    }

    /// The version that it is written in.
    pub fn version(&self) -> PackVersion {
        self.version
    }

    /// Where the next frame will start.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Ends the pack and makes it durable; it still has to be given its name.
    pub fn finish(mut self) -> io::Result<PackId> {
        self.put(&format::trailer(self.version, self.frames))?;
        let id = *self.hasher.finalize().as_bytes();
        self.file.write_all(&id)?;
        self.file.sync()?;
        Ok(PackId::new(id))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
