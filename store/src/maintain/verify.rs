//! Looks at everything that is stored, and goes on when something is wrong.
//!
//! The packs are looked through as bytes, then the history as it is used: from the refs, newest
//! snapshot first, each tree by its difference from one that was checked. So a finding can name
//! the mail that it hits. Nothing here may stop at the first finding, and nothing is changed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use super::finding::{Blame, Finding, Place};
use crate::object::{Kind, ObjectKey, Snapshot, SnapshotId};
use crate::odb::{ObjectRead, OdbError, PackedOdb};
use crate::progress::{Phase, Progress};
use crate::refs::{RefError, RefStore};

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many packs there are.
    pub packs: u64,
    /// How many snapshots can be reached from the refs.
    pub snapshots: u64,
    /// How many messages were looked up: one that moved or changed counts again.
    pub messages: u64,
    /// What is wrong, the packs first.
    pub findings: Vec<Finding>,
    /// Whether the work was broken off when it was asked to.
    pub cancelled: bool,
}

/// What is to be checked, and how.
pub struct Verifier<'a> {
    /// The objects.
    pub odb: &'a PackedOdb,
    /// The refs.
    pub refs: &'a RefStore,
    /// Whether every object is to be decompressed and hashed.
    pub full: bool,
    /// Told of packs and snapshots.
    pub progress: &'a dyn Progress,
}

/// Says what is wrong with a snapshot's making, if anything.
pub(super) type Judge<'j> = dyn FnMut(SnapshotId, &Snapshot) -> Option<String> + 'j;

/// A check under way.
pub(super) struct Run<'a> {
    pub(super) verifier: &'a Verifier<'a>,
    pub(super) report: VerifyReport,
    /// What is wrong with objects, and where they are needed.
    pub(super) objects: BTreeMap<ObjectKey, (String, Vec<Place>)>,
    files: BTreeSet<(std::path::PathBuf, String)>,
}

impl Verifier<'_> {
    /// Checks everything. `judge` is asked of each snapshot whose parents can be read.
    pub fn verify(&self, judge: &mut Judge<'_>) -> VerifyReport {
        let mut run = Run {
            verifier: self,
            report: VerifyReport::default(),
            objects: BTreeMap::new(),
            files: BTreeSet::new(),
        };
        run.packs();
        let tips = run.refs();
        run.history(&tips, judge);
        run.finish()
    }
}

impl Run<'_> {
    fn packs(&mut self) {
        let odb = self.verifier.odb;
        let packs = match odb.packs() {
            Ok(packs) => packs,
            Err(error) => return self.blame_store(error),
        };
        let total = packs.len() as u64;
        self.report.packs = total;
        self.verifier.progress.begin(Phase::Check, Some(total));
        let mut hit = HashSet::new();
        for pack in packs {
            if self.is_cancelled() {
                return;
            }
            let findings = &mut self.report.findings;
            let done = odb.verify_pack(pack, self.verifier.full, &mut |damage| {
                hit.extend(damage.keys.iter().copied());
                findings.push(Finding::Pack(damage));
            });
            if let Err(error) = done
                && !(error.is_gone() && odb.packs().is_ok_and(|packs| !packs.contains(&pack)))
            {
                self.blame_store(error);
            }
            self.verifier.progress.advance(1, 0);
        }
        for key in hit {
            if let Err(error) = self.read(key) {
                self.blame((key, error).into(), None);
            }
        }
    }

    /// Whether an object can be had from any pack.
    fn read(&self, key: ObjectKey) -> Result<(), OdbError> {
        let odb = self.verifier.odb;
        match key.kind {
            Kind::Blob => {
                let id = crate::object::BlobId::new(key.hash);
                odb.read_blob(id, &mut io::sink()).map(drop)
            }
            _ => odb.read(key).map(drop),
        }
    }

    /// The snapshots that refs name.
    fn refs(&mut self) -> Vec<SnapshotId> {
        let each = match self.verifier.refs.each() {
            Ok(each) => each,
            Err(error) => {
                self.blame_ref("refs", &error);
                return Vec::new();
            }
        };
        let mut tips = Vec::new();
        for (name, read) in each {
            match read {
                Ok(Some(id)) => match self.verifier.odb.contains(id.into()) {
                    Ok(true) => tips.push(id),
                    Ok(false) => self.report.findings.push(Finding::Ref {
                        name: name.to_string(),
                        what: format!("it names snapshot {id}, which is not stored"),
                    }),
                    Err(error) => self.blame((id.into(), error).into(), None),
                },
                Ok(None) => {}
                Err(error) => self.blame_ref(&name.to_string(), &error),
            }
        }
        tips.sort_unstable();
        tips.dedup();
        tips
    }

    fn blame_ref(&mut self, name: &str, error: &RefError) {
        let (name, what) = (name.to_owned(), error.to_string());
        self.report.findings.push(Finding::Ref { name, what });
    }

    fn blame_store(&mut self, error: OdbError) {
        // No object was asked for, so none is to blame but by name.
        let none = ObjectKey::new(Kind::Dictionary, [0; 32]);
        self.blame((none, error).into(), None);
    }

    /// Notes what is wrong, and where that is needed. Of an object only the places in the first
    /// snapshot that is looked at, which is the newest, are kept.
    pub(super) fn blame(&mut self, blame: Blame, place: Option<Place>) {
        match blame {
            Blame::File(path, what) => {
                self.files.insert((path, what));
            }
            Blame::Object(key, what) => {
                self.objects
                    .entry(key)
                    .or_insert_with(|| (what, Vec::new()));
                self.note_place(key, place);
            }
        }
    }

    /// Adds a place to an object that something is wrong with; says whether it is one.
    pub(super) fn note_place(&mut self, key: ObjectKey, place: Option<Place>) -> bool {
        let Some((_, places)) = self.objects.get_mut(&key) else {
            return false;
        };
        if let Some(place) = place {
            let newest = places
                .first()
                .is_none_or(|it| it.snapshot == place.snapshot);
            if newest && !places.contains(&place) {
                places.push(place);
            }
        }
        true
    }

    pub(super) fn is_cancelled(&mut self) -> bool {
        self.report.cancelled |= self.verifier.progress.cancelled();
        self.report.cancelled
    }

    fn finish(self) -> VerifyReport {
        let mut report = self.report;
        let files = self.files.into_iter();
        report
            .findings
            .extend(files.map(|(path, what)| Finding::File { path, what }));
        for (key, (what, places)) in self.objects {
            report.findings.push(Finding::Object { key, what, places });
        }
        report
    }
}
