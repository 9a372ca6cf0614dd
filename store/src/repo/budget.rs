//! How much the other devices have deleted since somebody last said yes, each by itself: one that
//! is broken, or somebody else's, may stay below every limit of a single step.
//!
//! The count is truth: nothing in the history says when a person agreed. It must be the one that
//! belongs to `local`, whenever a command was cut off.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::fs::write_durable;
use crate::merge::{self, Reason};
use crate::object::{BlobId, DeviceId, SnapshotId, SnapshotKind};
use crate::odb::ObjectRead;
use crate::{graph, object};

use super::{RepoError, Repository, read_text_or_empty};

/// Below so many snapshots that delete nothing, it is not worth a write to have counted them.
const WORTH_WRITING: usize = 64;

/// What one device has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    deleted: u64,
    /// What had been received when somebody last said yes.
    since: u64,
}

/// The count as it was at a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Count {
    at: Option<SnapshotId>,
    received: u64,
    accounts: BTreeMap<DeviceId, Account>,
}

/// What another device has deleted, and may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The device.
    pub device: DeviceId,
    /// How many messages it has deleted since somebody last said yes.
    pub deleted: u64,
    /// How many it may delete until it is stopped.
    pub allowed: u64,
}

/// What a step would add to the count.
pub(super) struct Tally {
    /// The count so far.
    old: Count,
    /// With the step.
    new: Count,
    /// How many snapshots were counted anew.
    steps: usize,
    /// The names of the other devices that removed anything now.
    names: BTreeMap<DeviceId, String>,
    /// The messages that are gone because somebody went back to an earlier state.
    pub(super) gone_back: Vec<BlobId>,
    /// The names of all other devices whose snapshots the step brings.
    pub(super) makers: Vec<String>,
}

impl Repository {
    /// Counts what is new in the line `to`, the state that follows `local`.
    pub(super) fn tally(
        &self,
        odb: &dyn ObjectRead,
        local: SnapshotId,
        to: SnapshotId,
    ) -> Result<Tally, RepoError> {
        let own = self.device_id()?;
        let old = self.count_at(odb, local)?;
        let mut tally = Tally {
            new: old.clone(),
            old,
            steps: 0,
            names: BTreeMap::new(),
            gone_back: Vec::new(),
            makers: Vec::new(),
        };
        tally.new.at = Some(to);
        let mark = tally.old.at.unwrap_or(local);
        for id in graph::missing(odb, to, &[mark])? {
            tally.steps += 1;
            let snapshot = graph::load(odb, id)?;
            let Some(device) = snapshot.device else {
                continue;
            };
            let deeds = match merge::deeds(odb, &snapshot) {
                // What retention has dropped is long past.
                Err(error) if error.missing().is_some() => merge::Deeds::default(),
                deeds => deeds?,
            };
            tally.new.received += deeds.arrived;
            if device == own {
                continue;
            }
            tally.add(device, &snapshot, &deeds.removed);
        }
        tally.makers.sort_unstable();
        tally.makers.dedup();
        Ok(tally)
    }

    /// Makes what was counted the count of the state that it was counted for. It counts as soon as
    /// `local` is there, and not before. With `yes` somebody has agreed to all of it.
    pub(super) fn keep_tally(&self, tally: Tally, yes: bool) -> Result<(), RepoError> {
        let Tally {
            old,
            mut new,
            steps,
            names,
            ..
        } = tally;
        if names.is_empty() && steps < WORTH_WRITING && old.at.is_some() {
            return Ok(());
        }
        if yes {
            for device in names.keys() {
                let account = new.accounts.entry(*device).or_default();
                account.deleted = 0;
                account.since = new.received;
            }
        }
        let text: String = [old, new].iter().map(Count::to_text).collect();
        let path = self.layout().budget();
        write_durable(&**self.fs(), &path, text.as_bytes()).map_err(RepoError::at(path))
    }

    /// What the other devices have deleted since somebody last said yes.
    pub fn budgets(&self) -> Result<Vec<Budget>, RepoError> {
        let Some(local) = self.local()? else {
            return Ok(Vec::new());
        };
        let count = self.count_at(self.odb(), local)?;
        let budget = self.config().guard.budget;
        let accounts = count.accounts.iter().filter(|(_, it)| it.deleted > 0);
        Ok(accounts
            .map(|(device, account)| Budget {
                device: *device,
                deleted: account.deleted,
                allowed: count.allowed(*account, budget),
            })
            .collect())
    }

    /// The count that belongs to a state: the latest that was kept for it or for what it descends
    /// from.
    fn count_at(&self, odb: &dyn ObjectRead, local: SnapshotId) -> Result<Count, RepoError> {
        let path = self.layout().budget();
        let text = read_text_or_empty(&**self.fs(), &path)?;
        let counts = Count::parse(&text).ok_or_else(|| RepoError::Config {
            path,
            what: "not a count of deletions".to_owned(),
        })?;
        for count in counts.into_iter().rev() {
            match count.at {
                Some(at) if odb.contains(at.into())? && graph::is_ancestor(odb, at, local)? => {
                    return Ok(count);
                }
                _ => {}
            }
        }
        Ok(Count::default())
    }
}

impl Tally {
    fn add(&mut self, device: DeviceId, snapshot: &object::Snapshot, removed: &[object::EntryKey]) {
        self.makers.push(snapshot.device_name.clone());
        if removed.is_empty() {
            return;
        }
        self.names.insert(device, snapshot.device_name.clone());
        let account = self.new.accounts.entry(device).or_insert(Account {
            deleted: 0,
            since: self.old.received,
        });
        account.deleted += removed.len() as u64;
        if matches!(snapshot.kind, SnapshotKind::Checkout | SnapshotKind::Undo) {
            self.gone_back.extend(removed.iter().map(|key| key.blob));
        }
    }

    /// The devices that delete more now than they may.
    pub(super) fn exceeded(&self, budget: u64) -> Vec<Reason> {
        let over = self.names.iter().filter_map(|(device, name)| {
            let account = self.new.accounts.get(device).copied()?;
            let allowed = self.new.allowed(account, budget);
            (account.deleted > allowed).then(|| Reason::Budget {
                device: *device,
                name: name.clone(),
                deleted: account.deleted,
                allowed,
            })
        });
        over.collect()
    }
}

impl Count {
    fn allowed(&self, account: Account, budget: u64) -> u64 {
        budget.saturating_add(self.received.saturating_sub(account.since))
    }

    fn to_text(&self) -> String {
        let Some(at) = self.at else {
            return String::new();
        };
        let mut text = format!("at {at} {}\n", self.received);
        for (device, account) in &self.accounts {
            let _ = writeln!(text, "{device} {} {}", account.deleted, account.since);
        }
        text
    }

    /// The counts of a file, oldest first; `None` if it is none.
    fn parse(text: &str) -> Option<Vec<Self>> {
        let mut counts: Vec<Self> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match (words.as_slice(), counts.last_mut()) {
                (["at", id, received], _) => counts.push(Self {
                    at: Some(id.parse().ok()?),
                    received: received.parse().ok()?,
                    accounts: BTreeMap::new(),
                }),
                ([device, deleted, since], Some(count)) => {
                    let account = Account {
                        deleted: deleted.parse().ok()?,
                        since: since.parse().ok()?,
                    };
                    count.accounts.insert(device.parse().ok()?, account);
                }
                _ => return None,
            }
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_as_it_was_written_and_nothing_else_is_one() {
        let count = |at: u8, deleted| Count {
            at: Some(SnapshotId::new([at; 32])),
            received: 12,
            accounts: [(DeviceId::new([7; 32]), Account { deleted, since: 3 })].into(),
        };
        let both = [count(1, 40), count(2, 89)];
        let text: String = both.iter().map(Count::to_text).collect();
        assert_eq!(Count::parse(&text).as_deref(), Some(&both[..]));
        assert_eq!(Count::parse(""), Some(Vec::new()));
        for wrong in ["x", "at 12 3\n", &text.replace("89", "-1"), &text[1..]] {
            assert_eq!(Count::parse(wrong), None, "{wrong}");
        }
    }
}
