//! Writes a Maildir to compare programs on, and does a day's work in one.
//!
//!     mail write DIR --messages N --mean BYTES [--seed N]
//!     mail work DIR --mean BYTES --day N [--new N] [--flags N] [--moves N] [--deletions N]
//!          [--folder DIR] [--seed N]

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's own words

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use mailvc_benches::{Mail, Work, work};

/// Options that are numbers, by their names, and the one that is not.
struct Options {
    numbers: BTreeMap<String, u64>,
    folder: Option<String>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            numbers: BTreeMap::new(),
            folder: None,
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name}: a value is missing"))?;
            if name == "--folder" {
                options.folder = Some(value);
            } else {
                let number = value.parse().map_err(|error| format!("{name}: {error}"))?;
                options.numbers.insert(name, number);
            }
        }
        Ok(options)
    }

    fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or(0)
    }
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mail: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<String, String> {
    let verb = words.next().unwrap_or_default();
    let dir = words.next().ok_or("which directory?")?;
    let options = Options::parse(words)?;
    let mail = Mail {
        messages: options.number("--messages"),
        mean: options.number("--mean"),
        seed: options.number("--seed"),
    };
    match verb.as_str() {
        "write" => {
            let written = mail
                .write(Path::new(&dir))
                .map_err(|error| error.to_string())?;
            Ok(format!(
                "{{\"messages\": {}, \"bytes\": {}}}",
                written.messages, written.bytes
            ))
        }
        "work" => {
            let count = |name: &str| options.number(name) as usize;
            let day = Work {
                day: options.number("--day"),
                new: count("--new"),
                flags: count("--flags"),
                moves: count("--moves"),
                deletions: count("--deletions"),
                folder: options.folder.as_ref().map(Into::into),
            };
            work(Path::new(&dir), &mail, &day).map_err(|error| error.to_string())?;
            Ok("{}".to_owned())
        }
        _ => Err("write or work?".to_owned()),
    }
}
