//! What runs that were killed left behind.

use super::*;

#[test]
fn a_sweep_saves_what_a_killed_run_had_received_and_leaves_the_living_alone() {
    let (from, to) = (Home::new(), Home::new());
    let messages: Vec<_> = (0..700).map(message).collect();
    let source = from.open();
    let pack = from.add(&source, &messages);
    let bytes = fs::read(from.pack_file(pack)).expect("there");
    let incoming = to.store().join("incoming");
    let (received, written) = (incoming.join("1-a"), incoming.join("1-b"));
    for (dir, name) in [(&received, "received"), (&written, "pack")] {
        fs::create_dir_all(dir).expect("disk");
        fs::write(dir.join("lock"), b"").expect("disk");
        fs::write(dir.join(name), &bytes[..bytes.len() * 2 / 3]).expect("disk");
    }
    let target = to.open();
    let alive = target.batch().expect("disk");
    alive
        .write(Kind::Blob, &noise(PART_LEN + 1, 1))
        .expect("disk");
    let swept = target.sweep().expect("disk");
    assert_eq!(swept.runs, 2);
    assert!(swept.saved > 100 && swept.saved < 701, "{swept:?}");
    let ids = target.ids(Kind::Blob).expect("readable");
    assert_eq!(ids.len() as u64 + 1, swept.saved, "and a dictionary");
    assert_eq!(entries(&incoming), 1);
    alive.finish().expect("disk").expect("new");
    assert_eq!(entries(&incoming), 0);
    assert_eq!(target.sweep().expect("disk"), Swept::default());
}

#[test]
fn an_index_without_its_pack_goes_and_a_pack_without_its_index_gets_one() {
    let home = Home::new();
    let odb = home.open();
    let (one, two) = (home.add(&odb, &[message(1)]), home.add(&odb, &[message(2)]));
    let idx = |id| home.store().join("packs").join(idx_name(id));
    fs::remove_file(home.pack_file(one)).expect("there");
    fs::remove_file(idx(two)).expect("there");
    // Nor does what is left say that it has what it has not.
    assert_reads(&home.open(), &[message(2)]);
    let lost = BlobId::of(&message(1));
    assert!(!home.open().contains(lost.into()).expect("readable"));
    home.open().sweep().expect("disk");
    assert!(!idx(one).exists() && idx(two).exists());
    assert_reads(&home.open(), &[message(2)]);
}
