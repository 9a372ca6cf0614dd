//! Stores of older formats: nobody's older program is locked out of one behind his back.

use super::*;

/// The versions that the packs and indexes of a store tell, at their start and at their end.
fn versions(device: &Device) -> Vec<u8> {
    let mut found = Vec::new();
    for (path, bytes) in tree_of(&device.store().join("packs")) {
        assert!(bytes.starts_with(b"MVPACK\0") || bytes.starts_with(b"MVIDX\0\0"));
        found.push(bytes[7]);
        if path.extension().is_some_and(|it| it == "pack") {
            let end = &bytes[bytes.len() - 48..];
            assert!(end.starts_with(b"MVPEND\0"));
            found.push(end[7]);
        }
    }
    assert!(found.len() >= 3);
    found
}

fn write_to(device: &Device) {
    for day in 0..8 {
        device.put_many("", day * 60..day * 60 + 60);
        device.snapshot();
    }
    let repo = device.repo();
    let packs = repo.odb().packs().expect("listed");
    assert!(packs.len() >= 8);
    let lost = crate::pack::idx_name(packs[0]);
    fs::remove_file(device.store().join("packs").join(lost)).expect("removed");
    drop(repo);
    let how = GcRequest {
        grace: 3600,
        dry_run: false,
    };
    let report = device.repo().gc(&how, &request()).expect("collected");
    assert!(!report.repacked.written.is_empty());
}

#[test]
fn a_store_of_format_1_that_is_written_to_stays_one() {
    let device = Device::new("a");
    let format = device.repo().layout().format();
    fs::write(&format, "mailvc 1\n").expect("written");
    write_to(&device);
    assert_eq!(fs::read(&format).expect("there"), b"mailvc 1\n");
    assert!(versions(&device).iter().all(|version| *version == 1));
    let report = device.repo().verify(true, &NoProgress).expect("verified");
    assert_eq!(report.findings, []);
}

#[test]
fn a_new_store_is_of_the_newest_format_all_through() {
    let device = Device::new("a");
    write_to(&device);
    let format = fs::read(device.repo().layout().format()).expect("there");
    assert_eq!(format, format!("mailvc {FORMAT}\n").as_bytes());
    let newest = PackVersion::NEWEST as u8;
    assert!(versions(&device).iter().all(|version| *version == newest));
}
