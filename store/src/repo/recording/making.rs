//! Making and signing snapshots, and moving `local` to them.

use crate::graph;
use crate::object::{FolderMapId, Kind, SignatureId, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::ObjectWrite;
use crate::refs::{Expected, LogEntry, RefEdit, RefName};
use crate::sign::Signer;
use crate::time::Timestamp;

use super::{RepoError, Repository};

/// A snapshot that is about to be made.
pub(in crate::repo) struct Draft<'a> {
    pub(in crate::repo) kind: SnapshotKind,
    pub(in crate::repo) parents: Vec<SnapshotId>,
    pub(in crate::repo) message: &'a str,
}

impl Repository {
    /// Makes and signs a snapshot of this device.
    pub(in crate::repo) fn write_snapshot(
        &self,
        odb: &dyn ObjectWrite,
        draft: &Draft<'_>,
        folders: FolderMapId,
    ) -> Result<SnapshotId, RepoError> {
        let mut parents = draft.parents.clone();
        parents.sort_unstable();
        parents.dedup();
        let mut generation = 1;
        for parent in &parents {
            generation = generation.max(graph::load(odb, *parent)?.generation + 1);
        }
        let snapshot = Snapshot {
            kind: draft.kind,
            generation,
            parents,
            folders,
            tags: None,
            device: Some(self.device_id()?),
            device_name: self.config().device.clone(),
            time: Timestamp::now(),
            sums: graph::load_map(odb, folders)?.sums(),
            merge_rules: 0,
            conflicts: Vec::new(),
            conflicts_total: 0,
            message: draft.message.chars().take(1000).collect(),
        };
        let bytes = snapshot.encode();
        let id = SnapshotId::new(odb.write(Kind::Snapshot, &bytes)?.hash);
        self.write_signature(odb, id, &bytes)?;
        Ok(id)
    }

    /// Signs a snapshot and stores the signature: the ids of snapshot and device, then the SSHSIG.
    pub(in crate::repo) fn write_signature(
        &self,
        odb: &dyn ObjectWrite,
        id: SnapshotId,
        snapshot: &[u8],
    ) -> Result<(), RepoError> {
        let device = self.device_id()?;
        if odb.contains(SignatureId::of(id, device).into())? {
            return Ok(());
        }
        let sshsig = self.device_key()?.sign(snapshot)?;
        let bytes = [id.as_bytes().as_slice(), device.as_bytes(), &sshsig].concat();
        odb.write(Kind::Signature, &bytes)?;
        Ok(())
    }

    /// Moves `local`, if it is still where it was.
    pub(in crate::repo) fn move_local(
        &self,
        from: Option<SnapshotId>,
        to: SnapshotId,
        who: &str,
        why: &str,
    ) -> Result<(), RepoError> {
        let expected = from.map_or(Expected::Missing, Expected::Is);
        let edit = RefEdit {
            name: RefName::Local,
            expected,
            new: Some(to),
        };
        Ok(self.refs().update(&[edit], &LogEntry { who, why })?)
    }
}
