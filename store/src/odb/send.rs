//! Which frames to send to somebody who wants some messages.

use std::collections::HashSet;
use std::io;

use super::add::{Manner, seal};
use super::read::{self, Location, View};
use super::set::PackSet;
use super::{ObjectRead, OdbError, PackedOdb};
use crate::blob::{Codec, Content, Frame, Group, Help, encode};
use crate::object::{BlobId, Kind, ObjectKey, PackId};
use crate::pack::{self, Row};

/// So many messages are worth a dictionary, which goes before them whether the other side has it
/// or not; fewer are grouped anew without one.
const WORTH_A_DICTIONARY: usize = 400;

/// Takes frames one after the other.
type Out<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

impl PackedOdb {
    /// Hands `out` frames that together hold at least the wanted messages, in an order in which
    /// [`Receiving::add_frame`](super::Receiving::add_frame) takes them. A stored frame goes as
    /// it is if at least three quarters of it are wanted; else the messages are grouped anew.
    pub fn frames_for(&self, wanted: &[BlobId], out: &mut Out<'_>) -> Result<(), OdbError> {
        let mut places = Vec::with_capacity(wanted.len());
        for &id in wanted {
            places.push(self.place(id)?);
        }
        places.sort_unstable_by_key(Place::order);
        places.dedup_by_key(|place| place.id);
        let many = places.len() >= WORTH_A_DICTIONARY;
        let mut sender = Sender {
            odb: self,
            out,
            with_dictionaries: many,
            manner: if many {
                Manner::Many(None)
            } else {
                Manner::Few(None)
            },
            told: HashSet::new(),
            group: Group::new(),
            keys: Vec::new(),
        };
        let together = |a: &Place, b: &Place| a.pack == b.pack && a.row.frame == b.row.frame;
        for frame in places.chunk_by(together) {
            sender.frame(frame)?;
        }
        sender.flush()
    }

    fn place(&self, id: BlobId) -> Result<Place, OdbError> {
        let among = |set: &PackSet| -> Result<Option<Place>, OdbError> {
            for pack in &set.packs {
                if let Some(row) = self.find(pack, id.into())? {
                    let pack = pack.id;
                    return Ok(Some(Place { pack, row, id }));
                }
            }
            Ok(None)
        };
        match among(&self.current())? {
            Some(place) => Ok(place),
            None => among(&*self.refresh()?)?.ok_or(OdbError::Missing(id.into())),
        }
    }
}

/// Where a wanted message lies.
struct Place {
    pack: PackId,
    row: Row,
    id: BlobId,
}

impl Place {
    fn order(&self) -> (PackId, u64, u32, BlobId) {
        let start = match self.row.place {
            pack::Place::At(start) => start,
            pack::Place::Parts => 0,
        };
        (self.pack, self.row.frame, start, self.id)
    }
}

struct Sender<'a, 'o> {
    odb: &'a PackedOdb,
    out: &'a mut Out<'o>,
    with_dictionaries: bool,
    /// How messages are grouped anew.
    manner: Manner<'static>,
    /// The dictionaries that the other side has by now.
    told: HashSet<[u8; 32]>,
    group: Group,
    keys: Vec<ObjectKey>,
}

impl Sender<'_, '_> {
    /// Sends what is wanted of one frame.
    fn frame(&mut self, wanted: &[Place]) -> Result<(), OdbError> {
        let Some(first) = wanted.first() else {
            return Ok(());
        };
        let pack = match self.odb.dir.open(first.pack) {
            Err(error) if error.is_gone() => return self.moved(wanted),
            other => other?,
        };
        let place = Location {
            pack,
            row: first.row,
        };
        if first.row.place == pack::Place::Parts {
            return read::part_frames(first.id, &place, &mut |_, bytes| {
                (self.out)(bytes).map_err(OdbError::Output)
            });
        }
        let size: u64 = wanted.iter().map(|place| place.row.size).sum();
        if self.verbatim(first.id, &place, size)? {
            return Ok(());
        }
        self.anew(wanted)
    }

    /// Sends what lay in a pack that a collection has taken away since, from where it is now.
    fn moved(&mut self, wanted: &[Place]) -> Result<(), OdbError> {
        let (long, short): (Vec<_>, Vec<_>) = wanted
            .iter()
            .partition(|place| place.row.place == pack::Place::Parts);
        for place in long {
            self.odb.refresh()?;
            let key = place.id.into();
            let found = self.odb.locate(key)?;
            let found = found.first().ok_or(OdbError::Missing(key))?;
            read::part_frames(place.id, found, &mut |_, bytes| {
                (self.out)(bytes).map_err(OdbError::Output)
            })?;
        }
        self.anew(short)
    }

    /// Groups messages anew.
    fn anew<'p>(&mut self, wanted: impl IntoIterator<Item = &'p Place>) -> Result<(), OdbError> {
        for &Place { id, .. } in wanted {
            // From wherever it is whole, if the frame is damaged.
            let message = self.odb.read(id.into())?;
            if self.group.is_full_for(message.len(), self.manner.target()) {
                self.flush()?;
            }
            self.group.push(Kind::Blob, &message);
            self.keys.push(id.into());
        }
        Ok(())
    }

    /// Sends a frame as it lies there, if it is whole and enough of it is wanted.
    fn verbatim(&mut self, id: BlobId, place: &Location, size: u64) -> Result<bool, OdbError> {
        let Ok(bytes) = read::frame_at(id.into(), place, place.row.frame) else {
            return Ok(false);
        };
        let Ok(frame) = Frame::parse(&bytes) else {
            return Ok(false);
        };
        if size.saturating_mul(4) < frame.plain_len as u64 * 3 {
            return Ok(false);
        }
        match frame.codec {
            Codec::Raw | Codec::Zstd => {}
            Codec::Dictionary(_) if !self.with_dictionaries => return Ok(false),
            Codec::Dictionary(hash) => self.tell(hash)?,
            Codec::Prefix { .. } | Codec::Linked { .. } => return Ok(false),
        }
        (self.out)(&bytes).map_err(OdbError::Output)?;
        Ok(true)
    }

    /// Sends a dictionary, once.
    fn tell(&mut self, hash: [u8; 32]) -> Result<(), OdbError> {
        if !self.told.insert(hash) {
            return Ok(());
        }
        let mut group = Group::new();
        let bytes = self.odb.read(ObjectKey::new(Kind::Dictionary, hash))?;
        group.push(Kind::Dictionary, &bytes);
        let (plain, _) = group.finish();
        let frame = encode(&Content::Group, Codec::Zstd, &plain, Help::None);
        (self.out)(&frame).map_err(OdbError::Output)
    }

    /// Sends the group that was put together anew; without a dictionary, which might be longer
    /// than all that it saves.
    fn flush(&mut self) -> Result<(), OdbError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        let keys = std::mem::take(&mut self.keys);
        let (frame, group) = seal(group, keys, self.manner);
        self.group = group;
        (self.out)(&frame.bytes).map_err(OdbError::Output)
    }
}
