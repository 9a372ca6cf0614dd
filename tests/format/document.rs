//! The document and the code say the same: its numbers, its contexts, and the tests it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mailvc_store::object::{DeviceId, Kind};
use mailvc_store::repo::FORMAT;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document() -> String {
    read(&root().join("store/FORMAT.md"))
}

/// The cells of the rows of all tables, backticks taken off.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells = inner.split('|');
        Some(cells.map(|cell| cell.trim().replace('`', "")).collect())
    };
    text.lines().filter_map(cells).collect()
}

/// The value of a constant expression: sums, differences, products and shifts to the left of
/// numbers and of constants that are known.
fn value(expression: &str, known: &BTreeMap<String, u64>) -> Option<u64> {
    type Apply = fn(u64, u64) -> Option<u64>;
    let operators: [(&str, Apply); 4] = [
        (" + ", u64::checked_add),
        (" - ", u64::checked_sub),
        (" << ", |a, b| a.checked_shl(b as u32)),
        (" * ", u64::checked_mul),
    ];
    for (operator, apply) in operators {
        if let Some((a, b)) = expression.rsplit_once(operator) {
            return apply(value(a, known)?, value(b, known)?);
        }
    }
    let plain = expression.trim().replace('_', "");
    plain
        .parse()
        .ok()
        .or_else(|| known.get(expression.trim()).copied())
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let document = document();
    let (_, limits) = document.split_once("\n## Limits\n").expect("a chapter");
    let (limits, _) = limits.split_once("\n## ").expect("a next one");
    let mut known = BTreeMap::new();
    let mut compared = 0;
    for row in rows(limits).iter().skip(2) {
        let [name, file, said] = row.as_slice() else {
            panic!("{row:?}");
        };
        let code = read(&root().join("store/src").join(file));
        let declared = code
            .lines()
            .find_map(|line| line.split_once(&format!("const {name}: ")));
        let (_, declaration) = declared.unwrap_or_else(|| panic!("{file} has no {name}"));
        let (_, expression) = declaration.split_once(" = ").expect("a value");
        let found = value(expression.trim_end_matches(';'), &known);
        assert_eq!(found, said.replace(',', "").parse().ok(), "{name}");
        known.insert(name.clone(), found.unwrap_or_default());
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn this_program_writes_the_format_that_is_described() {
    let document = document();
    assert!(document.contains(&format!("\nFormat {FORMAT}. ")));
    let (_, versions) = document.split_once("\n## Versions\n").expect("a chapter");
    let rows = rows(versions);
    let described = rows.iter().skip(2).map(|row| row[0].parse());
    assert!(described.eq((1..=FORMAT).map(Ok)), "{versions}");
}

#[test]
fn the_contexts_are_those_of_the_code() {
    let document = document();
    let rows = rows(&document);
    for kind in Kind::ALL {
        let number = (kind as u8).to_string();
        let row = rows
            .iter()
            .find(|row| row.len() == 3 && row[0] == number && !row[1].starts_with("the"));
        let said = &row.expect("a kind of object")[2];
        let context = said.split(',').next().unwrap_or_default();
        let expected = match kind {
            Kind::Blob => *blake3::hash(b"x").as_bytes(),
            _ => blake3::derive_key(context, b"x"),
        };
        assert_eq!(kind.hash(b"x"), expected, "{said}");
    }
    let context = "mailvc 2026 device";
    assert!(document.contains(&format!("`{context}`")));
    let id = DeviceId::new(blake3::derive_key(context, b"x"));
    assert_eq!(DeviceId::of_public_key(b"x"), id);
}

/// The names of all functions in our sources.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting = ["store/src", "transport/src", "cli/src", "tests"]
        .map(|dir| root().join(dir))
        .to_vec();
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = read(&path);
                let declared = text.split("fn ").skip(1);
                names.extend(declared.filter_map(|it| Some(it.split_once('(')?.0.to_owned())));
            }
        }
    }
    names
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_test_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.matches('_').count() >= 3 && name.chars().all(letters)
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let functions = functions();
    let threats = read(&root().join("docs/threat-model.md"));
    let document = document() + &threats;
    let named: Vec<_> = quoted(&document)
        .filter(|name| is_test_name(name))
        .collect();
    assert!(named.len() > 80, "{}", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| !functions.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_invariant_names_a_test() {
    let document = document();
    let (_, rest) = document.split_once("\n## Invariants\n").expect("a chapter");
    let (invariants, _) = rest.split_once("\n## ").expect("a next one");
    let mut number = 0;
    let mut text = invariants;
    while let Some((_, rest)) = text.split_once(&format!("\n{}. ", number + 1)) {
        number += 1;
        let next = format!("\n{}. ", number + 1);
        let one = rest.split(&next).next().unwrap_or_default();
        assert!(quoted(one).any(is_test_name), "{number}. {one}");
        text = rest;
    }
    assert!(number >= 41, "{number}");
}
