//! What lies in a store beside packs.

use std::sync::Arc;

use mailvc_store::fs::OsFs;
use mailvc_store::refs::{RefName, RefStore};
use mailvc_store::repo::{Applying, Config, Device, StoreLayout, Trust};

use super::disk::{holding, put};

/// Settings that were read and written are the same settings.
pub(super) fn config(bytes: &[u8]) {
    let dir = holding("config", bytes);
    let path = dir.path().join("config");
    if let Ok(config) = Config::load(&OsFs, &path) {
        config.save(&OsFs, &path).expect("written");
        assert_eq!(Config::load(&OsFs, &path).expect("our own"), config);
        let _ = config.guard.limits();
    }
}

pub(super) fn applying(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.len().checked_sub(32) {
        let sum = blake3::hash(&bytes[..at]);
        bytes[at..].copy_from_slice(sum.as_bytes());
    }
    if let Ok(record) = Applying::decode(&bytes) {
        assert_eq!(record.encode(), bytes);
    }
}

/// A log of any lines, their checks made right.
pub(super) fn reflog(bytes: &[u8]) {
    let mut log = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let end = line.iter().rposition(|&byte| byte == b'\t');
        let body = &line[..end.unwrap_or(line.len())];
        let sum = blake3::hash(body).to_hex();
        log.extend_from_slice(&[body, b"\t", &sum.as_bytes()[..8], b"\n"].concat());
    }
    let dir = holding("log/local", &log);
    let refs = RefStore::open(Arc::new(OsFs), dir.path());
    let records = refs.log(&RefName::Local).expect("readable");
    assert!(records.len() <= log.split(|&byte| byte == b'\n').count());
    for record in records {
        assert!(!record.who.contains('\n') && !record.why.contains('\n'));
    }
}

/// `trusted`, then `revoked` behind a NUL: who is trusted, and who no more, stays so when both are
/// written again.
pub(super) fn trusted(bytes: &[u8]) {
    let (trusted, revoked) = match bytes.iter().position(|&byte| byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let dir = holding("trusted", trusted);
    put(&dir.path().join("revoked"), revoked);
    let layout = StoreLayout::new(dir.path());
    let Ok(trust) = Trust::load(&OsFs, &layout) else {
        return;
    };
    trust.save(&OsFs, &layout).expect("written");
    let again = Trust::load(&OsFs, &layout).expect("our own");
    let devices = |trust: &Trust| trust.devices().cloned().collect::<Vec<Device>>();
    assert_eq!(devices(&again), devices(&trust));
    assert!(again.revoked().eq(trust.revoked()));
}
