//! What people call a snapshot: an id or the start of one, a ref, `REF~N`, `@{TIME}`.

use crate::graph;
use crate::object::{BlobId, IdPrefix, Kind, SnapshotId};
use crate::refs::RefName;
use crate::time::Timestamp;

use super::{RepoError, Repository};

/// How far `~N` goes back at most.
const MAX_STEPS: u64 = 1_000_000;

impl Repository {
    /// The snapshot that `text` names. `time` reads what stands in `@{…}`.
    pub fn resolve(
        &self,
        text: &str,
        time: &dyn Fn(&str) -> Option<Timestamp>,
    ) -> Result<SnapshotId, RepoError> {
        let unknown = || RepoError::UnknownSnapshot(text.to_owned());
        if let Some(inner) = text
            .strip_prefix("@{")
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let time = time(inner).ok_or_else(unknown)?;
            return self.local_at(time)?.ok_or_else(unknown);
        }
        let Some((base, steps)) = text.rsplit_once('~') else {
            return self.resolve_base(text);
        };
        let steps: u64 = if steps.is_empty() {
            1
        } else {
            steps.parse().map_err(|_| unknown())?
        };
        let mut id = self.resolve_base(base)?;
        for _ in 0..steps.min(MAX_STEPS) {
            id = self.previous(id)?.ok_or_else(unknown)?;
        }
        Ok(id)
    }

    fn resolve_base(&self, text: &str) -> Result<SnapshotId, RepoError> {
        let named = [
            text.to_owned(),
            format!("remotes/{text}"),
            format!("tags/{text}"),
        ];
        for name in named.iter().filter_map(|name| name.parse::<RefName>().ok()) {
            if let Some(id) = self.refs().read(&name)? {
                return Ok(id);
            }
        }
        let Ok(prefix) = text.parse::<IdPrefix>() else {
            return Err(RepoError::UnknownSnapshot(text.to_owned()));
        };
        let found = self.odb().resolve(Kind::Snapshot, &prefix)?;
        match found.as_slice() {
            [id] => Ok(SnapshotId::new(*id)),
            [] => Err(RepoError::UnknownSnapshot(text.to_owned())),
            several => Err(RepoError::AmbiguousSnapshot {
                name: text.to_owned(),
                count: several.len(),
            }),
        }
    }

    /// The messages whose ids start with `prefix`.
    pub fn resolve_blob(&self, prefix: &IdPrefix) -> Result<Vec<BlobId>, RepoError> {
        let found = self.odb().resolve(Kind::Blob, prefix)?;
        Ok(found.into_iter().map(BlobId::new).collect())
    }

    /// The state before `id`: of several parents the one that this Maildir was in, else the one
    /// with the longest history.
    fn previous(&self, id: SnapshotId) -> Result<Option<SnapshotId>, RepoError> {
        let parents = self.snapshot(id)?.parents;
        if parents.len() > 1 {
            let log = self.refs().log(&RefName::Local)?;
            let before = log
                .iter()
                .find(|record| record.new == Some(id))
                .and_then(|r| r.old);
            if let Some(before) = before.filter(|before| parents.contains(before)) {
                return Ok(Some(before));
            }
        }
        let mut best = None;
        for parent in parents {
            best = best.max(Some((graph::load(self.odb(), parent)?.generation, parent)));
        }
        Ok(best.map(|(_, parent)| parent))
    }

    /// What `local` was at a time, by this machine's own log.
    fn local_at(&self, time: Timestamp) -> Result<Option<SnapshotId>, RepoError> {
        let log = self.refs().log(&RefName::Local)?;
        Ok(log
            .into_iter()
            .find(|record| record.when <= time)
            .and_then(|record| record.new))
    }
}
