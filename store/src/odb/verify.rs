//! Looking at every byte.

use std::collections::HashMap;

use super::read::{Location, OpenPack};
use super::rows::rows_of;
use super::set::Pack;
use super::{OdbError, PackedOdb, read};
use crate::object::{BlobId, Kind, ObjectKey, PackId};
use crate::pack::{Found, Place, Row};

/// Bytes that are not what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The pack that they lie in.
    pub pack: PackId,
    /// Where, in bytes from its start.
    pub offset: u64,
    /// The objects that cannot be read from this pack for it; another may hold them whole.
    pub keys: Vec<ObjectKey>,
    /// What is wrong.
    pub what: &'static str,
}

impl PackedOdb {
    /// Checks a pack: its id, the checksum of each frame and its index; with `full` also that
    /// every object decodes and has its id. Fails only if the pack cannot be read at all.
    pub fn verify_pack(
        &self,
        id: PackId,
        full: bool,
        on_damage: &mut dyn FnMut(Damage),
    ) -> Result<(), OdbError> {
        let set = self.refresh()?;
        let known = set.packs.iter().find(|pack| pack.id == id);
        let gone = || OdbError::io(&self.dir.pack_path(id))(std::io::ErrorKind::NotFound.into());
        let known = known.ok_or_else(gone)?;
        let verify = Verify {
            odb: self,
            id,
            pack: self.dir.open(id)?,
            rows: self.rows_by_frame(known)?,
        };
        verify.id(on_damage)?;
        let damaged = verify.frames(on_damage)?;
        verify.idx(on_damage);
        if full {
            verify.objects(&damaged, on_damage)?;
        }
        Ok(())
    }

    /// What the index says; if it is damaged itself, what the frames say.
    fn rows_by_frame(&self, pack: &Pack) -> Result<Rows, OdbError> {
        let mut rows = Rows::new();
        if pack.is_sound() {
            for kind in Kind::ALL {
                let done = pack.idx.each(kind, &[0; 32], &mut |hash, row| {
                    let key = ObjectKey::new(kind, hash);
                    rows.entry(row.frame).or_default().push((key, row));
                    true
                });
                let unread = |_| std::io::Error::from(std::io::ErrorKind::InvalidData);
                done.map_err(unread)
                    .map_err(OdbError::io(&self.dir.idx_path(pack.id)))?;
            }
            return Ok(rows);
        }
        for (key, row) in rows_of(self, &self.dir.open(pack.id)?)?.0 {
            rows.entry(row.frame).or_default().push((key, row));
        }
        Ok(rows)
    }
}

type Rows = HashMap<u64, Vec<(ObjectKey, Row)>>;

struct Verify<'a> {
    odb: &'a PackedOdb,
    id: PackId,
    pack: std::sync::Arc<OpenPack>,
    rows: Rows,
}

impl Verify<'_> {
    fn damage(&self, offset: u64, keys: Vec<ObjectKey>, what: &'static str) -> Damage {
        let pack = self.id;
        Damage {
            pack,
            offset,
            keys,
            what,
        }
    }

    fn id(&self, on_damage: &mut dyn FnMut(Damage)) -> Result<(), OdbError> {
        let file = &self.pack.file;
        let checked = file.check_id().map_err(OdbError::io(&self.pack.path))?;
        let agrees = file.is_of_one_version();
        let agrees = agrees.map_err(OdbError::io(&self.pack.path))?;
        let what = match checked {
            Some((id, true)) if id != self.id => "the pack has another pack's name",
            Some((_, true)) if agrees => return Ok(()),
            Some((_, true)) => "the pack does not end as it starts",
            Some(_) => "the pack has another id",
            None => "the pack has no end",
        };
        on_damage(self.damage(0, Vec::new(), what));
        Ok(())
    }

    /// Returns the objects that lie in damaged frames.
    fn frames(&self, on_damage: &mut dyn FnMut(Damage)) -> Result<Vec<ObjectKey>, OdbError> {
        let mut all = Vec::new();
        for found in self.pack.file.scan() {
            let found = found.map_err(OdbError::io(&self.pack.path))?;
            if let Found::Damage { offset, len } = found {
                let mut keys = self.keys_in(offset..offset.saturating_add(len));
                keys.sort_unstable();
                all.extend_from_slice(&keys);
                on_damage(self.damage(offset, keys, "a frame is damaged"));
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// The objects of which bytes lie in this range.
    fn keys_in(&self, range: std::ops::Range<u64>) -> Vec<ObjectKey> {
        let rows = self.rows.values().flatten();
        let hit = |(key, row): &&(ObjectKey, Row)| match row.place {
            Place::At(_) => range.contains(&row.frame),
            // Only a walk tells where a long message ends.
            Place::Parts => {
                range.end > row.frame && self.parts(BlobId::new(key.hash), *row).is_err()
            }
        };
        rows.filter(hit).map(|(key, _)| *key).collect()
    }

    fn parts(&self, id: BlobId, row: Row) -> Result<(), OdbError> {
        let pack = self.pack.clone();
        read::part_frames(id, &Location { pack, row }, &mut |_, _| Ok(()))
    }

    fn idx(&self, on_damage: &mut dyn FnMut(Damage)) {
        let sound = self.odb.dir.idx(self.id);
        if !sound.is_ok_and(|idx| idx.check().unwrap_or(false)) {
            on_damage(self.damage(0, Vec::new(), "the index is damaged"));
        }
    }

    /// Reads every object from this pack, even those that are stored elsewhere too.
    fn objects(
        &self,
        known: &[ObjectKey],
        on_damage: &mut dyn FnMut(Damage),
    ) -> Result<(), OdbError> {
        let mut frames: Vec<_> = self.rows.iter().collect();
        frames.sort_unstable_by_key(|(offset, _)| **offset);
        for (&offset, rows) in frames {
            let mut bad = Vec::new();
            for (key, row) in rows {
                if known.binary_search(key).is_err() && !self.is_whole(*key, *row)? {
                    bad.push(*key);
                }
            }
            if !bad.is_empty() {
                on_damage(self.damage(offset, bad, "objects are not what they were"));
            }
        }
        Ok(())
    }

    fn is_whole(&self, key: ObjectKey, row: Row) -> Result<bool, OdbError> {
        let pack = self.pack.clone();
        match read::check(self.odb, key, &Location { pack, row }) {
            Ok(()) => Ok(true),
            Err(OdbError::Io { path, source }) => Err(OdbError::Io { path, source }),
            Err(_) => Ok(false),
        }
    }
}
