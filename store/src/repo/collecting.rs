//! Making the store small: fewer packs, and shorter ones.

use crate::fs::{Lock, free_space};
use crate::maintain::{Collector, GRACE, GcPlan, Repacked, Superseded};
use crate::object::PackId;
use crate::odb::PackShape;
use crate::progress::NoProgress;
use crate::time::Timestamp;

use super::{LockRequest, RepoError, Repository};

/// How to repack.
#[derive(Debug, Clone, Copy)]
pub struct GcRequest {
    /// How many seconds a pack stays after all that is in it is elsewhere.
    pub grace: u64,
    /// Whether to find out only.
    pub dry_run: bool,
}

impl Default for GcRequest {
    fn default() -> Self {
        Self {
            grace: GRACE,
            dry_run: false,
        }
    }
}

/// What a repack found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// What was to be done.
    pub plan: GcPlan,
    /// What was written; nothing in a dry run.
    pub repacked: Repacked,
    /// The packs that were taken away.
    pub dropped: Vec<PackId>,
    /// How many bytes the disk has left; none where the system does not say.
    pub free: Option<u64>,
    /// All packs as they are now, in bytes.
    pub bytes: u64,
}

impl Repository {
    /// Writes small packs into few large ones and takes away, after a time, those of which every
    /// object is elsewhere. No object is given up. The store is locked for moments only: others
    /// read and write meanwhile.
    pub fn gc(&self, request: &GcRequest, who: &LockRequest<'_>) -> Result<GcReport, RepoError> {
        let collector = Collector {
            odb: self.odb(),
            refs: self.refs(),
            progress: if request.dry_run {
                &NoProgress
            } else {
                who.progress
            },
        };
        if request.dry_run {
            return self.planned(&collector, request.grace);
        }
        let path = self.layout().gc_lock();
        let _only = Lock::file(&path, who.command, who.patience, who.waiting)?;
        // Who has it clears what dead runs left, and refuses a copy of another store.
        drop(self.lock_store(who)?);
        let mut report = self.planned(&collector, request.grace)?;
        let needs = report.plan.needs();
        if let Some(free) = report.free.filter(|free| *free < needs) {
            return Err(RepoError::NoRoom { needs, free });
        }
        if !report.plan.repack.is_empty() {
            report.repacked = collector.repack(&report.plan)?;
        }
        let store = self.lock_store(who)?;
        self.supersede(&report.repacked.superseded)?;
        report.dropped = self.drop_superseded(request.grace)?;
        drop(store);
        report.bytes = total(&self.odb().shapes()?);
        Ok(report)
    }

    fn planned(&self, collector: &Collector<'_>, grace: u64) -> Result<GcReport, RepoError> {
        let plan = collector.plan(&self.superseded()?, Timestamp::now(), grace)?;
        let all = [&plan.keep, &plan.repack, &plan.drop, &plan.wait];
        Ok(GcReport {
            bytes: all.iter().map(|packs| total(packs)).sum(),
            free: free_space(self.layout().root()),
            plan,
            ..GcReport::default()
        })
    }

    fn superseded(&self) -> Result<Superseded, RepoError> {
        let path = self.layout().superseded();
        Superseded::load(&**self.fs(), &path).map_err(RepoError::at(path))
    }

    fn save_superseded(&self, noted: &Superseded) -> Result<(), RepoError> {
        let path = self.layout().superseded();
        let saved = noted.save(&**self.fs(), &path);
        saved.map_err(RepoError::at(path))
    }

    fn supersede(&self, packs: &[PackId]) -> Result<(), RepoError> {
        if packs.is_empty() {
            return Ok(());
        }
        let mut noted = self.superseded()?;
        noted.add(packs, Timestamp::now());
        self.save_superseded(&noted)
    }

    /// Takes away the packs that were superseded `grace` seconds ago, if what is in them still is
    /// elsewhere; one of which something is not is an ordinary pack again. The caller holds the
    /// store's lock.
    pub(super) fn drop_superseded(&self, grace: u64) -> Result<Vec<PackId>, RepoError> {
        let mut noted = self.superseded()?;
        let over = noted.over(Timestamp::now(), grace);
        if over.is_empty() {
            return Ok(over);
        }
        let mut others = self.odb().packs()?;
        others.retain(|pack| noted.since(*pack).is_none());
        let mut gone = Vec::new();
        for &pack in &over {
            if self.odb().is_covered(pack, &others)? {
                gone.push(pack);
            }
        }
        self.odb().remove_packs(&gone)?;
        noted.remove(&over);
        self.save_superseded(&noted)?;
        Ok(gone)
    }
}

fn total(packs: &[PackShape]) -> u64 {
    packs.iter().map(|pack| pack.bytes).sum()
}
