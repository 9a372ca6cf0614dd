use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::blob::Dictionary;

/// How many plain bytes of frames are kept.
const BYTES: usize = 16 << 20;

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
/// one group decodes it once.
#[derive(Debug, Default)]
pub(super) struct Cache {
    frames: Mutex<Frames>,
    dictionaries: Mutex<HashMap<[u8; 32], Arc<Dictionary>>>,
}

#[derive(Debug, Default)]
struct Frames {
    plain: HashMap<FrameAt, (Arc<Plain>, u64)>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    pub(super) fn frame(&self, at: FrameAt) -> Option<Arc<Plain>> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.uses += 1;
        let now = frames.uses;
        let (plain, used) = frames.plain.get_mut(&at)?;
        *used = now;
        Some(plain.clone())
    }

    pub(super) fn put_frame(&self, at: FrameAt, plain: &Arc<Plain>) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.uses += 1;
        let now = frames.uses;
        frames.bytes += plain.bytes.len();
        if let Some((old, _)) = frames.plain.insert(at, (plain.clone(), now)) {
            frames.bytes -= old.bytes.len();
        }
        while frames.bytes > BYTES {
            let used = frames.plain.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = used.map(|(at, _)| *at) else {
                break;
            };
            if let Some((old, _)) = frames.plain.remove(&oldest) {
                frames.bytes -= old.bytes.len();
            }
        }
    }

    pub(super) fn dictionary(&self, hash: &[u8; 32]) -> Option<Arc<Dictionary>> {
        let known = self.dictionaries.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(hash).cloned()
    }

    pub(super) fn put_dictionary(&self, dictionary: &Arc<Dictionary>) {
        let known = self.dictionaries.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.insert(*dictionary.hash(), dictionary.clone());
    }
}
