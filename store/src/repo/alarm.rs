//! Calls for a person where the guard stops something, or flags change in masses: a line in the
//! store's `guard.log`, and the program that the settings name.
//!
//! Nothing that a peer chose may reach a shell: the program is started without one, and is told
//! numbers and checked names alone. What fails here fails nothing else.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fs::append_durable;
use crate::merge::{Flagged, Leaving};
use crate::time::Timestamp;

use super::{MergeReport, RepoError, Repository, SnapshotReport, check_name};

/// How long the program is waited for; then it goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same thing is called out once in so many seconds.
const AGAIN: i64 = 24 * 3600;
/// As much of the log's end is looked at for whether something was called out already.
const TAIL: usize = 64 << 10;

/// Something that was stopped.
#[derive(Debug, Clone, Copy)]
pub struct Alarm<'a> {
    /// In what: `missing`, `merge`, `checkout` or `undo`.
    pub situation: &'a str,
    /// Which messages would leave.
    pub leaving: &'a Leaving,
    /// The device that removed them, by name; this one's own where they are missing.
    pub device: &'a str,
}

impl Repository {
    /// Calls out what recording and merging have stopped, and which flags changed in masses. The
    /// caller holds no lock: a program may take its time. `merged` says whose line it was.
    pub fn call_for_somebody(
        &self,
        recorded: &SnapshotReport,
        merged: Option<(&MergeReport, &str)>,
    ) {
        let own = self.config().device.as_str();
        if !recorded.held.reasons.is_empty() {
            self.stopped(&Alarm {
                situation: "missing",
                leaving: &recorded.held.leaving,
                device: own,
            });
        }
        self.flags_changed(&recorded.flagged, &[own.to_owned()]);
        let Some((merged, whose)) = merged else {
            return;
        };
        if !merged.held.reasons.is_empty() {
            self.stopped(&Alarm {
                situation: "merge",
                leaving: &merged.held.leaving,
                device: whose,
            });
        }
        self.flags_changed(&merged.flagged, &merged.makers);
    }

    /// Calls out one thing that was stopped, unless it was called out within a day: runs the
    /// program of the settings, if there is one, and writes a line.
    pub fn stopped(&self, alarm: &Alarm<'_>) {
        let set = set_of(alarm.leaving);
        let now = Timestamp::now().0;
        let subject = format!(
            "stopped\t{}\t{}\t{}\t{}\t{set}",
            alarm.situation,
            checked(alarm.device),
            alarm.leaving.messages.len(),
            alarm.leaving.total
        );
        if self.was_called_out(&subject, now) {
            return;
        }
        let hook = self.run_hook(alarm);
        let _ = self.write_line(&format!("{now}\t{subject}\t{hook}\n"));
    }

    /// Writes a line for each folder of which over half has other flags, with who changed them.
    pub fn flags_changed(&self, flagged: &[Flagged], devices: &[String]) {
        let now = Timestamp::now().0;
        for it in flagged {
            let devices: Vec<&str> = devices.iter().map(|it| checked(it)).collect();
            let folder: String = it.folder.to_string().escape_debug().collect();
            let line = format!(
                "{now}\tflags\t{}\t{}\t{}\t{folder}\n",
                devices.join(","),
                it.changed,
                it.total
            );
            let _ = self.write_line(&line);
        }
    }

    fn was_called_out(&self, subject: &str, now: i64) -> bool {
        let path = self.layout().guard_log();
        let bytes = super::read_bytes(&**self.fs(), &path).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        let lines = String::from_utf8_lossy(tail);
        lines.lines().rev().any(|line| {
            let Some((when, rest)) = line.split_once('\t') else {
                return false;
            };
            let failed = rest.ends_with("\tfailed");
            let since = when.parse().map_or(AGAIN, |when: i64| now - when);
            rest.starts_with(subject) && !failed && (0..AGAIN).contains(&since)
        })
    }

    fn write_line(&self, line: &str) -> Result<(), RepoError> {
        let path = self.layout().guard_log();
        append_durable(&**self.fs(), &path, line.as_bytes()).map_err(RepoError::at(path))
    }

    /// Runs the program of the settings. The word for how that went.
    fn run_hook(&self, alarm: &Alarm<'_>) -> &'static str {
        let Some((program, arguments)) = self.config().guard.hook.split_first() else {
            return "none";
        };
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.layout().root())
            .env("MAILVC_GUARD", alarm.situation)
            .env("MAILVC_LEAVING", alarm.leaving.messages.len().to_string())
            .env("MAILVC_MESSAGES", alarm.leaving.total.to_string())
            .env("MAILVC_DEVICE", checked(alarm.device))
            .env("MAILVC_STORE", self.layout().root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => wait(child),
            Err(_) => "failed",
        }
    }
}

fn wait(mut child: Child) -> &'static str {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return "ok",
            Ok(Some(_)) | Err(_) => return "failed",
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    "started"
}

/// A name that a peer gave itself, if it is one that no program could misunderstand.
fn checked(name: &str) -> &str {
    if check_name(name).is_ok() {
        name
    } else {
        "unknown"
    }
}

/// What tells one set of messages from another.
fn set_of(leaving: &Leaving) -> String {
    let mut hasher = blake3::Hasher::new();
    for blob in leaving.blobs() {
        hasher.update(blob.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
