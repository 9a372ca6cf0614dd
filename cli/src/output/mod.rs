//! All that the program says. Commands return what is to be said; nothing else writes to the
//! terminal, and everything that came from mail, a peer or a path is made harmless here.

mod changed;
mod changes;
mod conflicts;
mod format;
mod guard;
mod json;
mod merged;
mod progress;
mod recorded;
mod session;
mod snapshots;
mod transitioned;

use std::io::{self, Write};

use mailvc_store::mime;
use serde_json::Value;

pub(crate) use changed::Changed;
pub(crate) use changes::Changes;
pub(crate) use conflicts::{json as conflict_json, line as conflict_line};
pub(crate) use format::{bytes, count, day_time, of, parse_time, rfc3339};
pub(crate) use guard::{GuardStop, Situation};
pub(crate) use json::{folder as json_folder, time as json_time};
pub(crate) use merged::Merged;
pub(crate) use progress::Terminal;
pub(crate) use recorded::Recorded;
pub(crate) use session::{HeldThere, Session, Sessions};
pub(crate) use snapshots::{SnapshotLine, signed_sentence, signed_word};
pub(crate) use transitioned::Transitioned;

use crate::error::{Exit, Failure};

/// What a command has to say.
pub(crate) trait Report {
    /// For people.
    fn human(&self, page: &mut Page);
    /// For programs; `docs/json.md` describes it.
    fn json(&self) -> Value;
    /// How the run ends.
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// Text for people, as much of it as they asked for.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    quiet: bool,
    verbose: bool,
}

impl Page {
    /// What was asked for.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(&mime::printable(text.as_ref()));
        self.text.push('\n');
    }

    /// What is good to know; left out with `-q`.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Whether every name is wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// The first of many lines, or with `-v` all.
    pub(crate) fn lines(&mut self, most: usize, lines: impl ExactSizeIterator<Item = String>) {
        let total = lines.len();
        let shown = if self.verbose { total } else { total.min(most) };
        lines.take(shown).for_each(|line| self.line(line));
        if shown < total {
            let rest = count((total - shown) as u64);
            self.line(format!("  … and {rest} more (-v shows all)"));
        }
    }
}

/// How to speak: for people or as JSON, chosen once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
}

impl Output {
    /// As the options ask.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool) -> Self {
        Self {
            json,
            quiet,
            verbose,
        }
    }

    /// As JSON.
    pub(crate) fn json() -> Self {
        Self::new(true, false, false)
    }

    /// Whether progress may be shown.
    pub(crate) fn shows_progress(self) -> bool {
        use std::io::IsTerminal as _;
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Whether more than usual is wanted.
    pub(crate) fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Says what a command has to say.
    pub(crate) fn print(self, report: &dyn Report) -> Exit {
        let text = if self.json {
            match report.json() {
                // What was asked for has been written already.
                Value::Null => String::new(),
                document => pretty(&document),
            }
        } else {
            let mut page = Page {
                quiet: self.quiet,
                verbose: self.verbose,
                ..Page::default()
            };
            report.human(&mut page);
            page.text
        };
        // Whoever closed the pipe wants no more.
        let _ = io::stdout().lock().write_all(text.as_bytes());
        report.exit()
    }

    /// Says why a command failed.
    pub(crate) fn fail(self, failure: &Failure) -> Exit {
        let text = if self.json {
            pretty(&json::failure(failure))
        } else {
            let more = [&failure.meaning, &failure.next];
            let more = more.into_iter().flat_map(|part| part.lines());
            let lines = [format!("mailvc: {}", mime::printable(&failure.what))].into_iter();
            let lines = lines.chain(more.map(|line| format!("  {}", mime::printable(line))));
            lines.collect::<Vec<_>>().join("\n") + "\n"
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
        Exit::Problem(failure.problem)
    }

    /// A failure in a line.
    pub(crate) fn sentence(failure: &Failure) -> String {
        let parts = [&failure.what, &failure.meaning, &failure.next];
        let parts: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join("; ")
    }

    /// Something that a person should know while the work goes on.
    pub(crate) fn aside(self, text: &str) {
        if !self.quiet && !self.json {
            let text = format!("mailvc: {}\n", mime::printable(text));
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// A line for people that must not wait for the end.
    pub(crate) fn live(self, text: &str) {
        if !self.quiet && !self.json {
            let text = format!("{}\n", mime::printable(text));
            let _ = io::stdout().lock().write_all(text.as_bytes());
        }
    }

    /// Standard output itself, for a message's bytes.
    pub(crate) fn raw() -> impl Write {
        io::stdout().lock()
    }
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
