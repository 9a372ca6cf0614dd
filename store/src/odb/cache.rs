use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::blob::Dictionary;

/// How many plain bytes of frames are kept.
const FRAMES: usize = 16 << 20;
/// How many bytes of tree nodes are kept.
const NODES: usize = 4 << 20;

/// A group, decoded.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    /// How many frames had to be decoded for it, at most.
    pub(super) weight: u8,
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

/// What was used last, as far as there is room.
#[derive(Debug)]
struct Recent<K, V> {
    kept: HashMap<K, Kept<V>>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            bytes: 0,
            uses: 0,
        }
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Recent<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let kept = self.kept.get_mut(key)?;
        kept.used = self.uses;
        Some(kept.value.clone())
    }

    fn put(&mut self, key: K, value: V, bytes: usize, room: usize) {
        self.uses += 1;
        self.remove(&key);
        self.bytes += bytes;
        let used = self.uses;
        self.kept.insert(key, Kept { value, bytes, used });
        while self.bytes > room {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                break;
            };
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some(old) = self.kept.remove(key) {
            self.bytes -= old.bytes;
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(super) fn frame(&self, at: FrameAt) -> Option<Arc<Plain>> {
        locked(&self.frames).get(&at)
    }

    pub(super) fn put_frame(&self, at: FrameAt, plain: &Arc<Plain>) {
        locked(&self.frames).put(at, plain.clone(), plain.bytes.len(), FRAMES);
    }

    /// The bytes of a tree node, its id checked.
    pub(super) fn node(&self, hash: &[u8; 32]) -> Option<Arc<[u8]>> {
        locked(&self.nodes).get(hash)
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
