//! Puts messages into a Maildir, as a delivery agent and a mail client would.

#![allow(clippy::disallowed_methods)] // mail comes from other programs: no fault is injected here

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use mailvc_store::object::BlobId;
use mailvc_store::time::Timestamp;
use rayon::prelude::*;

use super::message::{large_message, sized};
use super::outline::Outline;
use super::place::{Layout, Place, places};
use super::{Mailbox, Summary};

/// How many messages are held at a time.
const BATCH: u64 = 4_096;

impl Mailbox {
    /// Writes it below `root`, which must be empty or missing.
    pub fn write(&self, root: &Path) -> io::Result<Summary> {
        fs::create_dir_all(root)?;
        if fs::read_dir(root)?.next().is_some() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let mut writer = Writer::new(self, root)?;
        let mut first = 0;
        while first < self.messages {
            let end = self.messages.min(first.saturating_add(BATCH));
            let batch: Vec<_> = (first..end).into_par_iter().map(|n| self.made(n)).collect();
            for (bytes, places) in batch {
                writer.message(&bytes, &places)?;
            }
            first = end;
        }
        if self.large {
            let outline = Outline::new(self.seed, self.messages);
            writer.message(&large_message(self.seed), &[large_place(&outline)])?;
        }
        writer.finish()
    }

    fn made(&self, number: u64) -> (Vec<u8>, Vec<Place>) {
        let bytes = sized(self.seed, number, self.mean_size);
        let places = places(&Outline::new(self.seed, number), bytes.len());
        (bytes, places)
    }
}

fn large_place(outline: &Outline) -> Place {
    Place {
        folder: String::new(),
        recent: false,
        name: format!("{}.large.mx:2,S", outline.sent).into(),
        mtime: outline.sent,
    }
}

struct Writer<'a> {
    root: &'a Path,
    layout: Layout,
    folders: BTreeMap<String, PathBuf>,
    contents: HashSet<BlobId>,
    summary: Summary,
}

impl<'a> Writer<'a> {
    fn new(mailbox: &Mailbox, root: &'a Path) -> io::Result<Self> {
        let mut writer = Self {
            root,
            layout: mailbox.layout,
            folders: BTreeMap::new(),
            contents: HashSet::new(),
            summary: Summary::default(),
        };
        writer.folder("")?;
        Ok(writer)
    }

    fn message(&mut self, bytes: &[u8], places: &[Place]) -> io::Result<()> {
        self.contents.insert(BlobId::of(bytes));
        for place in places {
            let dir = self.folder(&place.folder)?;
            let sub = if place.recent { "new" } else { "cur" };
            put(&dir.join(sub).join(&place.name), bytes, place.mtime)?;
            self.summary.files += 1;
            self.summary.bytes += bytes.len() as u64;
            self.summary.recent += u64::from(place.recent);
        }
        Ok(())
    }

    fn folder(&mut self, folder: &str) -> io::Result<PathBuf> {
        if let Some(dir) = self.folders.get(folder) {
            return Ok(dir.clone());
        }
        let dir = self.root.join(self.layout.dir(folder));
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        if self.layout == Layout::MaildirPlusPlus && !folder.is_empty() {
            fs::write(dir.join("maildirfolder"), "")?;
        }
        self.folders.insert(folder.to_owned(), dir.clone());
        Ok(dir)
    }

    /// What mail servers leave beside the messages: letters of keywords, subscriptions.
    fn finish(mut self) -> io::Result<Summary> {
        let separator = if self.layout == Layout::Nested {
            "/"
        } else {
            "."
        };
        let mut subscriptions = String::new();
        for (folder, dir) in &self.folders {
            fs::write(dir.join("dovecot-keywords"), "0 $Forwarded\n1 todo\n")?;
            if folder.starts_with("Lists/") {
                subscriptions.push_str(&folder.replace('/', separator));
                subscriptions.push('\n');
            }
        }
        fs::write(self.root.join("subscriptions"), subscriptions)?;
        self.summary.contents = self.contents.len() as u64;
        self.summary.folders = self
            .folders
            .keys()
            .map(|name| self.layout.dir(name))
            .collect();
        self.summary.folders.sort();
        Ok(self.summary)
    }
}

fn put(path: &Path, bytes: &[u8], mtime: i64) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(mtime).unwrap_or(0));
    file.set_times(FileTimes::new().set_modified(time))
}

/// Delivers one message into `new` of the folder whose directory is `folder` below `root` (empty
/// for the root), under a fresh name, through `tmp`; returns where it lies.
pub fn deliver(root: &Path, folder: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    static DELIVERED: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "{}.P{}Q{}.mda,S={}",
        Timestamp::now().0,
        std::process::id(),
        DELIVERED.fetch_add(1, Ordering::Relaxed),
        bytes.len()
    );
    deliver_named(root, folder, OsStr::new(&name), bytes)
}

/// As [`deliver`], under a name that the caller makes up.
pub fn deliver_named(
    root: &Path,
    folder: &Path,
    name: &OsStr,
    bytes: &[u8],
) -> io::Result<PathBuf> {
    let dir = root.join(folder);
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let (temporary, path) = (dir.join("tmp").join(name), dir.join("new").join(name));
    let mut file = File::create_new(&temporary)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&temporary, &path)?;
    Ok(path)
}
