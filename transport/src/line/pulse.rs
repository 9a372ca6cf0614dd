use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Patience;

/// In how many parts a wait is cut. A part in which this process did not run itself (it was
/// stopped, the machine slept) then counts for no more than that.
const PARTS: u32 = 16;

/// What was heard of the peer.
#[derive(Debug)]
pub(super) struct Pulse {
    patience: Patience,
    beats: AtomicU64,
    /// The peer was given up once: it gets but little more time.
    lost: AtomicBool,
}

impl Pulse {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            patience,
            beats: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        }
    }

    /// Something came from the peer.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Waits until a channel is `ready`, for as long as signs of life come.
    pub(super) fn wait<'a>(
        &self,
        channel: &'a Channel,
        ready: impl Fn(&State) -> bool,
    ) -> io::Result<MutexGuard<'a, State>> {
        let mut state = channel.lock();
        let (mut silent, mut beats) = (0, self.beats());
        let enough = if self.lost.load(Ordering::Relaxed) {
            1
        } else {
            PARTS
        };
        while !ready(&state) {
            let Some(limit) = self.patience.silence else {
                state = channel.sleep(state, None).0;
                continue;
            };
            let (woken, late) = channel.sleep(state, Some(limit / PARTS));
            state = woken;
            let now = self.beats();
            let counts = self.patience.at_once || now > 0;
            if now != beats || !counts {
                (silent, beats) = (0, now);
            } else if late {
                silent += 1;
            }
            if silent >= enough && !ready(&state) {
                self.lost.store(true, Ordering::Relaxed);
                let text = format!("nothing came for {} seconds", limit.as_secs_f32());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
        Ok(state)
    }
}

/// Bytes on their way between a thread that blocks and one that must not for ever.
#[derive(Debug, Default)]
pub(super) struct Channel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What was given and not yet taken.
    pub(super) bytes: VecDeque<u8>,
    /// Some of it is being written.
    pub(super) busy: bool,
    /// Nothing more is given: the stream's end, or its failure.
    pub(super) ended: Option<Result<(), io::ErrorKind>>,
    /// Nothing more is wanted.
    pub(super) closed: bool,
}

impl Channel {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the state go until it changed, or the time is over; then also says so.
    pub(super) fn sleep<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        time: Option<Duration>,
    ) -> (MutexGuard<'a, State>, bool) {
        match time {
            Some(time) => {
                let slept = self.changed.wait_timeout(state, time);
                let (state, slept) = slept.unwrap_or_else(PoisonError::into_inner);
                (state, slept.timed_out())
            }
            None => {
                let slept = self.changed.wait(state);
                (slept.unwrap_or_else(PoisonError::into_inner), false)
            }
        }
    }

    /// Changes the state, and wakes who waits for it.
    pub(super) fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.lock());
        self.changed.notify_all();
    }
}
