use std::sync::Arc;

use super::packed::write_idx;
use super::read::OpenPack;
use super::scratch::{Scratch, random};
use super::set::PackDir;
use super::{OdbError, PackedOdb};
use crate::fs::create_dir_durable;
use crate::object::{ObjectKey, PackId};
use crate::pack::{Idx, PackFile, PackWriter, Row};

/// The file of a pack that is being written, in a scratch directory of its own.
pub(super) struct Out {
    // Fields are dropped in this order: the directory after what lies in it.
    writer: PackWriter,
    open: Arc<OpenPack>,
    scratch: Scratch,
}

impl Out {
    /// Starts a pack in a file `name`.
    pub(super) fn start(odb: &PackedOdb, name: &str) -> Result<Self, OdbError> {
        let fs = &odb.dir.fs;
        let scratch = Scratch::new(fs, &odb.incoming)?;
        let path = scratch.path(name);
        let opened = fs.create_new(&path);
        let opened = opened.and_then(|file| PackWriter::new(file, odb.version));
        let writer = opened.map_err(OdbError::io(&path))?;
        let file = fs.open(&path).and_then(PackFile::new);
        let file = file.map_err(OdbError::io(&path))?;
        let number = random();
        Ok(Self {
            writer,
            open: Arc::new(OpenPack { file, path, number }),
            scratch,
        })
    }

    /// Where the next frame will lie.
    pub(super) fn offset(&self) -> u64 {
        self.writer.offset()
    }

    /// Appends a frame and returns where it lies.
    pub(super) fn append(&mut self, frame: &[u8]) -> Result<u64, OdbError> {
        let at = self.writer.append(frame);
        at.map_err(OdbError::io(&self.open.path))
    }

    /// What was appended, for reading.
    pub(super) fn reader(&self) -> &Arc<OpenPack> {
        &self.open
    }

    /// Makes the pack durable and gives it its name. It has it before its index has, so that an
    /// index without a pack is always one to remove; a pack without an index is made one by who
    /// comes upon it.
    pub(super) fn publish(
        self,
        dir: &PackDir,
        rows: Vec<(ObjectKey, Row)>,
    ) -> Result<PackId, OdbError> {
        let fs = &dir.fs;
        create_dir_durable(fs.as_ref(), &dir.path).map_err(OdbError::io(&dir.path))?;
        let version = self.writer.version();
        let id = self.writer.finish();
        let id = id.map_err(OdbError::io(&self.open.path))?;
        let idx = self.scratch.path("idx");
        write_idx(fs, &idx, &Idx::build(id, version, rows))?;
        let renamed = fs
            .rename(&self.open.path, &dir.pack_path(id))
            .and_then(|()| fs.rename(&idx, &dir.idx_path(id)))
            .and_then(|()| fs.sync_dir(&dir.path));
        renamed.map_err(OdbError::io(&dir.path))?;
        Ok(id)
    }
}
