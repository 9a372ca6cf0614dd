//! Collecting many small packs into few that are small: messages that are alike side by side, and
//! the versions of a tree's node side by side, where zstd stores each as its difference from the
//! one before.
//!
//! No object is ever given up here. A pack goes in two steps: once everything in it was written
//! anew, read back and hashed, it is noted as [`Superseded`]; some time later, when nobody looks
//! for it any more, it is taken away.

mod messages;
mod others;
mod plan;
mod superseded;

use std::collections::HashSet;

use rayon::prelude::*;

use crate::blob::Dictionary;
use crate::object::{Kind, PackId};
use crate::odb::{OdbError, Output, PackShape, PackedOdb, Placed, Repack};
use crate::progress::{Phase, Progress};
use crate::refs::RefStore;

pub use plan::GcPlan;
pub use superseded::{GRACE, Superseded};

/// A new pack ends once it is so long: what was written stays if the run is broken off.
const PACK_TARGET: u64 = 256 << 20;
/// Nor does it hold more objects than about this: their places are in memory until it ends.
const PACK_OBJECTS: usize = 65_536;
/// So many objects are read before what was found is gathered.
const LOOK: usize = 8192;
/// How many groups each core has in memory at a time.
const AHEAD: usize = 2;

/// What repacking works with.
pub struct Collector<'a> {
    /// The objects.
    pub odb: &'a PackedOdb,
    /// The refs: the folders that they lead to say which messages are alike.
    pub refs: &'a RefStore,
    /// Told of objects.
    pub progress: &'a dyn Progress,
}

/// What a repack wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repacked {
    /// The new packs.
    pub written: Vec<PackShape>,
    /// The packs of which every object is elsewhere now.
    pub superseded: Vec<PackId>,
    /// The packs that hold something which cannot be read: they stay.
    pub damaged: Vec<PackId>,
    /// Whether the work was broken off when it was asked to. Nothing is superseded then.
    pub cancelled: bool,
}

impl Collector<'_> {
    /// Writes what lies in the packs that `plan` wants repacked into new ones, and checks that
    /// every object arrived.
    pub fn repack(&self, plan: &GcPlan) -> Result<Repacked, OdbError> {
        let packs: Vec<PackId> = plan.repack.iter().map(|pack| pack.id).collect();
        let settled: Vec<PackId> = plan.keep.iter().map(|pack| pack.id).collect();
        let mut run = Run {
            progress: self.progress,
            repack: &self.odb.repack(&packs, &settled)?,
            lost: HashSet::new(),
            packs: Vec::new(),
        };
        let whole = self.write(&mut run)?;
        let mut done = Repacked {
            cancelled: !whole,
            ..Repacked::default()
        };
        for (number, &pack) in packs.iter().enumerate() {
            if run.lost.contains(&(number as u32)) {
                done.damaged.push(pack);
            }
        }
        let there = [settled, run.packs.clone()].concat();
        for pack in packs.into_iter().filter(|_| whole) {
            if !done.damaged.contains(&pack) && self.odb.is_accounted_for(pack, &there)? {
                done.superseded.push(pack);
            }
        }
        let shapes = self.odb.shapes()?.into_iter();
        done.written = shapes.filter(|it| run.packs.contains(&it.id)).collect();
        Ok(done)
    }

    /// Says whether all was written, and nobody asked to stop.
    fn write(&self, run: &mut Run<'_>) -> Result<bool, OdbError> {
        let Some(looked) = run.look()? else {
            return Ok(false);
        };
        let messages = messages::order(self.refs, run.repack, looked);
        let total = run.repack.objects().len() as u64;
        self.progress.begin(Phase::Repack, Some(total));
        if !run.messages(&messages)? {
            return Ok(false);
        }
        drop(messages);
        let others = others::order(run.repack, &run.lost);
        run.groups(run.repack.start(), &others, None)
    }
}

/// What a look at an object told.
enum Seen {
    Message(messages::Message),
    Other,
    /// It cannot be read, from the pack with this number or from elsewhere.
    Lost(u32),
}

/// A repack under way.
struct Run<'a> {
    progress: &'a dyn Progress,
    repack: &'a Repack<'a>,
    /// The packs of which an object cannot be read.
    lost: HashSet<u32>,
    /// The new packs.
    packs: Vec<PackId>,
}

impl<'a> Run<'a> {
    /// Reads every object once: what cannot be read is known before anything is written. Returns
    /// what is to be known of each message; `None` if the work is to stop.
    fn look(&mut self) -> Result<Option<Vec<messages::Message>>, OdbError> {
        let objects = self.repack.objects();
        self.progress.begin(Phase::Read, Some(objects.len() as u64));
        let mut places: Vec<u32> = (0..objects.len() as u32).collect();
        let order = |&at: &u32| objects.get(at as usize).map(Placed::order);
        places.sort_unstable_by_key(order);
        let mut messages = Vec::with_capacity(objects.len());
        for some in places.chunks(LOOK) {
            if self.progress.cancelled() {
                return Ok(None);
            }
            let looked = some.par_iter().with_min_len(64).map(|&at| self.look_at(at));
            let looked: Vec<Seen> = looked.collect::<Result<_, _>>()?;
            for one in looked {
                match one {
                    Seen::Message(message) => messages.push(message),
                    Seen::Other => {}
                    Seen::Lost(pack) => drop(self.lost.insert(pack)),
                }
            }
        }
        Ok(Some(messages))
    }

    fn look_at(&self, at: u32) -> Result<Seen, OdbError> {
        let Some(object) = self.repack.objects().get(at as usize) else {
            return Ok(Seen::Other);
        };
        self.progress.advance(1, object.size());
        match self.repack.object(at) {
            Ok(bytes) if object.key.kind == Kind::Blob => {
                Ok(Seen::Message(messages::Message::of(at, &bytes)))
            }
            Ok(_) => Ok(Seen::Other),
            Err(error @ OdbError::Io { .. }) => Err(error),
            Err(_) => Ok(Seen::Lost(object.pack)),
        }
    }

    /// Writes messages: first what they are compressed with, then the short ones, then the long.
    fn messages(&mut self, order: &messages::Order) -> Result<bool, OdbError> {
        let output = self.repack.start();
        let dictionary = self.repack.dictionary(&order.samples())?;
        if let Some(dictionary) = dictionary.as_ref().filter(|_| !order.short.is_empty()) {
            output.add_dictionary(dictionary)?;
        }
        output.add(&order.dictionaries, None)?;
        if !self.groups(output, &order.short, dictionary.as_ref())? {
            return Ok(false);
        }
        let (mut output, mut len) = (self.repack.start(), 0);
        for &at in &order.long {
            if self.progress.cancelled() {
                return Ok(false);
            }
            len += output.add_long(at)?;
            self.progress.advance(1, 0);
            if len >= PACK_TARGET {
                self.end(std::mem::replace(&mut output, self.repack.start()))?;
                len = 0;
            }
        }
        self.end(output)?;
        Ok(true)
    }

    /// Writes groups into packs of a bounded length.
    fn groups(
        &mut self,
        mut output: Output<'a>,
        all: &[Vec<u32>],
        with: Option<&Dictionary>,
    ) -> Result<bool, OdbError> {
        let (mut len, mut objects) = (0, 0);
        for some in all.chunks(AHEAD * rayon::current_num_threads()) {
            if self.progress.cancelled() {
                return Ok(false);
            }
            len += output.add(some, with)?;
            let count: usize = some.iter().map(Vec::len).sum();
            self.progress.advance(count as u64, 0);
            objects += count;
            if len >= PACK_TARGET || objects >= PACK_OBJECTS {
                self.end(std::mem::replace(&mut output, self.repack.start()))?;
                (len, objects) = (0, 0);
            }
        }
        self.end(output)?;
        Ok(true)
    }

    /// Ends a pack, and reads it back.
    fn end(&mut self, output: Output<'_>) -> Result<(), OdbError> {
        if let Some(pack) = output.finish()? {
            self.repack.verify(pack)?;
            self.packs.push(pack);
        }
        Ok(())
    }
}

/// Cuts what stands in order into groups of about `target` bytes.
fn cut(order: impl Iterator<Item = u32>, repack: &Repack<'_>, target: u64) -> Vec<Vec<u32>> {
    let (mut groups, mut group, mut len) = (Vec::new(), Vec::new(), 0);
    for at in order {
        let size = repack.objects().get(at as usize).map_or(0, Placed::size);
        let full = len + size > target || group.len() == crate::blob::MAX_MEMBERS;
        if full && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            len = 0;
        }
        group.push(at);
        len += size;
    }
    groups.extend(Some(group).filter(|group| !group.is_empty()));
    groups
}
