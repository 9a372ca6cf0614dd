//! `key renew`.

use mailvc_store::object::DeviceId;
use mailvc_tests::fault_fs::FaultFs;

use crate::cut::{Command, Done, cut_off_everywhere};
use crate::mail::{first, second};
use crate::stores::{init, lock_request, locked, mail, open, snapshot, store};

/// Gives the device as it was.
fn prepare(disk: &FaultFs) -> DeviceId {
    init(disk.shared(), disk.root(), "a").expect("a store");
    first(&mail(disk));
    snapshot(disk).expect("recorded");
    second(&mail(disk));
    open(disk).expect("opened").device_id().expect("an id")
}

/// The store has a key at any time, and what it signs counts.
fn renew(disk: &FaultFs, old: DeviceId) -> Done {
    let mut repo = open(disk)?;
    repo.renew_key()?;
    let new = repo.device_id()?;
    assert_ne!(new, old);
    assert!(repo.trust()?.device(old).is_some());
    known(disk)?;
    snapshot(disk)?;
    Ok(())
}

/// This device is one of those whose snapshots count, and its two files are halves of one key.
fn known(disk: &FaultFs) -> Done {
    let repo = open(disk)?;
    let id = repo.device_id()?;
    let trust = repo.trust()?;
    let device = trust.device(id).expect("a device that is trusted");
    let public = std::fs::read_to_string(store(disk).join("keys/device.pub")).expect("read");
    assert!(public.starts_with(&device.key.to_openssh()), "{public}");
    Ok(())
}

#[test]
fn a_key_may_be_renewed_and_cut_off_anywhere() {
    cut_off_everywhere(&Command {
        name: "key renew",
        prepare,
        act: |disk: &FaultFs, old: &DeviceId| renew(disk, *old),
        again: |disk: &FaultFs, _: &DeviceId, at: &str| {
            let repo = open(disk).expect("opened");
            repo.device_id().unwrap_or_else(|e| panic!("{at}: {e}"));
            true
        },
    });
}

#[test]
fn whatever_command_follows_a_renewal_that_was_cut_off_works() {
    cut_off_everywhere(&Command {
        name: "key renew, then another",
        prepare,
        act: |disk: &FaultFs, old: &DeviceId| renew(disk, *old),
        again: |disk: &FaultFs, _: &DeviceId, at: &str| {
            let repo = open(disk).expect("opened");
            locked(&repo, |_, _| Ok(())).unwrap_or_else(|e| panic!("{at}: {e}"));
            drop(repo.lock(&lock_request()).expect("locked"));
            known(disk).unwrap_or_else(|e| panic!("{at}: {e}"));
            false
        },
    });
}
