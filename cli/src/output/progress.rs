//! How far the work is: on a terminal, and only if it takes a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mailvc_store::progress::{Cancel, Phase, Progress};

/// What takes no longer than this is not worth a line.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows progress on the terminal, if it may, and passes on that the person wants to stop.
#[derive(Debug)]
pub(crate) struct Terminal {
    shown: bool,
    started: Instant,
    bar: Mutex<Option<ProgressBar>>,
    cancel: Arc<Cancel>,
}

impl Terminal {
    /// Shows something if `shown`.
    pub(crate) fn new(shown: bool, cancel: Arc<Cancel>) -> Self {
        Self {
            shown,
            started: Instant::now(),
            bar: Mutex::new(None),
            cancel,
        }
    }

    /// Takes the line away, for other words to come.
    pub(crate) fn clear(&self) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Terminal {
    fn begin(&self, phase: Phase, total: Option<u64>) {
        if !self.shown {
            return;
        }
        self.clear();
        let target = ProgressDrawTarget::hidden();
        let bar = ProgressBar::with_draw_target(total, target).with_message(word(phase));
        let template = match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
            None => "{msg} {human_pos} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance(&self, items: u64, _bytes: u64) {
        if !self.shown {
            return;
        }
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.inc(items);
            if bar.is_hidden() && self.started.elapsed() > PATIENCE {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_raised()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::List => "listing folders",
        Phase::Read => "reading messages",
        Phase::Receive => "receiving",
        Phase::Send => "sending",
        Phase::Merge => "merging",
        Phase::Write => "writing messages",
        Phase::Check => "checking",
        Phase::Repack => "repacking",
    }
}
