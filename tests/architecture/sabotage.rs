//! The patches in `tests/sabotage` that take out protections: each still applies, and names a test
//! that is there. That the test then fails is for `tests/sabotage/run` to prove, which takes long.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sources::{root, rust_files};

/// Where the sources of a suite lie.
const SUITES: [(&str, &str); 6] = [
    ("mailvc-store --lib", "store/src"),
    ("mailvc-transport --lib", "transport/src"),
    ("mailvc-tests --lib", "tests/harness"),
    ("mailvc-tests --test crash", "tests/crash"),
    ("mailvc-tests --test hostile", "tests/hostile"),
    ("mailvc-tests --test integration", "tests/integration"),
];

fn patches() -> Vec<PathBuf> {
    let listing = std::fs::read_dir(root().join("tests/sabotage")).expect("patches");
    let paths = listing.map(|entry| entry.expect("an entry").path());
    let mut patches: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "patch"))
        .collect();
    patches.sort();
    patches
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a line at the start of a patch says.
fn says<'a>(patch: &'a str, what: &str) -> Option<&'a str> {
    let mut lines = patch.lines().take_while(|line| line.starts_with("# "));
    lines.find_map(|line| line.strip_prefix(&format!("# {what}: ")))
}

#[test]
fn every_patch_says_which_promise_it_breaks_and_how() {
    let patches = patches();
    assert!(patches.len() > 80, "{}", patches.len());
    for path in patches {
        let patch = text(&path);
        let promises = says(&patch, "promise").unwrap_or_default();
        let known = |promise: &str| matches!(promise.as_bytes(), [b'P', b'1'..=b'9']);
        assert!(promises.split(", ").all(known), "{}", path.display());
        let what = says(&patch, "takes out").unwrap_or_default();
        assert!(what.ends_with('.'), "{}", path.display());
    }
}

#[test]
fn every_promise_is_broken_by_some_patch() {
    let patches = patches();
    let broken: BTreeSet<String> = patches
        .iter()
        .flat_map(|path| {
            let patch = text(path);
            let promises = says(&patch, "promise").unwrap_or_default();
            promises.split(", ").map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let all: BTreeSet<String> = (1..=9).map(|n| format!("P{n}")).collect();
    assert_eq!(broken, all);
}

#[test]
fn every_patch_still_applies() {
    for path in patches() {
        let checked = Command::new("git")
            .args(["apply", "--check"])
            .arg(&path)
            .current_dir(root())
            .output();
        let checked = checked.expect("git");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{}: {said}", path.display());
    }
}

#[test]
fn every_patch_names_a_test_that_is_there() {
    for path in patches() {
        let patch = text(&path);
        let (suite, test) = (says(&patch, "suite"), says(&patch, "test"));
        let (suite, test) = (suite.expect("a suite"), test.expect("a test"));
        let sources = SUITES.iter().find(|(name, _)| *name == suite);
        let (_, sources) = sources.unwrap_or_else(|| panic!("{}: {suite}", path.display()));
        assert!(
            is_there(&root().join(sources), test),
            "{}: {test}",
            path.display()
        );
    }
}

/// Whether some file of a suite has the test under the path of its module.
fn is_there(sources: &Path, test: &str) -> bool {
    let (modules, name) = test.rsplit_once("::").unwrap_or(("", test));
    let head = format!("#[test]\nfn {name}() {{");
    rust_files(sources).iter().any(|file| {
        let module = module_of(file.strip_prefix(sources).unwrap_or(file));
        let inline = format!("{module}::tests");
        let unindented: Vec<_> = text(file).lines().map(|it| it.trim().to_owned()).collect();
        (modules == module || modules == inline) && unindented.join("\n").contains(&head)
    })
}

fn module_of(file: &Path) -> String {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy());
    let parts: Vec<_> = parts.filter(|part| part != "mod").collect();
    parts.join("::")
}
