//! A mail client and a delivery agent at work in one Maildir, who keep a record of what they did:
//! a model says what all devices must have in the end.
//!
//! Two clients with different shares never touch the same message, so their changes never meet in
//! one message and the model needs no merge rules. Files that vanish under their hands are left.

#![allow(clippy::disallowed_methods)] // changes mail as other programs do: no fault is injected here
#![allow(clippy::unused_self, clippy::unnecessary_wraps)] // all deeds have one signature

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::mailbox::{self, Layout};
use crate::maildir::{self, Message, Messages};
use crate::random::Random;

/// Where messages go: the generator's folders, and one that it does not make.
const FOLDERS: [&str; 5] = ["", "Sent", "Drafts", "Archive/2009", "Later"];

/// What was done to a message: what it was before, and what it is now.
pub type Change = (Option<Message>, Option<Message>);

/// Somebody who works with the mail in one Maildir.
#[derive(Debug)]
pub struct MailClient {
    root: PathBuf,
    layout: Layout,
    /// Which messages are its own to touch: those whose hash is `.0` modulo `.1`.
    share: (u8, u8),
    seed: u64,
    delivered: u64,
    random: Random,
}

/// What a client does in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new message comes in.
    Deliver,
    /// A flag is set or taken away.
    Flag,
    /// A message in `new` is seen.
    See,
    /// A message goes to another folder.
    Move,
    /// A message is deleted.
    Delete,
    /// A draft is written, or written again under another name.
    Draft,
}

/// All of a day's work, the more frequent steps more often.
pub const EVERYTHING: [Step; 10] = [
    Step::Deliver,
    Step::Deliver,
    Step::Deliver,
    Step::Flag,
    Step::Flag,
    Step::See,
    Step::See,
    Step::Move,
    Step::Delete,
    Step::Draft,
];

/// What takes nothing away.
pub const NO_DELETIONS: [Step; 4] = [Step::Deliver, Step::Flag, Step::Flag, Step::See];

impl MailClient {
    /// A client that touches the messages of one share of `shares`.
    pub fn new(root: &Path, (share, shares): (u8, u8), seed: u64) -> Self {
        Self {
            root: root.to_owned(),
            layout: Layout::MaildirPlusPlus,
            share: (share, shares),
            seed,
            delivered: 0,
            random: Random::new(seed),
        }
    }

    /// For a Maildir in the other layout.
    #[must_use]
    pub fn nested(mut self) -> Self {
        self.layout = Layout::Nested;
        self
    }

    /// Does so many steps, chosen among `steps`, and says what changed.
    pub fn work(&mut self, count: usize, steps: &[Step]) -> io::Result<Vec<Change>> {
        let mut mine = self.mine()?;
        let mut changes = Vec::new();
        for _ in 0..count {
            let step = steps[self.below(steps.len())];
            match self.step(step, &mut mine) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => changes.extend(done?),
            }
        }
        Ok(changes)
    }

    /// The files of its share: of contents that lie in one place only.
    fn mine(&self) -> io::Result<Vec<(PathBuf, Message)>> {
        let mut found: BTreeMap<[u8; 32], Vec<(PathBuf, Message)>> = BTreeMap::new();
        for (path, message) in maildir::listed(&self.root)? {
            found.entry(message.hash).or_default().push((path, message));
        }
        let single = found.into_values().filter(|places| places.len() == 1);
        let ours = single
            .flatten()
            .filter(|(_, message)| message.hash[0] % self.share.1 == self.share.0);
        Ok(ours.collect())
    }

    fn step(&mut self, step: Step, mine: &mut Vec<(PathBuf, Message)>) -> io::Result<Vec<Change>> {
        match step {
            Step::Deliver => Ok(vec![self.deliver()?]),
            Step::Flag => self.rename_one(mine, |message| !message.recent, Self::flagged),
            Step::See => self.rename_one(mine, |message| message.recent, Self::seen),
            Step::Move => self.rename_one(mine, |_| true, Self::elsewhere),
            Step::Delete => self.delete(mine),
            Step::Draft => self.draft(mine),
        }
    }

    /// A number below `bound`, or 0.
    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound.max(1) as u64) as usize
    }

    /// A message that nobody has. A few of the generator's are empty: those are left out.
    fn bytes(&mut self) -> Vec<u8> {
        loop {
            self.delivered += 1;
            let bytes = mailbox::message(self.seed, (1 << 40) + self.delivered);
            if !bytes.is_empty() {
                return bytes;
            }
        }
    }

    fn deliver(&mut self) -> io::Result<Change> {
        let bytes = self.bytes();
        let dir = self.layout.dir(["", "", "Lists/maildir"][self.below(3)]);
        let path = mailbox::deliver(&self.root, &dir, &bytes)?;
        Ok((None, Some(self.new_message(&path, &bytes))))
    }

    /// What was just delivered; somebody else may have moved it on already.
    fn new_message(&self, path: &Path, bytes: &[u8]) -> Message {
        let looked = maildir::look(&self.root, path, bytes);
        looked.unwrap_or_else(|_| Message {
            folder: maildir::folder_of(&self.root, path),
            hash: *blake3::hash(bytes).as_bytes(),
            flags: Vec::new(),
            recent: true,
            mtime: 0,
        })
    }

    fn pick(
        &mut self,
        mine: &mut Vec<(PathBuf, Message)>,
        fits: impl Fn(&Message) -> bool,
    ) -> Option<(PathBuf, Message)> {
        let fitting: Vec<usize> = (0..mine.len()).filter(|&at| fits(&mine[at].1)).collect();
        let at = *fitting.get(self.below(fitting.len()))?;
        Some(mine.swap_remove(at))
    }

    fn rename_one(
        &mut self,
        mine: &mut Vec<(PathBuf, Message)>,
        fits: impl Fn(&Message) -> bool,
        target: impl Fn(&mut Self, &Path) -> io::Result<PathBuf>,
    ) -> io::Result<Vec<Change>> {
        let Some((path, before)) = self.pick(mine, fits) else {
            return Ok(Vec::new());
        };
        let target = target(self, &path)?;
        if target.exists() {
            return Ok(Vec::new());
        }
        fs::rename(&path, &target)?;
        let after = Message {
            hash: before.hash,
            ..maildir::look(&self.root, &target, b"")?
        };
        mine.push((target, after.clone()));
        Ok(vec![(Some(before), Some(after))])
    }

    fn flagged(&mut self, path: &Path) -> io::Result<PathBuf> {
        let letter = b"FPRS"[self.below(4)];
        Ok(path.with_file_name(with_toggled(path, letter)))
    }

    #[allow(clippy::unnecessary_wraps)] // one of several that may fail
    fn seen(&mut self, path: &Path) -> io::Result<PathBuf> {
        let dir = path.ancestors().nth(2).unwrap_or(path);
        Ok(dir.join("cur").join(with_toggled(path, b'S')))
    }

    fn elsewhere(&mut self, path: &Path) -> io::Result<PathBuf> {
        let folder = FOLDERS[self.below(FOLDERS.len())];
        let dir = self.root.join(self.layout.dir(folder));
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        Ok(dir.join("cur").join(with_letters(path, <[u8]>::to_vec)))
    }

    fn delete(&mut self, mine: &mut Vec<(PathBuf, Message)>) -> io::Result<Vec<Change>> {
        let Some((path, before)) = self.pick(mine, |_| true) else {
            return Ok(Vec::new());
        };
        fs::remove_file(path)?;
        Ok(vec![(Some(before), None)])
    }

    fn draft(&mut self, mine: &mut Vec<(PathBuf, Message)>) -> io::Result<Vec<Change>> {
        let old = self.pick(mine, |message| message.folder == b"Drafts");
        let bytes = self.bytes();
        let path = mailbox::deliver(&self.root, &self.layout.dir("Drafts"), &bytes)?;
        let draft = self
            .root
            .join(self.layout.dir("Drafts"))
            .join("cur")
            .join(with_toggled(&path, b'D'));
        fs::rename(&path, &draft)?;
        let now = maildir::look(&self.root, &draft, &bytes)?;
        let mut changes = vec![(None, Some(now))];
        if let Some((path, before)) = old {
            fs::remove_file(path)?;
            changes.push((Some(before), None));
        }
        Ok(changes)
    }
}

impl Messages {
    /// Keeps the model: what `changes` did.
    ///
    /// # Panics
    /// If a message that is not there was changed.
    pub fn apply(&mut self, changes: &[Change]) {
        for (before, after) in changes {
            if let Some(before) = before {
                let copies = self.0.get_mut(before);
                let copies = copies.unwrap_or_else(|| panic!("{before} is not in the model"));
                *copies -= 1;
                if *copies == 0 {
                    self.0.remove(before);
                }
            }
            if let Some(after) = after {
                *self.0.entry(after.clone()).or_default() += 1;
            }
        }
    }
}

/// The file's name with one flag set or taken away.
fn with_toggled(path: &Path, letter: u8) -> OsString {
    with_letters(path, |letters| {
        let mut letters = letters.to_vec();
        match letters.iter().position(|&other| other == letter) {
            Some(at) => drop(letters.remove(at)),
            None => letters.push(letter),
        }
        letters.sort_unstable();
        letters
    })
}

/// The file's name with other letters after `:2,`; what follows them stays.
fn with_letters(path: &Path, change: impl Fn(&[u8]) -> Vec<u8>) -> OsString {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let at = name.windows(3).rposition(|three| three == b":2,");
    let (base, info) = at.map_or((name, &b""[..]), |at| (&name[..at], &name[at + 3..]));
    let end = info.iter().position(|&byte| byte == b',');
    let (letters, rest) = info.split_at(end.unwrap_or(info.len()));
    OsString::from_vec([base, b":2,", &change(letters), rest].concat())
}
