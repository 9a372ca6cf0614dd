use crate::blob::{Codec, Content, GROUP_TARGET, Group, Help, MAX_BASES, MAX_WEIGHT, encode};
use crate::object::ObjectKey;
use crate::pack::{Place, Row};

use super::cache::FrameAt;
use super::read::Weighed;

/// A prefix longer than this costs more than it saves.
const MAX_PREFIX: usize = 512 << 10;

/// Objects that wait until there are enough of them for a frame.
#[derive(Debug, Default)]
pub(super) struct Pending {
    group: Group,
    keys: Vec<ObjectKey>,
    bases: Vec<ObjectKey>,
    prefix: Vec<u8>,
    /// The frames that the bases lie in, with what each of them weighs.
    frames: Vec<(FrameAt, u8)>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether an object of `len` bytes should rather open the next group.
    pub(super) fn is_full_for(&self, len: usize) -> bool {
        self.group.is_full_for(len, GROUP_TARGET)
    }

    /// The bytes of an object that waits here.
    pub(super) fn get(&self, key: ObjectKey) -> Option<&[u8]> {
        let at = self.keys.iter().position(|&it| it == key)?;
        self.group.get(at)
    }

    pub(super) fn push(&mut self, key: ObjectKey, bytes: &[u8]) {
        self.group.push(key.kind, bytes);
        self.keys.push(key);
    }

    /// Adds an object to what the group is compressed against, unless that would make the group
    /// too costly to read.
    pub(super) fn lean_on(&mut self, key: ObjectKey, base: &Weighed) -> bool {
        if self.bases.contains(&key) {
            return true;
        }
        let known = self.frames.iter().any(|(at, _)| *at == base.frame);
        let more = if known { 0 } else { base.weight };
        let fits = self.bases.len() < MAX_BASES
            && self.prefix.len() + base.bytes.len() <= MAX_PREFIX
            && self.weight() + u32::from(more) <= u32::from(MAX_WEIGHT);
        if fits {
            self.bases.push(key);
            self.prefix.extend_from_slice(&base.bytes);
            if !known {
                self.frames.push((base.frame, base.weight));
            }
        }
        fits
    }

    fn weight(&self) -> u32 {
        let below: u32 = self.frames.iter().map(|(_, it)| u32::from(*it)).sum();
        1 + below
    }

    /// The frame, and the rows of its objects once it lies at an offset.
    pub(super) fn encode(self) -> Encoded {
        let weight = self.weight() as u8;
        let (plain, members) = self.group.finish();
        let (codec, help) = if self.bases.is_empty() {
            (Codec::Zstd, Help::None)
        } else {
            let bases = self.bases;
            (Codec::Prefix { weight, bases }, Help::Prefix(&self.prefix))
        };
        Encoded::new(
            encode(&Content::Group, codec, &plain, help),
            self.keys,
            &members,
        )
    }
}

/// A frame that is ready to be appended.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    objects: Vec<(ObjectKey, u32, u64)>,
}

impl Encoded {
    pub(super) fn new(
        bytes: Vec<u8>,
        keys: Vec<ObjectKey>,
        members: &[crate::blob::Member],
    ) -> Self {
        let objects = keys.into_iter().zip(members);
        let objects = objects.map(|(key, it)| (key, it.start as u32, it.len as u64));
        Self {
            bytes,
            objects: objects.collect(),
        }
    }

    /// The rows once the frame lies at `frame`.
    pub(super) fn rows(&self, frame: u64) -> impl Iterator<Item = (ObjectKey, Row)> {
        self.objects.iter().map(move |&(key, start, size)| {
            let place = Place::At(start);
            (key, Row { frame, place, size })
        })
    }
}
