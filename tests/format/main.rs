//! What is on disk never changes its meaning: bytes that were written once are written so again
//! and read as they were, and a whole store of each format still gives every message.
//!
//! What fails here is not to be mended by new golden bytes: it is another format, with another
//! number and a file of its own beside the old one. `store/FORMAT.md` says what the bytes mean.

#![allow(clippy::disallowed_methods)] // files that others have written
#![allow(clippy::print_stdout)] // why a test was skipped

mod document;
mod making;
mod objects;
mod pack;
mod records;
mod store;

use std::fmt::Write as _;
use std::path::PathBuf;

/// The formats of which there is a golden store, `storeN` in `golden/`.
const FORMATS: [u32; 2] = [1, 2];

/// A file or directory of `golden/`.
fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("format/golden")
        .join(name)
}

/// The `name: hexadecimal` lines of a golden file; what is long goes on in lines that start with
/// a space.
fn pinned(file: &str, name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(golden(file)).expect("a golden file");
    let start = format!("\n{name}:");
    let (_, rest) = text.split_once(&start).expect(name);
    let end = rest
        .char_indices()
        .find(|(at, c)| *c == '\n' && !rest[at + 1..].starts_with(' '));
    let digits: Vec<u8> = rest[..end.map_or(rest.len(), |(at, _)| at)]
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.expect("hexadecimal digits")
}

/// Bytes as lines of a golden file.
fn lines(bytes: &[u8]) -> String {
    let mut lines = String::new();
    for line in bytes.chunks(48) {
        lines.push_str("\n  ");
        for byte in line {
            let _ = write!(lines, "{byte:02x}");
        }
    }
    lines
}

/// Compares, and shows what was found as it would be pinned.
#[track_caller]
fn same(file: &str, name: &str, found: &[u8]) {
    assert!(
        pinned(file, name) == found,
        "{file} has other bytes for\n{name}:{}",
        lines(found)
    );
}
