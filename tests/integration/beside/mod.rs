//! Programs of other people work on the Maildir of one device, while mailvc records it and keeps
//! it in step with a second device, where somebody works as well. In the end nothing is lost,
//! doubled or altered, and every folder and flag is as those who changed it left it.
//!
//! One test for each program; where one is not installed, its test says so and ends. They are run
//! by hand, since what these programs notice of each other's changes depends on their versions:
//!
//!     MAILVC_SECONDS=60 cargo test -p mailvc-tests --test integration beside -- --ignored --nocapture

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

/// Whether all these programs are there; says which is not.
fn installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let mut command = Command::new(program);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        quiet
            .arg("--version")
            .stderr(Stdio::null())
            .status()
            .is_err()
    });
    if let Some(program) = missing {
        println!("not tested: {program} is not installed");
    }
    missing.is_none()
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
