use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::add::head;
use super::rows::{Objects, RowMaker};
use super::sink::{Sink, check_size};
use super::{ObjectRead, ObjectWrite, OdbError, PackedOdb};
use crate::blob::{Content, Dictionary, Frame};
use crate::mime;
use crate::object::{BlobId, Kind, ObjectKey, PackId};
use crate::pack::{Place, Row};

/// The name of the file that a sweep saves whole frames from.
pub(super) const RECEIVED: &str = "received";

/// What a peer sends, kept apart until it is finished: everything was hashed here, nothing is
/// taken on trust.
pub struct Receiving<'a> {
    sink: Sink<'a>,
    series: Mutex<Series>,
}

#[derive(Default)]
struct Series {
    maker: RowMaker,
    /// The day of the long message of which parts came in.
    day: u16,
    open: bool,
}

/// An object that is complete now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedObject {
    /// What it is found by.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
    /// For a message, the day of its `Date:`, as [`mime::day`] has it.
    pub day: Option<u16>,
}

/// What a frame holds, whose place in the pack is not known yet.
struct Decoded {
    received: Vec<ReceivedObject>,
    rows: Vec<(ObjectKey, Row)>,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(odb: &'a PackedOdb) -> Self {
        Self {
            sink: Sink::new(odb, RECEIVED),
            series: Mutex::default(),
        }
    }

    /// Takes one frame as it lay in the peer's pack and returns the objects that are complete
    /// with it; a long message is with its last part. Messages and dictionaries alone may come
    /// this way, and only a dictionary that came before, or is stored, may be needed.
    pub fn add_frame(&self, bytes: &[u8]) -> Result<Vec<ReceivedObject>, OdbError> {
        let frame = Frame::parse(bytes).map_err(|error| OdbError::Refused(error.0))?;
        if !frame.codec.stands_alone() {
            return Err(OdbError::Refused("a frame that rests on other objects"));
        }
        let mut series = self.series();
        series.open = false;
        let offset = self.sink.next_offset()?;
        let objects = series.maker.objects(&self.sink, &frame, offset)?;
        if matches!(frame.content, Content::Part(part) if part.offset == 0) {
            series.day = mime::day(head(&objects.plain));
        }
        let received = describe(&objects, series.day)?;
        self.sink.put_frame(bytes, &objects.rows)?;
        series.open = matches!(frame.content, Content::Part(part) if !part.is_last());
        Ok(received)
    }

    /// Takes frames as [`add_frame`](Self::add_frame) would one after the other; all cores decode
    /// and hash.
    pub fn add_frames(&self, frames: &[Vec<u8>]) -> Result<Vec<ReceivedObject>, OdbError> {
        let groups: Vec<Option<Decoded>> = frames.par_iter().map(|it| self.decode(it)).collect();
        let mut received = Vec::new();
        for (bytes, group) in frames.iter().zip(groups) {
            match group {
                Some(group) => received.extend(self.put_group(bytes, group)?),
                None => received.extend(self.add_frame(bytes)?),
            }
        }
        Ok(received)
    }

    /// What a group holds, if that is to be told without the frames before it.
    fn decode(&self, bytes: &[u8]) -> Option<Decoded> {
        let frame = Frame::parse(bytes).ok()?;
        if frame.content != Content::Group || !frame.codec.stands_alone() {
            return None;
        }
        let objects = RowMaker::default().objects(&self.sink, &frame, 0).ok()?;
        Some(Decoded {
            received: describe(&objects, 0).ok()?,
            rows: objects.rows,
        })
    }

    fn put_group(&self, bytes: &[u8], group: Decoded) -> Result<Vec<ReceivedObject>, OdbError> {
        // The parts of a message before it, if they are not all, come to nothing.
        *self.series() = Series::default();
        let frame = self.sink.next_offset()?;
        let at = |(key, row): (ObjectKey, Row)| (key, Row { frame, ..row });
        let rows: Vec<_> = group.rows.into_iter().map(at).collect();
        self.sink.put_frame(bytes, &rows)?;
        Ok(group.received)
    }

    /// Makes everything durable and the pack known. `None` if nothing was received.
    pub fn finish(self) -> Result<Option<PackId>, OdbError> {
        self.sink.publish()
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was received, `day` being that of a long message.
fn describe(objects: &Objects, day: u16) -> Result<Vec<ReceivedObject>, OdbError> {
    let describe = |&(key, row): &(ObjectKey, Row)| {
        let bytes = match row.place {
            Place::Parts => None,
            Place::At(start) => objects
                .plain
                .get(start as usize..start as usize + row.size as usize),
        };
        let day = match (key.kind, bytes) {
            (Kind::Blob, None) => Some(day),
            (Kind::Blob, Some(message)) => Some(mime::day(head(message))),
            (Kind::Dictionary, Some(bytes)) => {
                let known = Dictionary::new(bytes.to_vec());
                known.map_err(|error| OdbError::Refused(error.0))?;
                None
            }
            _ => return Err(OdbError::Refused("an object that is no message")),
        };
        let size = row.size;
        Ok(ReceivedObject { key, size, day })
    };
    objects.rows.iter().map(describe).collect()
}

impl ObjectRead for Receiving<'_> {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        Ok(self.sink.holds(key) || self.sink.odb.contains(key)?)
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        self.sink.read(key)
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        self.sink.read_blob(id, out)
    }
}

impl ObjectWrite for Receiving<'_> {
    fn write(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectKey, OdbError> {
        self.write_delta(kind, bytes, None)
    }

    fn write_delta(
        &self,
        kind: Kind,
        bytes: &[u8],
        base: Option<ObjectKey>,
    ) -> Result<ObjectKey, OdbError> {
        check_size(kind, bytes.len())?;
        let series = self.series();
        if series.open {
            // The parts of a message lie one behind the other.
            return Err(OdbError::Refused("an object between the parts of another"));
        }
        let key = ObjectKey::of(kind, bytes);
        if self.sink.claim(key)? {
            self.sink.put(key, bytes, base)?;
        }
        Ok(key)
    }
}
