//! Under which licences the dependencies come, from where, and how many of one there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::dependencies::{metadata, packages, text};

/// Licences that ask for no more than their own text beside the program.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates of which there are two versions, because others ask for both.
const TWICE: [&str; 2] = ["getrandom", "syn"];

/// Whether an SPDX expression can be met with the licences allowed. `AND` binds more tightly than
/// `OR`; the old `/` is an `OR`.
fn acceptable(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut words: Vec<String> = Vec::new();
    for word in expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
    {
        words.push(word.to_owned());
    }
    let mut at = 0;
    let met = either(&words, &mut at);
    met && at == words.len()
}

fn either(words: &[String], at: &mut usize) -> bool {
    let mut met = both(words, at);
    while words.get(*at).is_some_and(|word| word == "OR") {
        *at += 1;
        // Not short-circuited: the rest must be read.
        met |= both(words, at);
    }
    met
}

fn both(words: &[String], at: &mut usize) -> bool {
    let mut met = one(words, at);
    while words.get(*at).is_some_and(|word| word == "AND") {
        *at += 1;
        met &= one(words, at);
    }
    met
}

fn one(words: &[String], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if word == "(" {
        let met = either(words, at);
        *at += 1;
        return met;
    }
    let mut licence = word.clone();
    if words.get(*at).is_some_and(|word| word == "WITH") {
        licence.push_str(" WITH ");
        licence.push_str(words.get(*at + 1).map_or("", String::as_str));
        *at += 2;
    }
    ALLOWED.contains(&licence.as_str())
}

#[test]
fn every_licence_is_allowed() {
    let metadata = metadata();
    let refused: Vec<String> = packages(&metadata)
        .iter()
        .filter(|package| !acceptable(text(package, "license")))
        .map(|package| format!("{}: {:?}", text(package, "name"), package["license"]))
        .collect();
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

#[test]
fn everything_comes_from_crates_io_or_from_here() {
    for package in packages(&metadata()) {
        let name = text(package, "name");
        match package["source"].as_str() {
            Some(source) => assert_eq!(source, CRATES_IO, "{name}"),
            None => assert!(name.starts_with("mailvc"), "{name}"),
        }
    }
}

#[test]
fn nothing_is_built_twice_that_nobody_agreed_to() {
    let metadata = metadata();
    // Of the packages listed, those that are reached: cargo lists other platforms' too.
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
    let reached: BTreeSet<&str> = nodes.iter().map(|node| text(node, "id")).collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages(&metadata) {
        if reached.contains(text(package, "id")) {
            versions
                .entry(text(package, "name"))
                .or_default()
                .insert(text(package, "version"));
        }
    }
    versions.retain(|name, versions| versions.len() > 1 && !TWICE.contains(name));
    assert!(versions.is_empty(), "{versions:?}");
}

#[test]
fn expressions_are_read_as_spdx_has_them() {
    for met in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(acceptable(met), "{met}");
    }
    for refused in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT WITH Strings",
        "MIT )",
    ] {
        assert!(!acceptable(refused), "{refused}");
    }
}
