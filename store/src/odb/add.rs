//! Messages from files into a pack, on all cores.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Arc, PoisonError};

use rayon::prelude::*;

use super::pending::Encoded;
use super::{Batch, ObjectWrite, OdbError};
use crate::blob::{Codec, Dictionary, Group, Help, MESSAGES_TARGET, PART_LEN, encode_group};
use crate::fs::Stat;
use crate::mime;
use crate::object::{BlobId, Kind, ObjectKey};
use crate::progress::Progress;

/// A dictionary is trained once so many messages come at a time.
const TRAIN_AT: usize = 400;
/// On at most so many of them, and so much of each and of all.
const SAMPLES: usize = 512;
const SAMPLE: u64 = 8 << 10;
const SAMPLED: usize = 2 << 20;
/// The most messages that one core takes at a time; their frames are its own.
const RUN: usize = 512;
/// Fewer messages than [`TRAIN_AT`] have the time to be compressed well, and are put into groups of
/// up to so many bytes: what a day brings is sent as it lies there.
const TOGETHER: usize = 1 << 20;
/// A group of so many bytes needs no dictionary, and can be sent to who may not have it.
const SELF_CONTAINED: usize = 256 << 10;

/// A file that holds a message.
pub trait BlobSource: Sync {
    /// Opens it, at its start.
    fn open(&self) -> io::Result<File>;
}

/// A message that is stored now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedBlob {
    /// Its id.
    pub id: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// What its file was once it had been read.
    pub stat: Stat,
    /// The day of its `Date:`, as [`mime::day`] has it.
    pub day: u16,
}

impl Batch<'_> {
    /// Stores messages; the results are in the order of the sources. A source that cannot be
    /// read is an error of its own, and so is one that was not reached when `progress` asked to
    /// stop (`Interrupted`). Who calls has begun the phase. The batch fails only if the pack cannot be written.
    pub fn add_blobs<S: BlobSource>(
        &self,
        sources: &[S],
        progress: &dyn Progress,
    ) -> Result<Vec<io::Result<AddedBlob>>, OdbError> {
        let dictionary = self.dictionary(sources)?;
        let manner = if sources.len() < TRAIN_AT {
            Manner::Few(dictionary.as_deref())
        } else {
            Manner::Many(dictionary.as_deref())
        };
        let share = sources.len() / (4 * rayon::current_num_threads()).max(1);
        let runs = sources.par_chunks(share.clamp(64, RUN)).map(|sources| {
            let mut run = Run::new(self, manner);
            run.add_all(sources, progress)
        });
        let runs: Vec<Vec<_>> = runs.collect::<Result<_, OdbError>>()?;
        Ok(runs.into_iter().flatten().collect())
    }

    /// The dictionary of the store, or a new one where there are enough messages to learn from.
    fn dictionary<S: BlobSource>(
        &self,
        sources: &[S],
    ) -> Result<Option<Arc<Dictionary>>, OdbError> {
        let known = self.dictionary.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            // One that cannot be read is damage for others to report: messages can do without.
            *known = self.sink.odb.any_dictionary().unwrap_or_default();
        }
        if known.is_none() && sources.len() >= TRAIN_AT {
            let trained = train(sources);
            if let Some(dictionary) = &trained {
                self.write(Kind::Dictionary, dictionary.bytes())?;
                self.sink.flush_meta()?;
            }
            *known = trained.map(Arc::new);
        }
        Ok(known.clone())
    }
}

fn train<S: BlobSource>(sources: &[S]) -> Option<Dictionary> {
    let (mut samples, mut lengths) = (Vec::new(), Vec::new());
    for source in sources.iter().step_by(sources.len().div_ceil(SAMPLES)) {
        let before = samples.len();
        let read = source
            .open()
            .and_then(|file| file.take(SAMPLE).read_to_end(&mut samples));
        match read {
            Ok(len @ 1..) => lengths.push(len),
            _ => samples.truncate(before),
        }
        if samples.len() > SAMPLED {
            break;
        }
    }
    Dictionary::train(&samples, &lengths)
}

/// How messages are put together.
#[derive(Clone, Copy)]
pub(super) enum Manner<'a> {
    /// Quickly, in groups from which one message is quickly read.
    Many(Option<&'a Dictionary>),
    /// Thoroughly, in groups so large that they need no dictionary where there is enough for them.
    Few(Option<&'a Dictionary>),
}

impl<'a> Manner<'a> {
    /// How many bytes a group is to hold.
    pub(super) fn target(self) -> usize {
        match self {
            Self::Many(_) => MESSAGES_TARGET,
            Self::Few(_) => TOGETHER,
        }
    }

    /// How many bytes may have to stand in front of a group.
    fn room(self) -> usize {
        let (Self::Many(dictionary) | Self::Few(dictionary)) = self;
        dictionary.map_or(0, |it| it.bytes().len())
    }

    /// The dictionary for a group of so many bytes.
    fn dictionary(self, len: usize) -> Option<&'a Dictionary> {
        match self {
            Self::Many(dictionary) => dictionary,
            Self::Few(dictionary) => dictionary.filter(|_| len < SELF_CONTAINED),
        }
    }
}

/// Consecutive messages, handled by one thread.
struct Run<'a> {
    batch: &'a Batch<'a>,
    manner: Manner<'a>,
    group: Group,
    keys: Vec<ObjectKey>,
    buffer: Vec<u8>,
}

impl<'a> Run<'a> {
    fn new(batch: &'a Batch<'a>, manner: Manner<'a>) -> Self {
        Self {
            batch,
            manner,
            group: Group::with_room(manner.room()),
            keys: Vec::new(),
            buffer: Vec::new(),
        }
    }

    fn add_all<S: BlobSource>(
        &mut self,
        sources: &[S],
        progress: &dyn Progress,
    ) -> Result<Vec<io::Result<AddedBlob>>, OdbError> {
        let mut added = Vec::with_capacity(sources.len());
        for source in sources {
            let one = if progress.cancelled() {
                Err(io::ErrorKind::Interrupted.into())
            } else {
                self.add(source)?
            };
            progress.advance(1, one.as_ref().map_or(0, |it| it.size));
            added.push(one);
        }
        self.flush()?;
        Ok(added)
    }

    fn add<S: BlobSource>(&mut self, source: &S) -> Result<io::Result<AddedBlob>, OdbError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (file, len) = match read_start(source, &mut buffer) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let start = buffer.get(..len).unwrap_or_default();
        let stored = if len > PART_LEN {
            self.add_large(&file, start)?
        } else {
            Ok(self.add_small(start)?)
        };
        let day = mime::day(head(start));
        self.buffer = buffer;
        Ok(stored.and_then(|(id, size)| {
            let stat = Stat::of(&file)?;
            Ok(AddedBlob {
                id,
                size,
                stat,
                day,
            })
        }))
    }

    fn add_small(&mut self, bytes: &[u8]) -> Result<(BlobId, u64), OdbError> {
        let id = BlobId::of(bytes);
        if self.batch.sink.claim(id.into())? {
            if self.group.is_full_for(bytes.len(), self.manner.target()) {
                self.flush()?;
            }
            self.group.push(Kind::Blob, bytes);
            self.keys.push(id.into());
        }
        Ok((id, bytes.len() as u64))
    }

    /// Reads a long message twice: once for its id, once, if it is new, to store it.
    fn add_large(
        &self,
        mut file: &File,
        start: &[u8],
    ) -> Result<io::Result<(BlobId, u64)>, OdbError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(start);
        let read = hasher.update_reader(file).map(|hasher| hasher.count());
        let size = match read.and_then(|size| file.rewind().map(|()| size)) {
            Ok(size) => size,
            Err(error) => return Ok(Err(error)),
        };
        let id = BlobId::new(*hasher.finalize().as_bytes());
        if self.batch.sink.claim(id.into())?
            && let Err(error) = self.batch.sink.put_parts(id, size, &mut file)?
        {
            return Ok(Err(error));
        }
        Ok(Ok((id, size)))
    }

    fn flush(&mut self) -> Result<(), OdbError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let keys = std::mem::take(&mut self.keys);
        let group = std::mem::take(&mut self.group);
        let (frame, group) = seal(group, keys, self.manner);
        self.group = group;
        self.batch.sink.put_group(&frame)
    }
}

/// A group of messages as a frame, and an empty group in its memory.
pub(super) fn seal(group: Group, keys: Vec<ObjectKey>, manner: Manner<'_>) -> (Encoded, Group) {
    let dictionary = manner.dictionary(group.len());
    let (mut plain, members) = group.finish();
    let (codec, help) = match dictionary {
        None => (Codec::Zstd, Help::None),
        Some(it) => (Codec::Dictionary(*it.hash()), Help::Dictionary(it)),
    };
    let thorough = matches!(manner, Manner::Few(_));
    let frame = encode_group(&mut plain, codec, help, thorough);
    (Encoded::new(frame, keys, &members), plain.into_group())
}

/// Reads a message, or of a long one more than [`PART_LEN`] bytes, into the beginning of `buffer`;
/// says how many there are. The buffer keeps its length: the next message needs no other.
fn read_start<S: BlobSource>(source: &S, buffer: &mut Vec<u8>) -> io::Result<(File, usize)> {
    let mut file = source.open()?;
    buffer.resize(PART_LEN + 1, 0);
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((file, len))
}

/// What of a message its day is computed from.
pub(super) fn head(message: &[u8]) -> &[u8] {
    &message[..message.len().min(mime::HEAD)]
}
