use std::collections::BTreeMap;

use mailvc_store::graph;
use mailvc_store::object::SnapshotId;
use mailvc_store::odb::ObjectRead;
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
        let mut refs = Self::default();
        for (name, id) in repo.refs().list()? {
            let text = ref_text(repo, &name)?;
            refs.0.entry(id).or_default().push(text);
        }
        Ok(refs)
    }

    /// The names of the refs at a snapshot.
    pub(crate) fn at(&self, id: SnapshotId) -> Vec<String> {
        self.0.get(&id).cloned().unwrap_or_default()
    }
}

/// A ref's name as people read it: the device of an inbox by its own name.
pub(crate) fn ref_text(repo: &Repository, name: &RefName) -> Result<String, Failure> {
    let RefName::Inbox(device) = name else {
        return Ok(name.to_string());
    };
    let trust = repo.trust()?;
    let known = trust.device(*device).map(|device| device.name.clone());
    Ok(format!("inbox/{}", known.unwrap_or_else(|| device.short())))
}

/// A snapshot in a line, without its refs.
pub(crate) fn line(odb: &dyn ObjectRead, id: SnapshotId) -> Result<SnapshotLine, Failure> {
    Ok(SnapshotLine {
        id,
        snapshot: graph::load(odb, id)?,
        refs: Vec::new(),
    })
}
