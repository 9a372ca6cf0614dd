//! A file of tests that no `[[test]]` reaches is never run, and nobody is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dependencies::{metadata, packages, text};
use crate::sources::{after, code, root, rust_files, word};

/// A file and all that its `mod` lines lead to.
fn reach(file: &Path, seen: &mut BTreeSet<PathBuf>) {
    if !seen.insert(file.to_owned()) {
        return;
    }
    let text = code(file);
    for rest in after(&text, "mod ") {
        let name = word(rest);
        if !rest[name.len()..].trim_start().starts_with(';') {
            continue;
        }
        let found = candidates(file, &name)
            .into_iter()
            .find(|path| path.is_file());
        let path = found.unwrap_or_else(|| panic!("{}: no file for mod {name}", file.display()));
        reach(&path, seen);
    }
}

/// Where `mod name;` may lie: beside a `main.rs`, `lib.rs` or `mod.rs`, else in the folder of the
/// file's own name; a suite that is one file has its modules beside it.
fn candidates(file: &Path, name: &str) -> Vec<PathBuf> {
    let stem = file.with_extension("");
    let beside = file.parent().unwrap_or(file);
    [&stem, beside]
        .into_iter()
        .flat_map(|dir| {
            [
                dir.join(format!("{name}.rs")),
                dir.join(name).join("mod.rs"),
            ]
        })
        .collect()
}

#[test]
fn every_file_below_tests_belongs_to_a_suite() {
    let metadata = metadata();
    let ours = packages(&metadata)
        .iter()
        .find(|package| text(package, "name") == "mailvc-tests");
    let mut reached = BTreeSet::new();
    for target in ours.expect("the crate of tests")["targets"]
        .as_array()
        .into_iter()
        .flatten()
    {
        reach(Path::new(text(target, "src_path")), &mut reached);
    }
    let tests = root().join("tests");
    let forgotten: Vec<_> = rust_files(&tests)
        .into_iter()
        .filter(|file| !file.starts_with(tests.join("fuzz")) && !reached.contains(file))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}
