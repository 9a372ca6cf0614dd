//! The guard: whether more would leave a Maildir than anybody deletes by hand.
//!
//! It judges a step from one state to the next, whoever made it. It never decides what a merge
//! says; it only says to wait.

use std::collections::BTreeMap;

use super::leaving::{Leaving, LeavingMessage};
use crate::maildir::FolderPath;
use crate::object::DeviceId;

/// How much may leave before the guard stops. Every limit may be reached; beyond it is too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// So many messages may leave whatever share of the mail they are.
    pub min: u64,
    /// Beyond `min`: per cent of all messages.
    pub tree_percent: u64,
    /// Beyond `min`: per cent of one folder's messages.
    pub folder_percent: u64,
    /// Folders with so many messages or fewer have no limit of their own.
    pub folder_min: u64,
    /// So many messages in all, the trash included.
    pub absolute: u64,
    /// So many messages whose place one with the same Message-ID and other bytes takes.
    pub replaced: u64,
    /// So many messages, beside as many as were received, one other device may delete bit by bit
    /// until somebody says yes.
    pub budget: u64,
    /// Folders out of which messages leave every day; their subfolders too. What leaves these, and
    /// what was last seen marked for the trash, counts toward `absolute` alone.
    pub disposable: Vec<FolderPath>,
}

impl Default for Limits {
    fn default() -> Self {
        let disposable = [b"Trash".as_slice(), b"Junk", b"Spam"];
        Self {
            min: 50,
            tree_percent: 2,
            folder_percent: 25,
            folder_min: 200,
            absolute: 1000,
            replaced: 5,
            budget: 500,
            disposable: disposable.into_iter().flat_map(FolderPath::new).collect(),
        }
    }
}

/// What the guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Wait for a yes.
    Stop {
        /// Every limit that was passed.
        reasons: Vec<Reason>,
    },
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing may leave in such a step.
    Anything {
        /// How many messages would leave.
        leaving: u64,
    },
    /// Too many in all.
    Many {
        /// How many messages would leave.
        leaving: u64,
    },
    /// Too large a share of the mail.
    OfTree {
        /// How many messages would leave, without disposable ones.
        leaving: u64,
        /// Out of so many.
        total: u64,
    },
    /// Too large a share of a folder.
    OfFolder {
        /// The folder.
        folder: FolderPath,
        /// How many messages would leave it, without disposable ones.
        leaving: u64,
        /// Out of so many.
        total: u64,
    },
    /// Too many whose place other bytes take.
    Replaced {
        /// How many.
        replaced: u64,
    },
    /// Too many by one other device, little by little.
    Budget {
        /// The device.
        device: DeviceId,
        /// What it calls itself.
        name: String,
        /// How many it has deleted since somebody last said yes.
        deleted: u64,
        /// How many it may.
        allowed: u64,
    },
}

/// Whether so much may leave. With `strict`, as when others go back to an earlier state, nothing
/// may.
pub fn judge(limits: &Limits, leaving: &Leaving, strict: bool) -> Verdict {
    let all = leaving.messages.len() as u64;
    let mut reasons = Vec::new();
    if strict && all > 0 {
        reasons.push(Reason::Anything { leaving: all });
    }
    if all > limits.absolute {
        reasons.push(Reason::Many { leaving: all });
    }
    if leaving.replaced > limits.replaced {
        let replaced = leaving.replaced;
        reasons.push(Reason::Replaced { replaced });
    }
    let counted: Vec<&LeavingMessage> = leaving
        .messages
        .iter()
        .filter(|message| !limits.is_disposable(message))
        .collect();
    if counted.len() as u64 > limits.min {
        reasons.extend(limits.shares(leaving, &counted));
    }
    if reasons.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Stop { reasons }
    }
}

impl Limits {
    /// Whether a message was on its way out already.
    pub fn is_disposable(&self, message: &LeavingMessage) -> bool {
        let disposable = |folder: &FolderPath| {
            let mut listed = self.disposable.iter();
            listed.any(|listed| is_within(folder, listed))
        };
        message.trashed || message.folders.iter().all(disposable)
    }

    fn shares(&self, leaving: &Leaving, counted: &[&LeavingMessage]) -> Vec<Reason> {
        let mut of_folder: BTreeMap<&FolderPath, u64> = BTreeMap::new();
        for folder in counted.iter().flat_map(|message| &message.folders) {
            *of_folder.entry(folder).or_default() += 1;
        }
        let places: u64 = of_folder.values().sum();
        let mut reasons = Vec::new();
        if exceeds(places, self.tree_percent, leaving.total) {
            reasons.push(Reason::OfTree {
                leaving: counted.len() as u64,
                total: leaving.total,
            });
        }
        for (folder, count) in of_folder {
            let total = leaving.folder_totals.get(folder).copied().unwrap_or(0);
            if total > self.folder_min && exceeds(count, self.folder_percent, total) {
                reasons.push(Reason::OfFolder {
                    folder: folder.clone(),
                    leaving: count,
                    total,
                });
            }
        }
        reasons
    }
}

/// Whether `part` is more than so many per cent of `whole`.
fn exceeds(part: u64, percent: u64, whole: u64) -> bool {
    u128::from(part) * 100 > u128::from(percent) * u128::from(whole)
}

fn is_within(folder: &FolderPath, outer: &FolderPath) -> bool {
    let rest = folder.as_bytes().strip_prefix(outer.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
