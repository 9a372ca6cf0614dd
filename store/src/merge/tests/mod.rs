//! What the tests of merging share: states written as text.
//!
//! A state of one message is a list of its copies, such as `work:FS work:n Trash:T`: the folder,
//! the flags, and then, each only if it is there, `n` for a copy in `new`, `@7` for the file's
//! time, `+name` for a keyword, `!1` for `kept`, which holds for all copies in the folder.

mod guard;
mod laws;
mod maps;
mod rows;
mod snapshots;

use std::collections::BTreeMap;
use std::fmt::Write;

use super::places::{Places, Three, merge_places};
use crate::maildir::{Flags, FolderPath};
use crate::object::{
    ConflictKind, Copies, Day, Entry, EntryKey, Folder, FolderMap, FolderMapId, Keyword,
    MessageCopy,
};
use crate::odb::ObjectWrite;
use crate::tree;

type Owned = BTreeMap<FolderPath, Entry>;

fn path(name: &str) -> FolderPath {
    FolderPath::new(name.as_bytes()).expect("a path")
}

/// Reads a state of one message.
fn parse(text: &str) -> Owned {
    let mut folders: BTreeMap<FolderPath, (Vec<MessageCopy>, u64)> = BTreeMap::new();
    for token in text.split_whitespace() {
        let (folder, rest) = token.split_once(':').expect("folder:copy");
        let (rest, kept) = rest.split_once('!').unwrap_or((rest, "0"));
        let mut keywords = rest.split('+');
        let rest = keywords.next().unwrap_or_default();
        let (rest, mtime) = rest.split_once('@').unwrap_or((rest, "0"));
        let copy = MessageCopy {
            recent: rest.contains('n'),
            flags: Flags::from_info(rest.replace('n', "").as_bytes()),
            keywords: keywords
                .map(|name| Keyword::new(name.as_bytes()).expect("a keyword"))
                .collect(),
            mtime: mtime.parse().expect("a time"),
        };
        let (copies, all_kept) = folders.entry(path(folder)).or_default();
        copies.push(copy);
        *all_kept = kept.parse().expect("a number");
    }
    let entry = |(copies, kept): (Vec<MessageCopy>, u64)| Entry {
        size: 1,
        copies: Copies::collect(copies).expect("a copy"),
        kept,
    };
    folders
        .into_iter()
        .map(|(path, all)| (path, entry(all)))
        .collect()
}

/// Writes a state of one message, folders and copies sorted.
fn print<'a>(places: impl IntoIterator<Item = (&'a FolderPath, &'a Entry)>) -> String {
    let mut tokens = Vec::new();
    for (folder, entry) in places {
        for copy in entry.copies.iter() {
            let mut token = format!("{folder}:{}", copy.flags);
            if copy.recent {
                token += "n";
            }
            if copy.mtime != 0 {
                write!(token, "@{}", copy.mtime).expect("text");
            }
            for keyword in &copy.keywords {
                write!(token, "+{}", keyword.as_str()).expect("text");
            }
            if entry.kept != 0 {
                write!(token, "!{}", entry.kept).expect("text");
            }
            tokens.push(token);
        }
    }
    tokens.join(" ")
}

fn borrowed(owned: &Owned) -> Places<'_> {
    owned
        .iter()
        .map(|(path, entry)| (path, entry.clone()))
        .collect()
}

/// Merges one message, both ways round, and tells the result and what was reported.
fn merge(base: &str, a: &str, b: &str) -> (String, Vec<ConflictKind>) {
    let [base, a, b] = [base, a, b].map(parse);
    let (base, a, b) = (borrowed(&base), borrowed(&a), borrowed(&b));
    let swapped = Three {
        base: base.clone(),
        a: b.clone(),
        b: a.clone(),
    };
    let decided = merge_places(&Three { base, a, b });
    assert_eq!(decided, merge_places(&swapped), "the same either way round");
    let kinds = decided.conflicts.iter().map(|(_, kind)| *kind).collect();
    let places = decided.places.iter().map(|(&path, entry)| (path, entry));
    (print(places), kinds)
}

/// The result of a merge that decides nothing a person need look at.
fn quietly(base: &str, a: &str, b: &str) -> String {
    let (result, conflicts) = merge(base, a, b);
    assert_eq!(conflicts, [], "nothing to report");
    result
}

/// A whole state: messages by number, each as text.
type Mail = BTreeMap<u64, String>;

fn key(number: u64) -> EntryKey {
    EntryKey {
        day: Day((number % 3) as u16),
        blob: crate::object::BlobId::of(&number.to_le_bytes()),
    }
}

/// Stores a state: `folders` are there even if empty.
fn store(odb: &dyn ObjectWrite, folders: &[&str], mail: &Mail) -> FolderMapId {
    let mut trees: BTreeMap<FolderPath, Vec<_>> = BTreeMap::new();
    for folder in folders {
        trees.insert(path(folder), Vec::new());
    }
    for (&number, text) in mail {
        for (folder, entry) in parse(text) {
            let edits = trees.entry(folder).or_default();
            edits.push((key(number), Some(entry)));
        }
    }
    let mut map = FolderMap::default();
    for (folder, edits) in trees {
        let start = tree::empty(odb).expect("memory");
        let (tree, sums) = tree::edit(odb, start, edits).expect("memory");
        map.folders.insert(folder, Folder { tree, sums });
    }
    super::map::store(odb, &map, None).expect("memory")
}

/// Reads a state back: message `number` is told as text where it is.
fn load(odb: &dyn ObjectWrite, id: FolderMapId, numbers: std::ops::Range<u64>) -> Mail {
    let map = crate::graph::load_map(odb, id).expect("stored");
    let mut mail = Mail::new();
    for number in numbers {
        let mut places = Owned::new();
        for (path, folder) in &map.folders {
            if let Some(entry) = tree::get(odb, folder.tree, key(number)).expect("stored") {
                places.insert(path.clone(), entry);
            }
        }
        if !places.is_empty() {
            mail.insert(number, print(&places));
        }
    }
    mail
}

/// Numbers that look random, the same on every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
