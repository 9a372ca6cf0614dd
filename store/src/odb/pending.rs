//! What waits for a frame: objects that come one by one, put together by what they rest on. One
//! that is changed often must make no other heavy to read.

use std::collections::BTreeSet;

use crate::blob::{
    Codec, Content, GROUP_TARGET, Group, Help, MAX_BASES, MAX_LINKED_WEIGHT, MAX_WEIGHT, encode,
    encode_linked,
};
use crate::object::ObjectKey;
use crate::pack::{PackVersion, Place, Row};

use super::cache::FrameAt;
use super::read::Weighed;

/// A prefix longer than this costs more than it saves.
const MAX_PREFIX: usize = 512 << 10;
/// Nodes of one folder change together, and so they lie together: who reads one of them next time
/// has decoded what the others rest on. With nodes that lay elsewhere they share a group only as
/// long as no more than so many frames have to be decoded for it.
const SHARED_WEIGHT: usize = 4;
/// How many groups are open at the same time.
const OPEN: usize = 8;

/// Objects that wait until there are enough of them for a frame, in the groups that they go into.
#[derive(Debug)]
pub(super) struct Pending {
    /// Of the pack that the frames are for.
    version: PackVersion,
    open: Vec<Open>,
    /// Which of them was added to last.
    last: usize,
}

impl Pending {
    pub(super) fn new(version: PackVersion) -> Self {
        Self {
            version,
            open: Vec::new(),
            last: 0,
        }
    }

    /// All that waits; afterwards nothing does.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.version))
    }

    /// The bytes of an object that waits here.
    pub(super) fn get(&self, key: ObjectKey) -> Option<&[u8]> {
        self.open.iter().find_map(|open| open.get(key))
    }

    /// Adds an object, to be compressed against `base`. Returns a group that had to be closed.
    pub(super) fn push(
        &mut self,
        key: ObjectKey,
        bytes: &[u8],
        base: Option<(ObjectKey, Weighed)>,
    ) -> Option<Encoded> {
        let most = usize::from(match self.version {
            PackVersion::V1 => MAX_WEIGHT,
            PackVersion::V2 => MAX_LINKED_WEIGHT,
        });
        let light = |base: &Weighed| base.frames.len() < most && base.bytes.len() <= MAX_PREFIX;
        let heavy = base.as_ref().is_some_and(|(_, it)| !light(it));
        // What is too heavy stands whole from here on, and in no company that is heavy.
        let base = base.filter(|_| !heavy);
        let found = match &base {
            Some((_, base)) => self.cheapest(base),
            None if heavy => self.open.iter().position(|open| open.below.is_empty()),
            None => (!self.open.is_empty()).then_some(self.last),
        };
        let full = |at: &usize| self.open[*at].group.is_full_for(bytes.len(), GROUP_TARGET);
        let closed = match found {
            Some(at) if full(&at) => Some(at),
            None if self.open.len() == OPEN => Some(0),
            _ => None,
        };
        let closed = closed.map(|at| self.open.remove(at).encode(self.version));
        self.last = match found {
            Some(at) if closed.is_none() => at,
            _ => {
                self.open.push(Open::default());
                self.open.len() - 1
            }
        };
        if let Some(open) = self.open.get_mut(self.last) {
            if let Some((key, base)) = base {
                open.lean_on(key, base);
            }
            open.group.push(key.kind, bytes);
            open.keys.push(key);
        }
        closed
    }

    /// The open group that fewest frames more have to be decoded for if it rests on `base` too.
    fn cheapest(&self, base: &Weighed) -> Option<usize> {
        let costs = self.open.iter().enumerate().filter_map(|(at, open)| {
            let more = base.frames.difference(&open.below).count();
            let shared = more == 0 || 1 + open.below.len() + more <= SHARED_WEIGHT;
            let room =
                open.bases.len() < MAX_BASES && open.prefix.len() + base.bytes.len() <= MAX_PREFIX;
            (shared && room).then_some((more, at))
        });
        costs.min().map(|(_, at)| at)
    }

    /// Closes all groups.
    pub(super) fn encode(self) -> impl Iterator<Item = Encoded> {
        let version = self.version;
        self.open.into_iter().map(move |open| open.encode(version))
    }
}

/// One group.
#[derive(Debug, Default)]
struct Open {
    group: Group,
    keys: Vec<ObjectKey>,
    bases: Vec<ObjectKey>,
    prefix: Vec<u8>,
    /// The frames that have to be decoded for its bases.
    below: BTreeSet<FrameAt>,
}

impl Open {
    fn get(&self, key: ObjectKey) -> Option<&[u8]> {
        let at = self.keys.iter().position(|&it| it == key)?;
        self.group.get(at)
    }

    /// Adds an object to what the group is compressed against.
    fn lean_on(&mut self, key: ObjectKey, base: Weighed) {
        if !self.bases.contains(&key) {
            self.bases.push(key);
            self.prefix.extend_from_slice(&base.bytes);
            self.below.extend(base.frames);
        }
    }

    /// The frame, and the rows of its objects once it lies at an offset.
    fn encode(self, version: PackVersion) -> Encoded {
        let weight = (1 + self.below.len()) as u8;
        let (plain, members) = self.group.finish();
        let bytes = if version == PackVersion::V2 {
            let upon = (weight, &*self.bases, &*self.prefix);
            encode_linked((&plain, &members), &self.keys, upon)
        } else if self.bases.is_empty() {
            encode(&Content::Group, Codec::Zstd, &plain, Help::None)
        } else {
            let bases = self.bases;
            let codec = Codec::Prefix { weight, bases };
            encode(&Content::Group, codec, &plain, Help::Prefix(&self.prefix))
        };
        Encoded::new(bytes, self.keys, &members)
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
