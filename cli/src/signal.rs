//! Ctrl-C: the first asks the work to stop where nothing is half done, the second ends it there
//! and then, which the next command mends.

use std::sync::Arc;

use mailvc_store::progress::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// A flag that the first signal raises. Where no handler can be installed, signals end the
/// program at once, as they do without one.
pub(crate) fn watch() -> Arc<Cancel> {
    let cancel = Arc::new(Cancel::default());
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        let raised = cancel.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if raised.is_raised() {
                    // It returns only if there is no such signal.
                    let _ = emulate_default_handler(signal);
                }
                raised.raise();
            }
        });
    }
    cancel
}
