//! The rows of an index, made from the frames themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::OdbError;
use super::cache::Cache;
use super::read::{Location, OpenPack, View, named, plain};
use crate::blob::{BaseName, Content, Frame, Help, Part, members};
use crate::object::{BlobId, ObjectKey};
use crate::pack::{Place, Row};

/// A long message of which parts came in.
struct Series {
    blob: BlobId,
    total: u64,
    done: u64,
    frame: u64,
    hasher: blake3::Hasher,
}

/// What a frame holds.
pub(super) struct Objects {
    /// The frame's plain bytes.
    pub(super) plain: Vec<u8>,
    /// The objects that are complete with it.
    pub(super) rows: Vec<(ObjectKey, Row)>,
}

/// Tells what objects a sequence of frames holds: every object hashed, every frame decoded.
#[derive(Default)]
pub(super) struct RowMaker {
    series: Option<Series>,
}

impl RowMaker {
    /// What the frame at `offset` holds.
    pub(super) fn objects(
        &mut self,
        view: &dyn View,
        frame: &Frame<'_>,
        offset: u64,
    ) -> Result<Objects, OdbError> {
        let malformed = |what| OdbError::Refused(what);
        match frame.content {
            Content::Part(part) => {
                let plain = frame.plain(Help::None);
                let plain = plain.map_err(|error| malformed(error.0))?;
                let rows = self.part(part, offset, &plain)?;
                Ok(Objects { plain, rows })
            }
            Content::Group => {
                self.series = None;
                let plain = plain(view, frame, &malformed)?.bytes;
                let members = members(&plain).map_err(|error| malformed(error.0))?;
                let row = |member: crate::blob::Member| {
                    let object = plain.get(member.start..member.start + member.len);
                    let row = Row {
                        frame: offset,
                        place: Place::At(member.start as u32),
                        size: member.len as u64,
                    };
                    (ObjectKey::of(member.kind, object.unwrap_or_default()), row)
                };
                let rows = members.into_iter().map(row).collect();
                Ok(Objects { plain, rows })
            }
        }
    }

    fn part(
        &mut self,
        part: Part,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Vec<(ObjectKey, Row)>, OdbError> {
        if part.offset == 0 {
            self.series = Some(Series {
                blob: part.blob,
                total: part.total,
                done: 0,
                frame: offset,
                hasher: blake3::Hasher::new(),
            });
        }
        let next =
            |it: &Series| it.blob == part.blob && it.total == part.total && it.done == part.offset;
        let Some(mut series) = self.series.take().filter(next) else {
            return Err(OdbError::Refused("a part without those before it"));
        };
        series.hasher.update(bytes);
        series.done += part.length();
        if !part.is_last() {
            self.series = Some(series);
            return Ok(Vec::new());
        }
        if series.hasher.finalize().as_bytes() != part.blob.as_bytes() {
            return Err(OdbError::Refused("a message with another id"));
        }
        let row = Row {
            frame: series.frame,
            place: Place::Parts,
            size: part.total,
        };
        Ok(vec![(part.blob.into(), row)])
    }
}

/// Objects of one pack whose rows are known so far, over those of the others.
pub(super) struct Partial<'a> {
    pub(super) base: &'a dyn View,
    pub(super) pack: Arc<OpenPack>,
    pub(super) rows: Mutex<BTreeMap<ObjectKey, Row>>,
}

impl View for Partial<'_> {
    fn locate(&self, key: ObjectKey) -> Result<Vec<Location>, OdbError> {
        let mut places = self.base.locate(key)?;
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        places.extend(rows.get(&key).map(|&row| Location {
            pack: self.pack.clone(),
            row,
        }));
        Ok(places)
    }

    fn named(&self, base: BaseName) -> Result<Option<ObjectKey>, OdbError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        match named(&rows, base) {
            Some(key) => Ok(Some(key)),
            None => self.base.named(base),
        }
    }

    fn cache(&self) -> &Cache {
        self.base.cache()
    }
}

/// Makes the rows of a whole pack, and tells whether every byte of it could be accounted for.
pub(super) fn rows_of(
    base: &dyn View,
    pack: &Arc<OpenPack>,
) -> Result<(Vec<(ObjectKey, Row)>, bool), OdbError> {
    let view = Partial {
        base,
        pack: pack.clone(),
        rows: Mutex::default(),
    };
    let mut maker = RowMaker::default();
    let mut whole = true;
    for found in pack.file.scan() {
        let found = found.map_err(OdbError::io(&pack.path))?;
        let crate::pack::Found::Frame { offset, bytes } = found else {
            whole = false;
            continue;
        };
        let objects = Frame::parse(&bytes)
            .map_err(|error| OdbError::Refused(error.0))
            .and_then(|frame| maker.objects(&view, &frame, offset));
        match objects {
            Ok(objects) => {
                let mut rows = view.rows.lock().unwrap_or_else(PoisonError::into_inner);
                rows.extend(objects.rows);
            }
            Err(error @ OdbError::Io { .. }) => return Err(error),
            Err(_) => whole = false,
        }
    }
    let rows = view.rows.into_inner();
    let rows = rows.unwrap_or_else(PoisonError::into_inner);
    Ok((rows.into_iter().collect(), whole))
}
