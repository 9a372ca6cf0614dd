use std::collections::BTreeMap;

use mailvc_store::object::SnapshotId;
use mailvc_store::refs::RefName;
use mailvc_store::repo::Repository;

use crate::error::Failure;
use crate::output::SnapshotLine;

/// Which refs are at which snapshot.
#[derive(Debug, Default)]
pub(crate) struct Refs(BTreeMap<SnapshotId, Vec<String>>);

impl Refs {
    /// All refs of a store.
    pub(crate) fn of(repo: &Repository) -> Result<Self, Failure> {
        let trust = repo.trust()?;
        let mut refs = Self::default();
        for (name, id) in repo.refs().list()? {
            let text = match &name {
                RefName::Inbox(device) => {
                    let known = trust.device(*device).map(|device| device.name.clone());
                    format!("inbox/{}", known.unwrap_or_else(|| device.short()))
                }
                other => other.to_string(),
            };
            refs.0.entry(id).or_default().push(text);
        }
        Ok(refs)
    }

    /// The names of the refs at a snapshot.
    pub(crate) fn at(&self, id: SnapshotId) -> Vec<String> {
        self.0.get(&id).cloned().unwrap_or_default()
    }
}

/// A snapshot in a line, without its refs.
pub(crate) fn line(repo: &Repository, id: SnapshotId) -> Result<SnapshotLine, Failure> {
    Ok(SnapshotLine {
        id,
        snapshot: repo.snapshot(id)?,
        refs: Vec::new(),
    })
}
