//! Reads Rust sources well enough to see which modules they name.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

/// All `.rs` files below a directory, sorted.
pub(crate) fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let listing = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in listing {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's text with comments, literals of strings and characters blanked, line breaks kept.
pub(crate) fn code(path: &Path) -> String {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    strip(&text)
}

/// Blanks what is no code.
pub(crate) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest);
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            // An identifier's tail is no prefix of a raw string.
            let tail = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            if first.is_alphanumeric() || first == '_' {
                out.push_str(&rest[..tail]);
                rest = &rest[tail..];
            }
        } else {
            out.extend(rest[..length].chars().filter(|&c| c == '\n'));
            out.push(' ');
            rest = &rest[length..];
        }
    }
    out
}

/// How many bytes at the start of `rest` are a comment or a literal.
fn skipped(rest: &str) -> usize {
    let until = |from: usize, end: &str| {
        let found = rest[from..].find(end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).unwrap_or_default();
        after.starts_with('"')
            || prefix.ends_with('r')
                && after.trim_start_matches('#').starts_with('"')
                && after.starts_with('#')
    });
    if let Some(prefix) = prefix {
        let after = &rest[prefix.len()..];
        let hashes = after.len() - after.trim_start_matches('#').len();
        if prefix.ends_with('r') {
            return until(
                prefix.len() + hashes + 1,
                &format!("\"{}", "#".repeat(hashes)),
            );
        }
        return prefix.len() + 1 + escaped_end(&after[1..], '"');
    }
    character(rest)
}

/// A character's literal, told from a lifetime by the quote that ends it.
fn character(rest: &str) -> usize {
    let start = if rest.starts_with("b'") { 2 } else { 1 };
    if !rest.starts_with('\'') && start == 1 {
        return 0;
    }
    let inner = &rest[start..];
    let mut chars = inner.chars();
    match chars.next() {
        Some('\\') => start + escaped_end(inner, '\''),
        Some(one) if chars.next() == Some('\'') => start + one.len_utf8() + 1,
        _ => 0,
    }
}

fn escaped_end(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    inner.len()
}

/// The first segments of all paths that start with `crate::`, braces of a `use` taken apart.
pub(crate) fn crate_paths(code: &str) -> Vec<String> {
    after(code, "crate::").flat_map(firsts).collect()
}

/// The modules of the crate's root that chains of `super::` lead to, in a file whose own module
/// lies `depth` below the root.
pub(crate) fn super_paths(code: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    for rest in after(code, "super::") {
        let at = code.len() - rest.len() - "super::".len();
        if code[..at].ends_with("super::") {
            continue;
        }
        let tail = rest.trim_start_matches("super::");
        let chain = 1 + (rest.len() - tail.len()) / "super::".len();
        // Modules in the file come last in it, and are one deep: tests.
        let inline = usize::from(code[..at].contains("mod tests {"));
        if chain >= depth + inline {
            found.extend(firsts(tail));
        }
    }
    found
}

/// What follows each `needle` that is a word of its own.
pub(crate) fn after<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(needle).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        (!inside).then(|| &code[at + needle.len()..])
    })
}

fn firsts(path: &str) -> Vec<String> {
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![word(path)];
    };
    let (mut depth, mut found, mut start) = (0_usize, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(word(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

/// The identifier at the start.
pub(crate) fn word(text: &str) -> String {
    let trimmed = text.trim_start();
    trimmed
        .chars()
        .take_while(|&c| c.is_alphanumeric() || c == '_')
        .collect()
}

#[test]
fn names_in_comments_and_strings_are_no_code() {
    let code = strip(
        "a // crate::x\n\"crate::\\\"y\" b'\"' r#\"crate::\"z\"# 'c' <'life> /* crate::w */ crate::v",
    );
    assert_eq!(crate_paths(&code), ["v"]);
}

#[test]
fn groups_are_taken_apart() {
    let paths =
        crate_paths("use crate::{codec::{A, B}, fs, time::Timestamp as T}; crate::odb::get()");
    assert_eq!(paths, ["codec", "fs", "time", "odb"]);
}

#[test]
fn supers_that_lead_out_of_a_module_are_seen() {
    let code = "use super::fs; mod tests { use super::*; use super::super::{time, codec::X}; }";
    assert_eq!(super_paths(code, 1), ["fs", "time", "codec"]);
    assert_eq!(super_paths(code, 2), [""; 0]);
}
