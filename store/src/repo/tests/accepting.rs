//! What a peer sends is taken in only if its makers signed it and are trusted, and merges only if
//! they are what their parents make; no peer sets a line back, its own neither.

use super::*;
use crate::object::{Snapshot, SnapshotKind};

/// What becomes of all that `other` has, with `tip` for its line.
fn offer(device: &Device, other: &Device, tip: SnapshotId) -> Result<Accepted, RepoError> {
    device.try_fetch(other, tip, true)
}

/// Puts another snapshot in the place of the newest; the ids of both.
fn forge(device: &Device, change: impl FnOnce(&mut Snapshot)) -> SnapshotId {
    let repo = device.repo();
    let mut snapshot = repo.snapshot(device.local()).expect("read");
    change(&mut snapshot);
    let batch = repo.odb().batch().expect("a pack");
    let key = batch.write(Kind::Snapshot, &snapshot.encode());
    let id = SnapshotId::new(key.expect("written").hash);
    batch.finish().expect("finished");
    id
}

fn remote(device: &Device, other: &Device) -> Option<SnapshotId> {
    let name = RefName::Remote(other.name.to_owned());
    device.repo().refs().read(&name).expect("read")
}

/// A peer whose store was restored from an old backup: its line is where it was long ago.
#[test]
fn a_line_that_was_set_back_is_ignored() {
    let (a, b) = two(&["one"]);
    b.put("", "cur/b:2,", "from b");
    let old = a.local();
    b.snapshot();
    let tip = a.fetch(&b);
    let accepted = offer(&a, &b, old).expect("accepted");
    assert!(accepted.rewound && !accepted.moved, "{accepted:?}");
    assert_eq!(remote(&a, &b), Some(tip));
}

/// A peer whose store was restored, and that went on from there: both lines are kept, one in the
/// log.
#[test]
fn a_line_that_forked_is_told_and_the_earlier_one_is_kept() {
    let (a, b) = two(&["one"]);
    let old = b.local();
    b.put("", "cur/b:2,", "from b");
    b.snapshot();
    let first = a.fetch(&b);
    b.repo()
        .move_local(Some(first), old, "a test", "restored")
        .expect("moved");
    fs::remove_file(b.store().join("index.redb")).expect("lost");
    b.put("", "cur/c:2,", "later");
    let second = b.snapshot().id.expect("recorded");
    assert_ne!(first, second);
    let accepted = offer(&a, &b, second).expect("accepted");
    assert!(accepted.forked && accepted.moved, "{accepted:?}");
    let name = RefName::Remote(b.name.to_owned());
    let log = a.repo().refs().log(&name).expect("read");
    assert_eq!(log[0].old, Some(first));
    assert!(a.repo().snapshot(first).is_ok());
}

#[test]
fn a_merge_that_its_parents_do_not_make_is_refused() {
    let (a, b) = two(&["one", "two"]);
    a.put("", "cur/a:2,", "from a");
    b.put("", "cur/b:2,", "from b");
    b.pull(&a);
    // As an attacker would have it who wants mail gone: the merge lacks what both have.
    let empty = b.repo().snapshot(b.local()).expect("read").parents[0];
    let empty = b.repo().snapshot(empty).expect("read");
    let forged = forge(&b, |snapshot| {
        assert_eq!(snapshot.kind, SnapshotKind::Merge);
        (snapshot.folders, snapshot.sums) = (empty.folders, empty.sums);
    });
    let refused = offer(&a, &b, forged).expect_err("refused");
    assert!(
        matches!(refused, RepoError::WrongMerge(id) if id == forged),
        "{refused}"
    );
    assert_eq!(remote(&a, &b), None);
}

#[test]
fn a_snapshot_without_its_makers_signature_is_refused() {
    let (a, b) = two(&["one"]);
    b.put("", "cur/b:2,", "from b");
    b.snapshot();
    // The signature of the true one comes with it, under the name of this one.
    let true_one = b.local();
    let forged = forge(&b, |snapshot| snapshot.time.0 += 1);
    let bytes = b.repo().signatures(true_one).expect("read").remove(0);
    let bytes = [forged.as_bytes().as_slice(), &bytes[32..]].concat();
    let mut refused = Vec::new();
    for signatures in [Vec::new(), vec![(forged, bytes)]] {
        let ended = a.accept_from(&b, forged, true, |received| {
            received.signatures.retain(|(id, _)| *id != forged);
            received.signatures.extend(signatures);
        });
        refused.push(ended.expect_err("refused"));
    }
    let bad = |error: &RepoError| matches!(error, RepoError::BadSignature(id) if *id == forged);
    assert!(refused.iter().all(bad), "{refused:?}");
    assert_eq!(remote(&a, &b), None);
}

#[test]
fn a_snapshot_by_somebody_who_is_not_trusted_is_refused() {
    let (a, b) = (Device::new("a"), Device::new("b"));
    b.put("", "cur/b:2,", "from b");
    b.snapshot();
    let refused = a.try_fetch(&b, b.local(), false).expect_err("refused");
    assert!(
        matches!(refused, RepoError::UnknownSigner { .. }),
        "{refused}"
    );
    assert!(a.repo().odb().ids(Kind::Blob).expect("ids").is_empty());
}

#[test]
fn a_snapshot_that_a_revoked_device_made_since_is_refused() {
    let (a, b) = two(&["one"]);
    b.put("", "cur/b:2,", "from b");
    b.snapshot();
    let repo = a.repo();
    let mut trust = repo.trust().expect("read");
    trust.revoke(
        b.repo().device_id().expect("an id"),
        repo.local().expect("read"),
    );
    trust.save(&OsFs, repo.layout()).expect("saved");
    let refused = offer(&a, &b, b.local()).expect_err("refused");
    assert!(matches!(refused, RepoError::Revoked { .. }), "{refused}");
    assert_eq!(remote(&a, &b), None);
}

/// Marks stand behind a device's name in `trusted`, and what a peer is called it says itself.
#[test]
fn a_peer_cannot_give_itself_a_mark_by_its_name() {
    let (a, b) = (Device::new("a"), Device::new("b"));
    let key = b.repo().device_key().expect("a key").public_key().clone();
    let id = b.repo().device_id().expect("an id");
    let repo = a.repo();
    for name in [
        "b approve",
        " approve introduce",
        "b\tapprove",
        "b\napprove",
    ] {
        assert!(repo.meet(&key, name, &request()).expect("met"));
        let trust = repo.trust().expect("read");
        let met = trust.device(id).expect("trusted");
        assert!(!met.approve && !met.introduce, "{name:?}");
        assert_eq!(met.name, id.short());
        fs::remove_file(repo.layout().trusted()).expect("forgotten");
    }
}

/// A history that comes in parts: what came is kept, and whom it is by; the peer's line is not
/// where a part of it ends.
#[test]
fn a_part_of_a_line_is_kept_and_moves_no_ref() {
    let (a, b) = (Device::new("a"), Device::new("b"));
    b.put("", "cur/b:2,", "from b");
    b.snapshot();
    let part = b.local();
    b.put("", "cur/c:2,", "later");
    b.snapshot();
    let accepted = a.accept_from(&b, part, true, |received| received.is_part = true);
    let accepted = accepted.expect("accepted");
    assert!(
        !accepted.moved && accepted.introduced.len() == 1,
        "{accepted:?}"
    );
    assert_eq!(remote(&a, &b), None);
    assert!(a.repo().odb().contains(part.into()).expect("looked up"));
    let met = accepted.introduced.iter().map(|device| device.id);
    let trust = a.repo().trust().expect("read");
    assert!(met.into_iter().all(|id| trust.device(id).is_some()));
    let tip = b.local();
    assert!(offer(&a, &b, tip).expect("accepted").moved);
    assert_eq!(remote(&a, &b), Some(tip));
}
