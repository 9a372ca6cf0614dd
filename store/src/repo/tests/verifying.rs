use super::*;
use crate::maintain::{Finding, VerifyReport};
use crate::refs::{Expected, LogEntry, RefEdit};

/// A store with a history of merges, checkouts and a message that spans frames of a pack.
fn full() -> Device {
    let (a, b) = two(&["one", "two"]);
    a.put_many("Lists", 0..40);
    fs::write(a.folder("").join("cur/big:2,"), long()).expect("written");
    a.snapshot();
    b.put("", "cur/b:2,", "from b");
    a.pull(&b);
    a.remove("m3");
    a.snapshot();
    a
}

fn long() -> Vec<u8> {
    let mut bytes = message("long").into_bytes();
    let mut state = 1_u64;
    bytes.extend((0..3_000_000).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        48 + (state >> 58) as u8
    }));
    bytes
}

fn verify(repo: &Repository, full: bool) -> VerifyReport {
    repo.verify(full, &NoProgress).expect("verified")
}

#[test]
fn a_sound_store_has_no_findings() {
    let a = full();
    for full in [false, true] {
        let report = verify(&a.repo(), full);
        assert_eq!(report.findings, []);
        assert!(report.packs > 2 && report.snapshots >= 5 && report.messages > 40);
    }
}

#[test]
fn a_store_with_nothing_in_it_is_sound() {
    let a = Device::new("a");
    assert_eq!(verify(&a.repo(), true), VerifyReport::default());
}

#[test]
fn each_flipped_byte_of_a_pack_is_found_and_nothing_panics() {
    let a = full();
    for path in files_in(&a.store().join("packs"), "pack") {
        let whole = fs::read(&path).expect("read");
        let step = (whole.len() / 25).max(1);
        for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, bytes).expect("written");
            let report = verify(&a.repo(), false);
            assert!(!report.findings.is_empty(), "{} at {at}", path.display());
            for finding in &report.findings {
                assert!(!finding.to_string().is_empty());
            }
        }
        fs::write(&path, whole).expect("written");
    }
    assert_eq!(verify(&a.repo(), true).findings, []);
}

#[test]
fn a_damaged_index_of_a_pack_is_mended_or_found() {
    let a = full();
    for path in files_in(&a.store().join("packs"), "idx") {
        let whole = fs::read(&path).expect("read");
        for at in (0..whole.len()).step_by((whole.len() / 40).max(1)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).expect("written");
            let report = verify(&a.repo(), false);
            let mended = fs::read(&path).expect("read") == whole;
            assert!(
                mended || !report.findings.is_empty(),
                "{} at {at}",
                path.display()
            );
            fs::write(&path, &whole).expect("written");
        }
    }
}

#[test]
fn the_mail_that_a_lost_pack_held_is_named() {
    let a = full();
    let lost = BlobId::of(message("m7").as_bytes());
    for path in files_in(&a.store().join("packs"), "pack") {
        let away = path.with_extension("away");
        fs::rename(&path, &away).expect("away");
        let repo = a.repo();
        if !repo.odb().contains(lost.into()).expect("looked up") {
            let report = verify(&repo, false);
            let named = report.findings.iter().any(|finding| {
                matches!(finding, Finding::Object { key, places, .. } if *key == lost.into()
                    && places.iter().any(|place| place.folder.as_ref()
                        .is_some_and(|folder| folder.as_bytes() == b"Lists")))
            });
            // Its tree may be lost with it, and then says of no message that it should be there.
            let tree = report.findings.iter().any(|finding| {
                matches!(finding, Finding::Object { key, places, .. }
                    if key.kind != Kind::Blob && !places.is_empty())
            });
            assert!(named || tree, "{:#?}", report.findings);
        }
        fs::rename(&away, &path).expect("back");
    }
}

#[test]
fn a_damaged_message_is_named_with_its_folder() {
    let a = full();
    let blob = BlobId::of(&long());
    let repo = a.repo();
    let size = repo.odb().blob_size(blob).expect("looked up");
    assert_eq!(size, Some(long().len() as u64));
    // The one pack that is so large holds it.
    let packs = files_in(&a.store().join("packs"), "pack");
    let length = |path: &PathBuf| fs::metadata(path).expect("there").len();
    let path = packs.into_iter().max_by_key(length).expect("a pack");
    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("written");
    let report = verify(&a.repo(), false);
    let local = a.local();
    let named = report.findings.iter().find_map(|finding| match finding {
        Finding::Object { key, places, .. } if *key == blob.into() => Some(places),
        _ => None,
    });
    let places = named.unwrap_or_else(|| panic!("{:#?}", report.findings));
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].snapshot, local);
    assert_eq!(places[0].folder, Some(FolderPath::root()));
}

#[test]
fn a_damaged_ref_and_one_that_leads_nowhere_are_named() {
    let a = full();
    let path = a.store().join("refs/remotes/b");
    let whole = fs::read(&path).expect("read");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("written");
        let report = verify(&a.repo(), false);
        assert!(
            matches!(report.findings.as_slice(), [Finding::Ref { name, .. }] if name == "remotes/b"),
            "at {at}: {:#?}",
            report.findings
        );
    }
}

#[test]
fn flipped_bytes_in_settings_are_named_or_harmless_and_nothing_panics() {
    let a = full();
    for name in ["config", "trusted", "keys/device", "format", "instance"] {
        let path = a.store().join(name);
        let whole = fs::read(&path).expect("read");
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x80;
            fs::write(&path, bytes).expect("written");
            if let Ok(repo) = Repository::open(os(), &a.store()) {
                let report = verify(&repo, false);
                let found = !report.findings.is_empty();
                assert!(found || name == "instance", "{name} at {at}");
            }
        }
        fs::write(&path, whole).expect("written");
    }
}

/// Stores a snapshot that was tampered with, and makes a tag of it.
fn forge(a: &Device, change: impl FnOnce(&mut crate::object::Snapshot)) -> SnapshotId {
    let repo = a.repo();
    let mut snapshot = repo.snapshot(a.local()).expect("read");
    change(&mut snapshot);
    let batch = repo.odb().batch().expect("a pack");
    let key = batch
        .write(Kind::Snapshot, &snapshot.encode())
        .expect("written");
    batch.finish().expect("finished");
    let id = SnapshotId::new(key.hash);
    let edit = RefEdit {
        name: RefName::tag("forged").expect("a name"),
        expected: Expected::Any,
        new: Some(id),
    };
    let entry = LogEntry {
        who: "a test",
        why: "forged",
    };
    repo.refs().update(&[edit], &entry).expect("tagged");
    id
}

#[test]
fn an_unsigned_snapshot_a_false_generation_and_false_counts_are_found() {
    let a = full();
    let id = forge(&a, |snapshot| snapshot.device_name.push('x'));
    let found = verify(&a.repo(), false).findings;
    assert!(matches!(found.as_slice(), [Finding::Snapshot { id: it, .. }] if *it == id));
    let id = forge(&a, |snapshot| snapshot.generation += 1);
    let found = verify(&a.repo(), false).findings;
    assert!(matches!(found.as_slice(), [Finding::Object { key, .. }] if *key == id.into()));
    let id = forge(&a, |snapshot| snapshot.sums.entries += 1);
    let found = verify(&a.repo(), false).findings;
    let about = |finding: &Finding| match finding {
        Finding::Object { key, .. } => *key == id.into(),
        Finding::Snapshot { id: it, .. } => *it == id,
        _ => false,
    };
    assert!(found.len() == 2 && found.iter().all(about), "{found:#?}");
}

#[test]
fn a_merge_that_is_not_one_is_found() {
    let (a, b) = two(&["one", "two"]);
    a.put("", "cur/a:2,", "from a");
    b.put("", "cur/b:2,", "from b");
    a.pull(&b);
    let id = forge(&a, |snapshot| snapshot.time.0 += 1);
    let found = verify(&a.repo(), false).findings;
    assert!(
        matches!(found.as_slice(), [Finding::Snapshot { id: it, .. }] if *it == id),
        "{found:#?}"
    );
}

#[test]
fn what_a_revoked_device_made_before_is_still_sound() {
    let (a, b) = two(&["one"]);
    b.put("", "cur/b:2,", "from b");
    a.pull(&b);
    let repo = a.repo();
    let mut trust = repo.trust().expect("read");
    trust.revoke(
        b.repo().device_id().expect("an id"),
        repo.local().expect("read"),
    );
    trust.save(&OsFs, repo.layout()).expect("saved");
    assert_eq!(verify(&a.repo(), true).findings, []);
}

fn files_in(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    paths
}
