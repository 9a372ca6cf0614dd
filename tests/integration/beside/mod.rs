//! Programs of other people work on the Maildir of one device, while mailvc records it and keeps
//! it in step with a second device, where somebody works as well. In the end nothing is lost,
//! doubled or altered, and every folder and flag is as those who changed it left it.
//!
//! `tests/run` installs the programs; without them these tests fail. Longer, by hand:
//!
//!     MAILVC_SECONDS=60 cargo test -p mailvc-tests --test integration beside -- --nocapture

#![allow(clippy::disallowed_methods)] // changes mail as other programs do

mod dovecot;
mod imap;
mod letters;
mod mbsync;
mod notmuch;
mod person;
mod scene;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mailvc_tests::cli::Run;

/// How long a program may take to notice what others did.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_millis(200);
/// What to do where a program is missing.
const INSTALLS: &str = "not installed; `tests/run --packages` does it";

/// # Panics
/// If a program is missing.
fn need(program: &str) {
    let mut command = Command::new(program);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    let found = quiet.arg("--version").stderr(Stdio::null()).status();
    if let Err(error) = found {
        panic!("no {program} ({error}): {INSTALLS}");
    }
}

/// Whether it becomes true in good time; else its caller says what is wrong.
fn soon(mut is: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if is() {
            return true;
        }
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Run {
    mailvc_tests::cli::run(command.stdin(Stdio::null()))
}
