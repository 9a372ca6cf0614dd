//! Inside a crate, folders are layers: each imports lower lines of the table alone, never upward,
//! never sideways. The table is the one in the crate's `lib.rs`. Tests inside modules are held to
//! it too: what a layer needs to be tested with is below it, or the test belongs here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::sources::{code, crate_paths, root, rust_files, super_paths};

const CRATES: [&str; 3] = ["store", "transport", "cli"];

/// Layer by module.
type Table = BTreeMap<String, u32>;

/// The rows `| layer | modules |` of a module's documentation.
fn table(text: &str) -> Table {
    let mut table = Table::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = row.split('|').map(str::trim);
        let Some(Ok(layer)) = cells.next().map(str::parse) else {
            continue;
        };
        let modules = cells.next().unwrap_or_default();
        // Names in backquotes are every second piece.
        for name in modules.split('`').skip(1).step_by(2) {
            assert!(
                table.insert(name.to_owned(), layer).is_none(),
                "{name} has two layers"
            );
        }
    }
    table
}

fn table_of(name: &str) -> Table {
    let lib = root().join(name).join("src/lib.rs");
    let text =
        std::fs::read_to_string(&lib).unwrap_or_else(|error| panic!("{}: {error}", lib.display()));
    table(&text)
}

/// The module that a file belongs to: the folder or file directly in `src`.
fn module(src: &Path, file: &Path) -> Option<String> {
    let first = file.strip_prefix(src).ok()?.components().next()?;
    let name = Path::new(first.as_os_str())
        .file_stem()?
        .to_str()?
        .to_owned();
    (!matches!(name.as_str(), "lib" | "main")).then_some(name)
}

/// How many modules deep a file's own module is.
fn depth(src: &Path, file: &Path) -> usize {
    let parts = file
        .strip_prefix(src)
        .map_or(0, |path| path.components().count());
    if file.ends_with("mod.rs") {
        parts - 1
    } else {
        parts
    }
}

/// All imports between different modules of a crate: file, from, to.
fn imports(name: &str) -> Vec<(String, String, String)> {
    let src = root().join(name).join("src");
    let mut found = Vec::new();
    for file in rust_files(&src) {
        let Some(from) = module(&src, &file) else {
            continue;
        };
        let shown = file
            .strip_prefix(root())
            .unwrap_or(&file)
            .display()
            .to_string();
        let text = code(&file);
        let outward = super_paths(&text, depth(&src, &file));
        for to in crate_paths(&text).into_iter().chain(outward) {
            if to != from {
                found.push((shown.clone(), from.clone(), to));
            }
        }
    }
    found
}

/// What is wrong with one import, if anything is.
fn fault(table: &Table, from: &str, to: &str) -> Option<String> {
    match (table.get(from), table.get(to)) {
        (Some(above), Some(below)) if above > below => None,
        (Some(above), Some(below)) => {
            let way = if above == below { "sideways" } else { "upward" };
            Some(format!(
                "{from} (layer {above}) imports {way} from {to} (layer {below})"
            ))
        }
        _ => Some(format!(
            "{from} imports {to}: not both are in the table of lib.rs"
        )),
    }
}

#[test]
fn modules_import_lower_layers_alone() {
    let mut faults = Vec::new();
    for name in CRATES {
        let table = table_of(name);
        for (file, from, to) in imports(name) {
            faults.extend(fault(&table, &from, &to).map(|fault| format!("{file}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let mut missing = Vec::new();
    for name in CRATES {
        let table = table_of(name);
        let src = root().join(name).join("src");
        for module in rust_files(&src)
            .iter()
            .filter_map(|file| module(&src, file))
        {
            if !table.contains_key(&module) {
                missing.push(format!("{name}: {module}"));
            }
        }
    }
    missing.dedup();
    assert!(
        missing.is_empty(),
        "not in the table of lib.rs:\n{}",
        missing.join("\n")
    );
}

#[test]
fn commands_import_no_other_command() {
    let commands = root().join("cli/src/commands");
    if !commands.is_dir() {
        return;
    }
    for file in rust_files(&commands) {
        let own = file
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if own == "mod" || file.parent() != Some(&commands) {
            continue;
        }
        let text = code(&file);
        for needle in ["crate::commands::", "super::"] {
            for other in crate::sources::after(&text, needle).map(crate::sources::word) {
                let is_command = commands.join(format!("{other}.rs")).is_file()
                    || commands.join(&other).is_dir();
                assert!(
                    other.is_empty() || other == own || !is_command,
                    "{own} imports {other}"
                );
            }
        }
    }
}

#[test]
fn upward_and_sideways_are_faults() {
    let table = table("//! | 2 | `a` |\n//! | 1 | `b` `c` |");
    assert_eq!(fault(&table, "a", "c"), None);
    assert!(fault(&table, "b", "c").is_some_and(|fault| fault.contains("sideways")));
    assert!(fault(&table, "c", "a").is_some_and(|fault| fault.contains("upward")));
    assert!(fault(&table, "c", "unknown").is_some());
}
