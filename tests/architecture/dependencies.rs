//! Crates depend one way, and each external crate that shapes the code is named in one folder.

use std::path::Path;

use serde_json::Value;

use crate::sources::{after, code, root, rust_files};

/// External crates and the only places of our sources that may name them.
const HOMES: [(&str, &[&str]); 8] = [
    ("redb", &["store/src/index"]),
    ("zstd", &["store/src/blob"]),
    ("ssh_key", &["store/src/sign"]),
    ("mail_parser", &["store/src/mime"]),
    ("russh", &["transport/src/ssh", "transport/src/runtime.rs"]),
    ("tokio", &["transport/src/ssh", "transport/src/runtime.rs"]),
    ("clap", &["cli/src"]),
    ("indicatif", &["cli/src/output"]),
];

/// Which of our crates each of them may use.
const ARROWS: [(&str, &[&str]); 3] = [
    ("mailvc-store", &[]),
    ("mailvc-transport", &["mailvc-store"]),
    ("mailvc", &["mailvc-store", "mailvc-transport"]),
];

/// What cargo says of the workspace and all that it builds on, on the platform of the tests.
pub(crate) fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The packages of `cargo metadata`.
pub(crate) fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().expect("packages")
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn crates_depend_one_way() {
    let metadata = metadata();
    for (name, allowed) in ARROWS {
        let package = packages(&metadata)
            .iter()
            .find(|package| text(package, "name") == name);
        let package = package.unwrap_or_else(|| panic!("no crate {name}"));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(dependency, "name");
            let ours = to.starts_with("mailvc");
            assert!(!ours || allowed.contains(&to), "{name} depends on {to}");
        }
    }
}

/// Whether a file's code names an external crate: not as a part of another path.
fn names(code: &str, external: &str) -> bool {
    after(code, external).any(|rest| {
        let before = code[..code.len() - rest.len() - external.len()].trim_end();
        let imported = before.ends_with("use") && rest.starts_with([';', ' ']);
        !before.ends_with(':') && (imported || rest.starts_with("::"))
    })
}

#[test]
fn a_crate_is_named_by_its_own_paths_alone() {
    for named in [
        "use redb::Database;",
        "redb::open()",
        "use redb;",
        "use redb as r;",
    ] {
        assert!(names(named, "redb"), "{named}");
    }
    for other in [
        "russh::redb::X",
        "super::redb::X",
        "use redb_more::X;",
        "mod redb;",
        "let redb = 1;",
    ] {
        assert!(!names(other, "redb"), "{other}");
    }
}

#[test]
fn an_external_crate_has_one_home() {
    let mut strays = Vec::new();
    for name in ["store/src", "transport/src", "cli/src"] {
        for file in rust_files(&root().join(name)) {
            let relative = file.strip_prefix(root()).unwrap_or(&file);
            let text = code(&file);
            for (external, homes) in HOMES {
                let named = names(&text, external);
                if named
                    && !homes
                        .iter()
                        .any(|home| relative.starts_with(Path::new(home)))
                {
                    strays.push(format!("{}: {external}", relative.display()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "\n{}", strays.join("\n"));
}
