//! Checking a whole store: what it holds, whose work that is, and its settings.

use crate::maintain::{Finding, Verifier, VerifyReport};
use crate::merge;
use crate::object::{DeviceId, Snapshot, SnapshotId, SnapshotKind};
use crate::odb::{ObjectRead, Overlay};
use crate::progress::Progress;
use crate::sign;

use super::accept::{SIGNATURE_HEAD, stored_signature};
use super::{RepoError, Repository, Trust};

impl Repository {
    /// Looks at everything that is stored and tells what is not as it should be. With `full`
    /// every object is decompressed and hashed, and every merge is made again. Takes no lock,
    /// and changes nothing but indexes of packs that are lost or damaged.
    pub fn verify(&self, full: bool, progress: &dyn Progress) -> Result<VerifyReport, RepoError> {
        let mut findings = Vec::new();
        let trust = match self.trust() {
            Ok(trust) => Some(trust),
            Err(error) => {
                findings.push(file(self.layout().trusted(), &error));
                None
            }
        };
        if let Err(error) = self.device_key() {
            findings.push(file(self.layout().device_key(), &error));
        }
        let verifier = Verifier {
            odb: self.odb(),
            refs: self.refs(),
            full,
            progress,
        };
        let making = Making {
            odb: self.odb(),
            trust: trust.as_ref(),
            full,
        };
        let mut report = verifier.verify(&mut |id, snapshot| making.judge(id, snapshot));
        report.findings.append(&mut findings);
        Ok(report)
    }
}

fn file(path: std::path::PathBuf, error: &RepoError) -> Finding {
    let what = error.to_string();
    Finding::File { path, what }
}

/// Whether snapshots were made by whom they say, and merges as the rules say.
struct Making<'a> {
    odb: &'a dyn ObjectRead,
    /// None if it cannot be read: then nobody can be asked for.
    trust: Option<&'a Trust>,
    full: bool,
}

impl Making<'_> {
    fn judge(&self, id: SnapshotId, snapshot: &Snapshot) -> Option<String> {
        if snapshot.kind == SnapshotKind::Merge {
            return self.judge_merge(id, snapshot);
        }
        let Some(device) = snapshot.device else {
            return Some("it names no device".to_owned());
        };
        let known = |trust: &Trust| trust.device(device).is_some() || trust.is_revoked(device);
        if !self.trust.is_none_or(known) {
            return Some(format!("device {device} made it, which is not known here"));
        }
        self.judge_signature(id, snapshot, device)
    }

    /// A revoked device's key is not kept: that it is the one of the id, which is its hash, is
    /// proof enough.
    fn judge_signature(
        &self,
        id: SnapshotId,
        snapshot: &Snapshot,
        device: DeviceId,
    ) -> Option<String> {
        let bytes = match stored_signature(self.odb, id, device) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Some(format!("the signature of device {device} is not stored")),
            Err(error) => return Some(error.to_string()),
        };
        let sshsig = bytes.get(SIGNATURE_HEAD..).unwrap_or_default();
        let held = sign::signer(sshsig).and_then(|key| {
            let its_own = DeviceId::of_public_key(&key.wire_bytes()) == device;
            sign::verify(&key, &snapshot.encode(), sshsig).map(|()| its_own)
        });
        match held {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "another key than that of device {device} signed it"
            )),
            Err(error) => Some(error.to_string()),
        }
    }

    /// A merge is what its parents make, or is vouched for by somebody trusted: its base may be
    /// gone, or its rules be those of another version.
    fn judge_merge(&self, id: SnapshotId, snapshot: &Snapshot) -> Option<String> {
        let signed = self.trust.is_some_and(|trust| {
            let mut devices = trust.devices().map(|device| device.id);
            devices.any(|device| self.judge_signature(id, snapshot, device).is_none())
        });
        if signed && !self.full {
            return None;
        }
        match merge::recompute(&Overlay::new(self.odb), snapshot) {
            Ok(made) if made == id => None,
            _ if signed => None,
            Ok(_) => Some("it is not the merge of its parents".to_owned()),
            Err(error) => Some(format!("its merge cannot be made again: {error}")),
        }
    }
}
