use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use super::FolderPath;

/// How folder paths are spelled as directories below the Maildir's root. Either way the root
/// itself is the folder with the empty path.
///
/// Each layout is a bijection between folder paths and the directories that can be folders, so
/// that two devices with different layouts hold the same folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// `A/B` is the directory `.A.B`. A dot in a component is spelled `%2E`; what would read as
    /// such a spelling, `%` and any number of `25` and `2E`, gets one more `25`.
    MaildirPlusPlus,
    /// `A/B` is the directory `A/B`. A component `cur`, `new` or `tmp`, and any number of `%`
    /// behind it, gets one more `%`.
    Nested,
}

/// A name that is no layout's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such layout: `{0}` (known are `maildir++` and `nested`)")]
pub struct LayoutError(pub String);

impl Layout {
    /// The folder's directory, relative to the Maildir's root; empty for the root.
    pub fn dir(self, folder: &FolderPath) -> PathBuf {
        match self {
            Self::MaildirPlusPlus => {
                let mut name = Vec::new();
                for component in folder.components() {
                    name.push(b'.');
                    name.extend(escape_dots(component));
                }
                OsString::from_vec(name).into()
            }
            Self::Nested => {
                let spelled = folder.components().map(escape_reserved);
                spelled.map(OsString::from_vec).collect()
            }
        }
    }

    /// The folder whose directory this is, relative to the Maildir's root. `None` if it can be
    /// none: `cur`, `new` and `tmp`, in Maildir++ a name without a leading dot, an empty
    /// component, one that would be `.` or `..`, a path that is not relative, or too long a one.
    pub fn folder(self, dir: &Path) -> Option<FolderPath> {
        let parts: Vec<&[u8]> = dir.components().map(normal).collect::<Option<_>>()?;
        let components: Vec<Vec<u8>> = match (self, parts.as_slice()) {
            (_, []) => return Some(FolderPath::root()),
            (Self::MaildirPlusPlus, [name]) => {
                let name = name.strip_prefix(b".")?;
                let components = name.split(|&byte| byte == b'.');
                components.map(unescape_dots).collect()
            }
            (Self::MaildirPlusPlus, _) => return None,
            (Self::Nested, parts) => {
                let components = parts.iter().map(|part| unescape_reserved(part));
                components.collect::<Option<_>>()?
            }
        };
        // An empty path is the root, which has no name of its own.
        let path = Some(components.join(&b'/')).filter(|path| !path.is_empty())?;
        FolderPath::new(&path).ok()
    }
}

fn normal(component: Component<'_>) -> Option<&[u8]> {
    match component {
        Component::Normal(name) => Some(OsStr::as_bytes(name)),
        _ => None,
    }
}

/// How many `25` stand in a spelling `%(25)*2E` at the front of `text`; `None` if none is there.
fn spelling(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"%")?;
    let repeats = rest.chunks(2).take_while(|chunk| chunk == b"25").count();
    rest[2 * repeats..].starts_with(b"2E").then_some(repeats)
}

fn escape_dots(component: &[u8]) -> Vec<u8> {
    let mut spelled = Vec::with_capacity(component.len() + 8);
    for (at, &byte) in component.iter().enumerate() {
        match byte {
            b'.' => spelled.extend_from_slice(b"%2E"),
            b'%' if spelling(&component[at..]).is_some() => spelled.extend_from_slice(b"%25"),
            byte => spelled.push(byte),
        }
    }
    spelled
}

fn unescape_dots(mut spelled: &[u8]) -> Vec<u8> {
    let mut component = Vec::with_capacity(spelled.len());
    while let Some(&first) = spelled.first() {
        let (byte, length) = match spelling(spelled) {
            Some(0) => (b'.', 3),
            // What follows has no `%` of its own, so it is not read as a spelling again.
            Some(_) => (b'%', 3),
            None => (first, 1),
        };
        component.push(byte);
        spelled = &spelled[length..];
    }
    component
}

/// Whether a component is `cur`, `new` or `tmp` with any number of `%` behind it.
fn is_reserved(component: &[u8]) -> bool {
    let percents = component.iter().rev().take_while(|&&byte| byte == b'%');
    let stem = &component[..component.len() - percents.count()];
    matches!(stem, b"cur" | b"new" | b"tmp")
}

fn escape_reserved(component: &[u8]) -> Vec<u8> {
    let mut spelled = component.to_vec();
    if is_reserved(component) {
        spelled.push(b'%');
    }
    spelled
}

fn unescape_reserved(spelled: &[u8]) -> Option<Vec<u8>> {
    if is_reserved(spelled) {
        spelled.strip_suffix(b"%").map(<[u8]>::to_vec)
    } else {
        Some(spelled.to_vec())
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaildirPlusPlus => "maildir++",
            Self::Nested => "nested",
        })
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(name: &str) -> Result<Self, LayoutError> {
        [Self::MaildirPlusPlus, Self::Nested]
            .into_iter()
            .find(|layout| layout.to_string() == name)
            .ok_or_else(|| LayoutError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [Layout; 2] = [Layout::MaildirPlusPlus, Layout::Nested];

    #[track_caller]
    fn spelled(layout: Layout, path: &str, dir: &str) {
        let path = FolderPath::new(path.as_bytes()).expect("a path");
        assert_eq!(layout.dir(&path), Path::new(dir));
        assert_eq!(layout.folder(Path::new(dir)), Some(path));
    }

    #[test]
    fn each_layout_has_its_own_spelling() {
        for layout in LAYOUTS {
            spelled(layout, "", "");
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        let plus = Layout::MaildirPlusPlus;
        spelled(plus, "A/B c", ".A.B c");
        spelled(plus, "v1.2/.x", ".v1%2E2.%2Ex");
        spelled(plus, "%2E", ".%252E");
        spelled(plus, "%25252E.%2e%25%", ".%2525252E%2E%2e%25%");
        spelled(plus, "cur/new%", ".cur.new%");
        spelled(Layout::Nested, "A.B/.c", "A.B/.c");
        spelled(Layout::Nested, "cur/tmp%%/newer", "cur%/tmp%%%/newer");
    }

    #[test]
    fn directories_that_can_be_no_folder_are_none() {
        let none = |layout: Layout, dir: &str| assert_eq!(layout.folder(Path::new(dir)), None);
        for dir in [
            "A",
            "cur",
            ".A..B",
            ".A.",
            "..A",
            ".%2E",
            ".A.%2E%2E",
            ".A/B",
            "/",
            "..",
            "../.A",
        ] {
            none(Layout::MaildirPlusPlus, dir);
        }
        for dir in ["cur", "A/new", "tmp/B", "/A", "..", "A/../B"] {
            none(Layout::Nested, dir);
        }
    }

    /// Words over an alphabet in which spellings collide as often as possible.
    fn word(seed: &mut u64, alphabet: &[&str]) -> String {
        let mut next = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 33) as usize
        };
        let length = 1 + next() % 7;
        (0..length)
            .map(|_| alphabet[next() % alphabet.len()])
            .collect()
    }

    #[test]
    fn every_path_comes_back_from_its_directory() {
        let alphabet = [
            ".", "%", "25", "2E", "2", "5", "E", "/", "cur", "new%", "tmp", "a",
        ];
        let mut seed = 1;
        let mut tried = 0;
        for _ in 0..100_000 {
            let word = word(&mut seed, &alphabet);
            let Ok(path) = FolderPath::new(word.as_bytes()) else {
                continue;
            };
            tried += 1;
            for layout in LAYOUTS {
                assert_eq!(
                    layout.folder(&layout.dir(&path)),
                    Some(path.clone()),
                    "{word}"
                );
            }
        }
        assert!(tried > 20_000);
    }

    #[test]
    fn every_directory_that_is_a_folder_is_its_folders_directory() {
        let alphabet = [
            ".", "%", "25", "2E", "2", "5", "E", "/", "cur", "new%", "tmp", "a",
        ];
        let mut seed = 2;
        let mut tried = 0;
        for _ in 0..100_000 {
            // Components are what a listing gives: no `//`, no `.`, no `/` at the end.
            let dir: PathBuf = Path::new(&format!(".{}", word(&mut seed, &alphabet)))
                .components()
                .collect();
            for layout in LAYOUTS {
                if let Some(folder) = layout.folder(&dir) {
                    tried += 1;
                    assert_eq!(layout.dir(&folder), dir);
                }
            }
        }
        assert!(tried > 20_000);
    }
}
