//! From a place in a pack to an object's bytes, the id checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::OdbError;
use super::cache::{Cache, FrameAt, Plain};
use crate::blob::{BaseName, Codec, Content, Dictionary, Frame, Help, MAX_PLAIN};
use crate::object::{BlobId, Kind, ObjectKey};
use crate::pack::{PackFile, Place, Row};

/// How deep bases may rest on bases; writers stay below, as no frame is heavier.
const MAX_DEPTH: u32 = 32;
/// How many frames are decoded for one object, at most; writers stay well below.
const MAX_FRAMES: u32 = 256;

/// A pack that is open for reading.
#[derive(Debug)]
pub(super) struct OpenPack {
    pub(super) file: PackFile,
    pub(super) path: PathBuf,
    /// Tells it from all others in the cache.
    pub(super) number: u64,
}

/// One place where an object lies.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) pack: Arc<OpenPack>,
    pub(super) row: Row,
}

impl Location {
    pub(super) fn at(&self) -> FrameAt {
        (self.pack.number, self.row.frame)
    }
}

/// Knows where objects lie.
pub(super) trait View {
    /// All places where the object lies; none if it is not stored. What lies in a pack in the
    /// making is named wherever else it lies too: the one place may rest on the other.
    fn locate(&self, key: ObjectKey) -> Result<Vec<Location>, OdbError>;
    /// The object that a frame names as a base; `None` if it is not stored.
    fn named(&self, base: BaseName) -> Result<Option<ObjectKey>, OdbError>;
    fn cache(&self) -> &Cache;
}

/// The object among these that a frame names as a base.
pub(super) fn named<T>(rows: &BTreeMap<ObjectKey, T>, base: BaseName) -> Option<ObjectKey> {
    let mut first = [0; 32];
    first[..base.start.len()].copy_from_slice(&base.start);
    let from = rows.range(ObjectKey::new(Kind::Blob, first)..);
    from.map(|(key, _)| *key)
        .take_while(|key| key.hash.starts_with(&base.start))
        .find(|key| key.kind == base.kind)
}

/// An object with the frames that have to be decoded to read it.
pub(super) struct Weighed {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: BTreeSet<FrameAt>,
}

pub(super) fn read(view: &dyn View, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
    Ok(read_weighed(view, key)?.bytes)
}

pub(super) fn read_weighed(view: &dyn View, key: ObjectKey) -> Result<Weighed, OdbError> {
    Reading::new(view).object(key)
}

/// Whether the object lies whole at this very place.
pub(super) fn check(view: &dyn View, key: ObjectKey, place: &Location) -> Result<(), OdbError> {
    if place.row.place == Place::Parts {
        let id = BlobId::new(key.hash);
        return parts(id, place, &mut |_| Ok(())).map(drop);
    }
    Reading::new(view).object_at(key, place).map(drop)
}

/// Like [`ObjectRead::read_blob`](super::ObjectRead::read_blob). Of several places of a long message
/// the first that is whole counts: each is read through before a byte is written out, for what was
/// written cannot be taken back.
pub(super) fn read_blob(view: &dyn View, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
    let places = view.locate(id.into())?;
    let mut in_parts = places.iter().filter(|it| it.row.place == Place::Parts);
    let first = in_parts.next();
    let whole = match first {
        Some(_) if places.len() > 1 => places
            .iter()
            .find(|place| check(view, id.into(), place).is_ok())
            .or(first),
        first => first,
    };
    match whole.filter(|place| place.row.place == Place::Parts) {
        None => {
            let bytes = read(view, id.into())?;
            out.write_all(&bytes).map_err(OdbError::Output)?;
            Ok(bytes.len() as u64)
        }
        Some(place) => {
            let mut emit = |plain: &[u8]| out.write_all(plain).map_err(OdbError::Output);
            parts(id, place, &mut emit)
        }
    }
}

/// The dictionary object with this hash, ready for use.
pub(super) fn dictionary(view: &dyn View, hash: [u8; 32]) -> Result<Arc<Dictionary>, OdbError> {
    if let Some(known) = view.cache().dictionary(&hash) {
        return Ok(known);
    }
    let key = ObjectKey::new(Kind::Dictionary, hash);
    let found = Dictionary::new(read(view, key)?);
    let found = Arc::new(found.map_err(|_| OdbError::Refused("a dictionary that is none"))?);
    view.cache().put_dictionary(&found);
    Ok(found)
}

/// The plain bytes of a frame that is at hand.
pub(super) fn plain(
    view: &dyn View,
    frame: &Frame<'_>,
    damaged: &dyn Fn(&'static str) -> OdbError,
) -> Result<Plain, OdbError> {
    Reading::new(view).plain(frame, damaged)
}

struct Reading<'a> {
    view: &'a dyn View,
    depth: u32,
    frames: u32,
}

impl<'a> Reading<'a> {
    fn new(view: &'a dyn View) -> Self {
        Self {
            view,
            depth: 0,
            frames: 0,
        }
    }

    fn object(&mut self, key: ObjectKey) -> Result<Weighed, OdbError> {
        let mut failed = OdbError::Missing(key);
        let mut places = self.view.locate(key)?;
        if places.len() > 1 {
            // Two runs at once may each have stored it upon something else, and upon each other's.
            // The lightest copies rest only on lighter ones: among them there is no circle.
            places.sort_by_cached_key(|place| self.weight(key, place));
        }
        for place in places {
            match self.object_at(key, &place) {
                Ok(found) => return Ok(found),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// What a place says that it costs to read it; one that cannot be asked is the last resort.
    fn weight(&self, key: ObjectKey, place: &Location) -> u8 {
        if place.row.place == Place::Parts {
            return 1;
        }
        if let Some(known) = self.view.cache().frame(place.at()) {
            return u8::try_from(known.below.len() + 1).unwrap_or(u8::MAX);
        }
        let Ok(bytes) = frame_at(key, place, place.row.frame) else {
            return u8::MAX;
        };
        match Frame::parse(&bytes).map(|frame| frame.codec) {
            Ok(Codec::Prefix { weight, .. } | Codec::Linked { weight, .. }) => weight,
            Ok(_) => 1,
            Err(_) => u8::MAX,
        }
    }

    fn object_at(&mut self, key: ObjectKey, place: &Location) -> Result<Weighed, OdbError> {
        let damaged = |what| damage(key, place, what);
        let mut frames = BTreeSet::from([place.at()]);
        let bytes = match place.row.place {
            Place::At(start) => {
                let group = self.group(key, place)?;
                let end = u64::from(start).saturating_add(place.row.size);
                let range = start as usize..usize::try_from(end).unwrap_or(usize::MAX);
                let found = group.bytes.get(range).ok_or_else(|| damaged("its place"))?;
                frames.extend(&group.below);
                found.to_vec()
            }
            Place::Parts => {
                let mut all = Vec::new();
                let id = BlobId::new(key.hash);
                parts(id, place, &mut |plain| {
                    all.extend_from_slice(plain);
                    Ok(())
                })?;
                all
            }
        };
        if ObjectKey::of(key.kind, &bytes) != key {
            return Err(damaged("other bytes"));
        }
        Ok(Weighed { bytes, frames })
    }

    fn group(&mut self, key: ObjectKey, place: &Location) -> Result<Arc<Plain>, OdbError> {
        if let Some(known) = self.view.cache().frame(place.at()) {
            return Ok(known);
        }
        let bytes = frame_at(key, place, place.row.frame)?;
        let frame = Frame::parse(&bytes).map_err(|error| damage(key, place, error.0))?;
        let plain = self.plain(&frame, &|what| damage(key, place, what))?;
        let plain = Arc::new(plain);
        self.view.cache().put_frame(place.at(), &plain);
        Ok(plain)
    }

    fn plain(
        &mut self,
        frame: &Frame<'_>,
        damaged: &dyn Fn(&'static str) -> OdbError,
    ) -> Result<Plain, OdbError> {
        self.frames += 1;
        if self.frames > MAX_FRAMES || self.depth > MAX_DEPTH {
            return Err(damaged("it rests on too many others"));
        }
        let mut below = BTreeSet::new();
        let bytes = match &frame.codec {
            Codec::Raw | Codec::Zstd => frame.plain(Help::None),
            Codec::Dictionary(hash) => {
                let dictionary = dictionary(self.view, *hash)?;
                frame.plain(Help::Dictionary(&dictionary))
            }
            Codec::Prefix { bases, .. } => {
                let prefix = self.prefix(bases, &mut below, damaged)?;
                frame.plain(Help::Prefix(&prefix))
            }
            Codec::Linked { bases, .. } => {
                let key = |&base| {
                    let key = self.view.named(base)?;
                    key.ok_or_else(|| damaged("what it rests on is missing"))
                };
                let bases: Vec<_> = bases.iter().map(key).collect::<Result<_, _>>()?;
                let prefix = self.prefix(&bases, &mut below, damaged)?;
                frame.plain(Help::Prefix(&prefix))
            }
        };
        let bytes = bytes.map_err(|error| damaged(error.0))?;
        Ok(Plain { bytes, below })
    }

    fn prefix(
        &mut self,
        bases: &[ObjectKey],
        below: &mut BTreeSet<FrameAt>,
        damaged: &dyn Fn(&'static str) -> OdbError,
    ) -> Result<Vec<u8>, OdbError> {
        let mut prefix = Vec::new();
        for &base in bases {
            self.depth += 1;
            let base = self.object(base);
            self.depth -= 1;
            let base = base?;
            prefix.extend_from_slice(&base.bytes);
            if prefix.len() > MAX_PLAIN {
                return Err(damaged("its prefix is too long"));
            }
            below.extend(base.frames);
        }
        Ok(prefix)
    }
}

/// Emits a long message part by part; the id is known to be right only when this returns.
fn parts(
    id: BlobId,
    place: &Location,
    emit: &mut dyn FnMut(&[u8]) -> Result<(), OdbError>,
) -> Result<u64, OdbError> {
    let mut hasher = blake3::Hasher::new();
    let mut done = 0;
    part_frames(id, place, &mut |frame, _| {
        let plain = frame.plain(Help::None);
        let plain = plain.map_err(|error| damage(id.into(), place, error.0))?;
        hasher.update(&plain);
        done += plain.len() as u64;
        emit(&plain)
    })?;
    if hasher.finalize().as_bytes() == id.as_bytes() {
        Ok(done)
    } else {
        Err(damage(id.into(), place, "other bytes"))
    }
}

/// Is told of a frame, with its bytes.
type EachFrame<'a> = dyn FnMut(&Frame<'_>, &[u8]) -> Result<(), OdbError> + 'a;

/// Calls `each` for every frame of a long message in their order.
pub(super) fn part_frames(
    id: BlobId,
    place: &Location,
    each: &mut EachFrame<'_>,
) -> Result<(), OdbError> {
    let mut offset = place.row.frame;
    let mut done = 0;
    while done < place.row.size {
        let bytes = frame_at(id.into(), place, offset)?;
        let frame = Frame::parse(&bytes).map_err(|error| damage(id.into(), place, error.0))?;
        match frame.content {
            Content::Part(part)
                if part.blob == id && part.offset == done && part.total == place.row.size =>
            {
                each(&frame, &bytes)?;
                done += part.length();
            }
            _ => return Err(damage(id.into(), place, "a part is missing")),
        }
        offset += bytes.len() as u64;
    }
    Ok(())
}

pub(super) fn frame_at(key: ObjectKey, place: &Location, offset: u64) -> Result<Vec<u8>, OdbError> {
    place.pack.file.frame_at(offset).map_err(|error| {
        if matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ) {
            damage(key, place, "its frame")
        } else {
            OdbError::io(&place.pack.path)(error)
        }
    })
}

pub(super) fn damage(key: ObjectKey, place: &Location, what: &'static str) -> OdbError {
    OdbError::Damaged {
        key,
        path: place.pack.path.clone(),
        what,
    }
}
