//! The record of what is being applied to the Maildir. It is written before the first file is
//! touched and removed after the last is durable: whoever finds it finishes the work.

use std::io;
use std::path::Path;

use crate::codec::{DecodeError, Reader, Writer};
use crate::fs::{Fs, write_durable};
use crate::object::SnapshotId;

use super::RepoError;

const MAGIC: &[u8; 4] = b"MVA1";
const MAX_WHY: usize = 1024;

/// From where to where the Maildir is being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applying {
    /// `local` when it began.
    pub from: Option<SnapshotId>,
    /// `local` when it is done.
    pub to: SnapshotId,
    /// For the log: what was asked for.
    pub why: String,
}

impl Applying {
    /// The bytes of the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        match &self.from {
            None => writer.u8(0),
            Some(from) => writer.u8(1).raw(from.as_bytes()),
        };
        writer
            .raw(self.to.as_bytes())
            .bytes(bounded(&self.why).as_bytes());
        let check = *blake3::hash(writer.as_bytes()).as_bytes();
        writer.raw(&check);
        writer.finish()
    }

    /// Decodes a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("record magic")? != *MAGIC {
            return Err(DecodeError {
                what: "record magic",
                offset: 0,
            });
        }
        let from = match reader.u8("from")? {
            0 => None,
            1 => Some(SnapshotId::new(reader.array("from")?)),
            _ => return Err(reader.error("from")),
        };
        let to = SnapshotId::new(reader.array("to")?);
        let why = reader.bytes(MAX_WHY, "why")?;
        let why = String::from_utf8(why.to_vec()).map_err(|_| reader.error("why"))?;
        let body = &bytes[..reader.offset()];
        if reader.array::<32>("checksum")? != *blake3::hash(body).as_bytes() {
            return Err(reader.error("checksum"));
        }
        reader.finish("end of record")?;
        Ok(Self { from, to, why })
    }

    /// Whether no other state is meant, but that of `from` made whole: damaged files are mended.
    pub fn stays(&self) -> bool {
        self.from == Some(self.to)
    }

    /// Writes the record.
    pub fn save(&self, fs: &dyn Fs, path: &Path) -> Result<(), RepoError> {
        write_durable(fs, path, &self.encode()).map_err(RepoError::at(path))
    }

    /// Reads the record, if there is one.
    pub fn load(fs: &dyn Fs, path: &Path) -> Result<Option<Self>, RepoError> {
        match super::read_bytes(fs, path) {
            Ok(bytes) => Self::decode(&bytes)
                .map(Some)
                .map_err(|error| RepoError::Config {
                    path: path.to_owned(),
                    what: error.to_string(),
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RepoError::at(path)(error)),
        }
    }

    /// Removes the record, once `local` has moved durably.
    pub fn clear(fs: &dyn Fs, path: &Path) -> Result<(), RepoError> {
        let dir = path.parent().unwrap_or(path);
        fs.remove_file(path).map_err(RepoError::at(path))?;
        // No failure of the command, for all of it is done: a record that comes back with the
        // power asks for nothing, and is removed again.
        let _ = fs.sync_dir(dir);
        Ok(())
    }
}

/// As much of a text as a record holds.
fn bounded(why: &str) -> &str {
    &why[..why.floor_char_boundary(MAX_WHY)]
}
