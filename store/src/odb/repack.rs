//! Objects of many packs into few. What goes where is for the caller to say; here every object is
//! read from where it lies, hashed, and written again.
//!
//! Nothing here takes a pack away but [`PackedOdb::remove_packs`], and nothing calls that which has
//! not asked [`PackedOdb::is_covered`].

use std::io::Write;
use std::sync::Arc;

use rayon::prelude::*;

use super::cache::Cache;
use super::pending::Encoded;
use super::read::{self, Location, View};
use super::rows::RowMaker;
use super::set::Pack;
use super::sink::Sink;
use super::{ObjectRead, OdbError, PackedOdb};
use crate::blob::{
    BaseName, Codec, Dictionary, Frame, Group, Help, MAX_MEMBERS, PART_LEN, encode_group, group_len,
};
use crate::object::{BlobId, Kind, ObjectKey, PackId};
use crate::pack::{Found, Place, Row};

/// How much a group of messages holds: one is read in two milliseconds, and twice as much would
/// save a twentieth.
pub const MESSAGES_TOGETHER: u64 = 1 << 20;
/// How much a group of other objects holds: of those, single ones are read more often.
pub const OTHERS_TOGETHER: u64 = 256 << 10;

/// What a pack is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackShape {
    /// Its id.
    pub id: PackId,
    /// Its length in bytes, its index's included.
    pub bytes: u64,
    /// How many messages it has.
    pub messages: u64,
    /// How many other objects it has, dictionaries left out.
    pub others: u64,
    /// How many groups it has.
    pub groups: u64,
    /// How many bytes these hold.
    pub plain: u64,
    /// Whether its frames follow one another without a gap.
    pub whole: bool,
}

impl PackShape {
    /// Whether a repack by itself would better nothing: one kind of objects, in large groups.
    pub fn is_repacked(&self) -> bool {
        let together = if self.messages > 0 {
            MESSAGES_TOGETHER
        } else {
            OTHERS_TOGETHER
        };
        let members = (self.messages + self.others) / (MAX_MEMBERS as u64 / 2);
        let enough = 4 + 2 * self.plain / together + members;
        (self.messages == 0 || self.others == 0) && self.groups <= enough
    }
}

/// An object of a pack that is repacked.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// What it is found by.
    pub key: ObjectKey,
    /// Which of the packs it lies in.
    pub pack: u32,
    row: Row,
}

impl Placed {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.row.size
    }

    /// Orders objects as they lie, so that each frame is decoded once.
    pub fn order(&self) -> (u32, u64) {
        (self.pack, self.row.frame)
    }
}

/// The objects that are to be written again.
pub struct Repack<'a> {
    odb: &'a PackedOdb,
    packs: Vec<PackId>,
    placed: Vec<Placed>,
}

impl PackedOdb {
    /// What the packs are like; one that is collected meanwhile is left out.
    pub fn shapes(&self) -> Result<Vec<PackShape>, OdbError> {
        let set = self.refresh()?;
        let shapes = set.packs.iter().map(|pack| self.shape(pack));
        let there = shapes.filter(|shape| !shape.as_ref().is_err_and(OdbError::is_gone));
        there.collect()
    }

    fn shape(&self, pack: &Pack) -> Result<PackShape, OdbError> {
        let open = self.dir.open(pack.id)?;
        let count = |kind| pack.idx.count(kind);
        let all: u64 = Kind::ALL.into_iter().map(count).sum();
        let (mut groups, mut plain) = (0, 0);
        let whole = open.file.each_header(&mut |header| {
            if let Some(len) = group_len(header) {
                groups += 1;
                plain += len as u64;
            }
        });
        Ok(PackShape {
            id: pack.id,
            bytes: open.file.length() + pack.idx.length(),
            messages: count(Kind::Blob),
            others: all - count(Kind::Blob) - count(Kind::Dictionary),
            groups,
            plain,
            whole: whole.map_err(OdbError::io(&open.path))?,
        })
    }

    /// Begins to repack `packs`. What lies whole in one of `settled` too stays there and is not
    /// written again: so a run that was broken off is not done twice.
    pub fn repack(&self, packs: &[PackId], settled: &[PackId]) -> Result<Repack<'_>, OdbError> {
        // A damaged index could hide what is to be written again.
        self.check_indexes()?;
        let set = self.current();
        let chosen = |ids: &[PackId]| -> Vec<Arc<Pack>> {
            let of = |id: &PackId| set.packs.iter().find(|pack| pack.id == *id).cloned();
            ids.iter().filter_map(of).collect()
        };
        let (from, settled) = (chosen(packs), chosen(settled));
        let counts = from
            .iter()
            .flat_map(|pack| Kind::ALL.map(|kind| pack.idx.count(kind)));
        let mut placed = Vec::with_capacity(counts.sum::<u64>() as usize);
        for (number, pack) in from.iter().enumerate() {
            for kind in Kind::ALL {
                let done = pack.idx.each(kind, &[0; 32], &mut |hash, row| {
                    let key = ObjectKey::new(kind, hash);
                    let pack = number as u32;
                    placed.push(Placed { key, pack, row });
                    true
                });
                done.map_err(|error| self.idx_error(pack.id, error))?;
            }
        }
        placed.sort_unstable_by_key(|it| (it.key, it.pack));
        placed.dedup_by_key(|it| it.key);
        let mut failed = Ok(());
        placed.retain(|it| match self.is_whole_in(&settled, it.key) {
            Ok(there) => !there,
            Err(error) => {
                failed = Err(error);
                true
            }
        });
        failed?;
        placed.shrink_to_fit();
        let packs = from.iter().map(|pack| pack.id).collect();
        Ok(Repack {
            odb: self,
            packs,
            placed,
        })
    }

    /// Whether one of the packs has the object, which is read for it.
    fn is_whole_in(&self, packs: &[Arc<Pack>], key: ObjectKey) -> Result<bool, OdbError> {
        for pack in packs {
            if let Some(row) = self.find(pack, key)? {
                let pack = self.dir.open(pack.id)?;
                if read::check(self, key, &Location { pack, row }).is_ok() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether each object of `pack` has a place in one of `others`, by what the indexes say.
    pub fn is_covered(&self, pack: PackId, others: &[PackId]) -> Result<bool, OdbError> {
        let set = self.refresh()?;
        let Some(pack) = set.packs.iter().find(|it| it.id == pack) else {
            return Ok(true);
        };
        let others = set.packs.iter().filter(|it| others.contains(&it.id));
        let others: Vec<_> = others.collect();
        let mut covered = Ok(pack.is_sound());
        for kind in Kind::ALL {
            let done = pack.idx.each(kind, &[0; 32], &mut |hash, _| {
                let key = ObjectKey::new(kind, hash);
                let found = others.iter().try_fold(false, |found, other| {
                    Ok(found || self.find(other, key)?.is_some())
                });
                covered = match (&covered, found) {
                    (Ok(true), found) => found,
                    _ => return false,
                };
                true
            });
            done.map_err(|error| self.idx_error(pack.id, error))?;
        }
        covered
    }

    /// Whether everything in `pack` is in one of `others` too, by what its frames hold: its index
    /// is not asked. A pack that is damaged anywhere is not.
    pub fn is_accounted_for(&self, pack: PackId, others: &[PackId]) -> Result<bool, OdbError> {
        let set = self.refresh()?;
        let others = set.packs.iter().filter(|it| others.contains(&it.id));
        let others: Vec<_> = others.collect();
        let open = self.dir.open(pack)?;
        let mut maker = RowMaker::default();
        for found in open.file.scan() {
            let Found::Frame { offset, bytes } = found.map_err(OdbError::io(&open.path))? else {
                return Ok(false);
            };
            let frame = Frame::parse(&bytes).map_err(|error| OdbError::Refused(error.0));
            let rows = match frame.and_then(|frame| maker.objects(self, &frame, offset)) {
                Ok(objects) => objects.rows,
                Err(error @ OdbError::Io { .. }) => return Err(error),
                Err(_) => return Ok(false),
            };
            for (key, _) in rows {
                let mut found = false;
                for other in &others {
                    found = found || self.find(other, key)?.is_some();
                }
                if !found {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Takes packs away. Who has one open goes on reading; who looks for what was in it finds it
    /// elsewhere, if the caller has made sure of that.
    pub fn remove_packs(&self, packs: &[PackId]) -> Result<(), OdbError> {
        for &id in packs {
            for path in [self.dir.pack_path(id), self.dir.idx_path(id)] {
                match self.dir.fs.remove_file(&path).map_err(OdbError::io(&path)) {
                    Err(error) if !error.is_gone() => return Err(error),
                    _ => {}
                }
            }
        }
        if !packs.is_empty() {
            let synced = self.dir.fs.sync_dir(&self.dir.path);
            synced.map_err(OdbError::io(&self.dir.path))?;
            self.refresh()?;
        }
        Ok(())
    }
}

impl Repack<'_> {
    /// The objects, in the order of their keys.
    pub fn objects(&self) -> &[Placed] {
        &self.placed
    }

    /// Which pack a [`Placed`] means.
    pub fn pack(&self, number: u32) -> Option<PackId> {
        self.packs.get(number as usize).copied()
    }

    /// Where an object stands among [`objects`](Self::objects).
    pub fn position(&self, key: ObjectKey) -> Option<u32> {
        let at = self.placed.binary_search_by_key(&key, |it| it.key);
        at.ok().map(|at| at as u32)
    }

    /// Whether the object is too long for a group.
    pub fn is_long(&self, at: u32) -> bool {
        let placed = self.placed.get(at as usize);
        placed.is_some_and(|it| it.key.kind == Kind::Blob && it.row.size > PART_LEN as u64)
    }

    /// Reads an object, from wherever it is whole. Of a long one nothing is returned.
    pub fn object(&self, at: u32) -> Result<Vec<u8>, OdbError> {
        let placed = self.placed(at)?;
        if self.is_long(at) {
            return self.long(placed.key).map(|_| Vec::new());
        }
        self.read(placed.key)
    }

    fn placed(&self, at: u32) -> Result<&Placed, OdbError> {
        let nowhere = OdbError::Refused("an object that is not repacked");
        self.placed.get(at as usize).ok_or(nowhere)
    }

    /// A place where a long message is whole.
    fn long(&self, key: ObjectKey) -> Result<Location, OdbError> {
        let mut failed = OdbError::Missing(key);
        for place in self.odb.locate(key)? {
            match read::check(self.odb, key, &place) {
                Ok(()) => return Ok(place),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// A dictionary for the messages at these places: the store's own, or a new one if there are
    /// enough of them.
    pub fn dictionary(&self, samples: &[u32]) -> Result<Option<Dictionary>, OdbError> {
        // One that cannot be read is damage for others to report: messages can do without.
        if let Some(known) = self.odb.any_dictionary().unwrap_or_default() {
            return Ok(Dictionary::new(known.bytes().to_vec()).ok());
        }
        let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
        for &at in samples {
            let sample = self.object(at)?;
            let sample = &sample[..sample.len().min(SAMPLE)];
            bytes.extend_from_slice(sample);
            lengths.push(sample.len());
        }
        Ok(Dictionary::train(&bytes, &lengths))
    }

    /// Starts a new pack.
    pub fn start(&self) -> Output<'_> {
        Output {
            repack: self,
            sink: Sink::new(self.odb, "pack"),
        }
    }

    /// Reads a new pack from the disk, and hashes every object in it.
    pub fn verify(&self, pack: PackId) -> Result<(), OdbError> {
        let mut damaged = false;
        self.odb.verify_pack(pack, true, &mut |_| damaged = true)?;
        if damaged {
            let what = "what was just written does not read as it should";
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, what);
            return Err(OdbError::io(&self.odb.dir.pack_path(pack))(source));
        }
        Ok(())
    }
}

/// So much of a message is enough to learn from.
const SAMPLE: usize = 8 << 10;

/// Finds an object in the packs that are repacked without asking all others.
impl View for Repack<'_> {
    fn locate(&self, key: ObjectKey) -> Result<Vec<Location>, OdbError> {
        let at = self.placed.binary_search_by_key(&key, |it| it.key);
        let Some(placed) = at.ok().and_then(|at| self.placed.get(at)) else {
            return self.odb.locate(key);
        };
        let pack = self.pack(placed.pack).ok_or(OdbError::Missing(key))?;
        let pack = self.odb.dir.open(pack)?;
        let row = placed.row;
        Ok(vec![Location { pack, row }])
    }

    fn named(&self, base: BaseName) -> Result<Option<ObjectKey>, OdbError> {
        self.odb.named(base)
    }

    fn cache(&self) -> &Cache {
        View::cache(self.odb)
    }
}

impl ObjectRead for Repack<'_> {
    fn contains(&self, key: ObjectKey) -> Result<bool, OdbError> {
        Ok(self.position(key).is_some() || self.odb.contains(key)?)
    }

    fn read(&self, key: ObjectKey) -> Result<Vec<u8>, OdbError> {
        read::read(self, key).or_else(|_| self.odb.read(key))
    }

    fn read_blob(&self, id: BlobId, out: &mut dyn Write) -> Result<u64, OdbError> {
        self.odb.read_blob(id, out)
    }
}

/// A new pack.
pub struct Output<'a> {
    repack: &'a Repack<'a>,
    sink: Sink<'a>,
}

impl Output<'_> {
    /// Writes groups, each of the objects at these places, in this order. All cores compress; so
    /// no more groups should come at once than may be in memory.
    pub fn add(&self, groups: &[Vec<u32>], with: Option<&Dictionary>) -> Result<u64, OdbError> {
        let encoded = groups.par_iter().map(|group| self.encode(group, with));
        let encoded: Vec<Encoded> = encoded.collect::<Result<_, _>>()?;
        for group in &encoded {
            self.sink.put_group(group)?;
        }
        Ok(encoded.iter().map(|group| group.bytes.len() as u64).sum())
    }

    fn encode(&self, places: &[u32], with: Option<&Dictionary>) -> Result<Encoded, OdbError> {
        let mut group = Group::with_room(with.map_or(0, |it| it.bytes().len()));
        let mut keys = Vec::with_capacity(places.len());
        for &at in places {
            let key = self.repack.placed(at)?.key;
            group.push(key.kind, &self.repack.object(at)?);
            keys.push(key);
        }
        let (mut plain, members) = group.finish();
        let (codec, help) = match with {
            None => (Codec::Zstd, Help::None),
            Some(it) => (Codec::Dictionary(*it.hash()), Help::Dictionary(it)),
        };
        let frame = encode_group(&mut plain, codec, help, true);
        Ok(Encoded::new(frame, keys, &members))
    }

    /// Writes a long message, part by part as it lies.
    pub fn add_long(&self, at: u32) -> Result<u64, OdbError> {
        let key = self.repack.placed(at)?.key;
        let place = self.repack.long(key)?;
        if place.row.place != Place::Parts {
            let bytes = read::read(self.repack.odb, key)?;
            self.sink.put(key, &bytes, None)?;
            return Ok(bytes.len() as u64);
        }
        let (mut maker, mut len) = (RowMaker::default(), 0);
        read::part_frames(BlobId::new(key.hash), &place, &mut |frame, bytes| {
            let offset = self.sink.next_offset()?;
            let objects = maker.objects(&self.sink, frame, offset)?;
            len += bytes.len() as u64;
            self.sink.put_frame(bytes, &objects.rows)
        })?;
        Ok(len)
    }

    /// Writes a dictionary that is not stored yet.
    pub fn add_dictionary(&self, dictionary: &Dictionary) -> Result<(), OdbError> {
        let key = ObjectKey::new(Kind::Dictionary, *dictionary.hash());
        if self.repack.position(key).is_none() && self.sink.claim(key)? {
            self.sink.put(key, dictionary.bytes(), None)?;
            self.sink.flush_meta()?;
        }
        Ok(())
    }

    /// Makes the pack durable and known; `None` if nothing was written.
    pub fn finish(self) -> Result<Option<PackId>, OdbError> {
        self.sink.publish()
    }
}
