//! Where a message lies: folder, file name, flags, `new` or `cur`, and how many copies.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::outline::{LISTS, Outline};
use super::random::Random;

/// How the folders of a Maildir are spelled on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `.Archive.2011`, the root being the inbox.
    MaildirPlusPlus,
    /// `Archive/2011`.
    Nested,
}

impl Layout {
    /// The directory of a folder, relative to the root, its path's parts joined by `/`. No part
    /// may have a dot where the layout uses dots.
    pub fn dir(self, folder: &str) -> PathBuf {
        match self {
            _ if folder.is_empty() => PathBuf::new(),
            Self::MaildirPlusPlus => PathBuf::from(format!(".{}", folder.replace('/', "."))),
            Self::Nested => PathBuf::from(folder),
        }
    }
}

/// One file of a message.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: String,
    pub(super) recent: bool,
    pub(super) name: OsString,
    /// When it arrived, in seconds since 1970.
    pub(super) mtime: i64,
}

/// Where all copies of a message lie. About two in a hundred lie twice in their folder, about
/// five in a hundred in a second folder too.
pub(super) fn places(outline: &Outline, size: usize) -> Vec<Place> {
    let mut random = Random::new(outline.seed, outline.number ^ (6 << 40));
    let folder = folder(outline, &mut random);
    let mut folders = vec![folder.clone()];
    if random.percent(2) {
        folders.push(folder.clone());
    }
    if random.percent(5) && folder != "Archive/All mail" {
        folders.push("Archive/All mail".to_owned());
    }
    folders
        .into_iter()
        .enumerate()
        .map(|(copy, folder)| place(outline, &mut random, folder, copy, size))
        .collect()
}

fn folder(outline: &Outline, random: &mut Random) -> String {
    // Years are of 365 days: it is a folder's name, not a date.
    let year = 1970 + outline.sent / (365 * 86_400);
    match (outline.list, random.below(100)) {
        (_, 0..3) => "Trash".to_owned(),
        (_, 3..6) => "Junk".to_owned(),
        (Some(list), _) => format!("Lists/{}", LISTS[list]),
        (None, 6..20) => "Sent".to_owned(),
        (None, 20..22) => "Drafts".to_owned(),
        (None, 22..26) => "Entw&APw-rfe & Ideen".to_owned(),
        (None, 26..30) => "Réseau".to_owned(),
        (None, 30..60) => String::new(),
        (None, _) => format!("Archive/{year}"),
    }
}

fn place(
    outline: &Outline,
    random: &mut Random,
    folder: String,
    copy: usize,
    size: usize,
) -> Place {
    let recent = matches!(folder.as_str(), "" | "Junk") && random.percent(8);
    let mtime = outline.sent + 1 + random.below(120) as i64;
    let mut name = unique(outline, random, copy, mtime, size);
    if !recent {
        name.extend(info(&folder, random));
    }
    Place {
        folder,
        recent,
        name: OsString::from_vec(name),
        mtime,
    }
}

/// Unique names as different programs make them. The number and the copy are in each, so none
/// comes twice.
fn unique(outline: &Outline, random: &mut Random, copy: usize, time: i64, size: usize) -> Vec<u8> {
    let n = outline.number;
    let microseconds = random.below(1_000_000);
    let pid = random.below(32_768);
    let text = match random.below(40) {
        0 => format!("{time}.R{microseconds}.{pid}_{n}_{copy}.laptop"),
        1 => format!("msg.{n:x}.{copy}"),
        2 => format!("{time}.{pid}_{n}_{copy}.mx\\057one\\072a,U={}", n + 1),
        3 => format!(
            "{time}_{copy}.{pid}.{n}.mx,U={},FMD5=7e33429f656f1e6e9d79b29c3f82c57e",
            n + 1
        ),
        4 => return [format!("{time}.{n}.{copy}.").as_bytes(), b"caf\xe9 \xff"].concat(),
        5 => format!("{time}.M{microseconds}P{pid}V0000000000000801I{n:016X}_{copy}.mx"),
        _ => format!(
            "{time}.M{microseconds}P{pid}Q{n}C{copy}.mx,S={size},W={}",
            size + size / 60
        ),
    };
    text.into_bytes()
}

/// The info suffix; a few files in `cur` have none.
fn info(folder: &str, random: &mut Random) -> Vec<u8> {
    let mut letters = String::new();
    let mut chance = |letter: char, percent: u64| {
        if random.percent(percent) {
            letters.push(letter);
        }
    };
    chance('D', if folder == "Drafts" { 90 } else { 0 });
    chance('F', 5);
    chance('P', 2);
    chance('R', 20);
    chance('S', 80);
    chance('T', if folder == "Trash" { 40 } else { 0 });
    match random.below(100) {
        0 => Vec::new(),
        1 => format!(":2,{letters}ab").into_bytes(),
        2 => format!(":2,{letters}X").into_bytes(),
        3 => format!(":2,{letters},x=1").into_bytes(),
        _ => format!(":2,{letters}").into_bytes(),
    }
}
