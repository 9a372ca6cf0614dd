use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::blob::Dictionary;

/// How many plain bytes of frames are kept.
const FRAMES: usize = 16 << 20;
/// How many bytes of tree nodes are kept.
const NODES: usize = 12 << 20;

/// A group, decoded.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    /// The other frames that have to be decoded to decode it.
    pub(super) below: BTreeSet<FrameAt>,
}

/// Where a frame is: the number of its pack, and the offset there.
pub(super) type FrameAt = (u64, u64);

/// The groups that were read last, and all dictionaries that were used: reading ten messages of
/// one group decodes it once. Tree nodes are kept by their ids too: a command goes over the same
/// ones several times, and to find one in the indexes takes as long as to read it.
#[derive(Debug, Default)]
pub(super) struct Cache {
    frames: Mutex<Recent<FrameAt, Arc<Plain>>>,
    nodes: Mutex<Recent<[u8; 32], Arc<[u8]>>>,
    dictionaries: Mutex<HashMap<[u8; 32], Arc<Dictionary>>>,
}

/// What was used last, as far as there is room: two generations, of which the older one is given
/// up whole when the younger one fills half of the room.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    young_bytes: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
        }
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Recent<K, V> {
    fn get(&mut self, key: &K, room: usize) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (value, bytes) = self.old.remove(key)?;
        self.put(*key, value.clone(), bytes, room);
        Some(value)
    }

    fn put(&mut self, key: K, value: V, bytes: usize, room: usize) {
        if self.young_bytes + bytes > room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some((_, before)) = self.young.insert(key, (value, bytes)) {
            self.young_bytes -= before;
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(super) fn frame(&self, at: FrameAt) -> Option<Arc<Plain>> {
        locked(&self.frames).get(&at, FRAMES)
    }

    pub(super) fn put_frame(&self, at: FrameAt, plain: &Arc<Plain>) {
        locked(&self.frames).put(at, plain.clone(), plain.bytes.len(), FRAMES);
    }

    /// The bytes of a tree node, its id checked.
    pub(super) fn node(&self, hash: &[u8; 32]) -> Option<Arc<[u8]>> {
        locked(&self.nodes).get(hash, NODES)
    }

    pub(super) fn put_node(&self, hash: [u8; 32], bytes: &[u8]) {
        locked(&self.nodes).put(hash, bytes.into(), bytes.len(), NODES);
    }

    pub(super) fn dictionary(&self, hash: &[u8; 32]) -> Option<Arc<Dictionary>> {
        locked(&self.dictionaries).get(hash).cloned()
    }

    pub(super) fn put_dictionary(&self, dictionary: &Arc<Dictionary>) {
        locked(&self.dictionaries).insert(*dictionary.hash(), dictionary.clone());
    }
}
