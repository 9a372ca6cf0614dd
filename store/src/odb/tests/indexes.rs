//! How packs and what is in them are found.

use super::*;

#[test]
fn a_pack_of_another_process_is_seen() {
    let home = Home::new();
    let (here, there) = (home.open(), home.open());
    home.add(&there, &[message(1)]);
    assert_reads(&here, &[message(1)]);
}

#[test]
fn an_index_that_is_lost_or_damaged_is_made_again_as_it_was() {
    let home = Home::new();
    let messages: Vec<_> = odd_messages();
    let pack = home.add(&home.open(), &messages);
    let idx = home.idx_file(pack);
    let whole = fs::read(&idx).expect("there");
    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    for bytes in [
        None,
        Some(damaged),
        Some(whole[..100].to_vec()),
        Some(vec![]),
    ] {
        fs::remove_file(&idx).expect("there");
        if let Some(bytes) = bytes {
            fs::write(&idx, bytes).expect("disk");
        }
        assert_reads(&home.open(), &messages);
        assert!(fs::read(&idx).expect("made again") == whole);
    }
}

#[test]
fn packs_and_indexes_are_of_the_version_that_is_written() {
    for version in PackVersion::ALL {
        let home = Home::new();
        let odb = home.open_writing(version);
        let pack = home.add(&odb, &odd_messages());
        let file = fs::read(home.pack_file(pack)).expect("there");
        let idx = fs::read(home.idx_file(pack)).expect("there");
        assert_eq!([file[7], idx[7]], [version as u8; 2]);
        // Who writes another version reads them.
        for other in PackVersion::ALL {
            assert_reads(&home.open_writing(other), &odd_messages());
        }
        assert!(fs::read(home.idx_file(pack)).expect("there") == idx);
    }
}

/// It says the same; but who made it knows less, or more, than who made the pack.
#[test]
fn an_index_of_another_version_than_its_pack_is_made_again() {
    for (own, other) in [
        (PackVersion::V2, PackVersion::V1),
        (PackVersion::V1, PackVersion::V2),
    ] {
        let home = Home::new();
        let odb = home.open_writing(own);
        let pack = home.add(&odb, &odd_messages());
        let idx = home.idx_file(pack);
        let whole = fs::read(&idx).expect("there");
        let set = odb.current();
        let mut rows = Vec::new();
        let each = &mut |hash, row| {
            rows.push((ObjectKey::new(Kind::Blob, hash), row));
            true
        };
        let read = set.packs[0].idx.each(Kind::Blob, &[0; 32], each);
        read.expect("readable");
        fs::write(&idx, Idx::build(pack, other, rows)).expect("disk");
        assert_reads(&home.open_writing(own), &odd_messages());
        assert!(fs::read(&idx).expect("made again") == whole);
    }
}

#[test]
fn a_large_index_that_is_damaged_hides_nothing() {
    let home = Home::new();
    let messages: Vec<_> = (0..2000).map(message).collect();
    let pack = home.add(&home.open(), &messages);
    let idx = home.idx_file(pack);
    let mut bytes = fs::read(&idx).expect("there");
    assert!(bytes.len() > 64 << 10, "one that is not kept in memory");
    // The hash of some row: the object would seem not to be stored.
    let at = bytes.len() / 2;
    bytes[at..at + 64].fill(0);
    fs::write(&idx, bytes).expect("disk");
    assert_reads_all(&home.open(), &messages);
}

/// An index that is whole, and says of each message that it lies where another one does.
#[test]
fn an_index_that_points_elsewhere_is_believed_of_nothing() {
    let home = Home::new();
    let messages: Vec<_> = (1..5).map(|n| noise(700, n)).collect();
    let odb = home.open();
    let pack = home.add(&odb, &messages);
    let keys: Vec<ObjectKey> = messages.iter().map(|it| BlobId::of(it).into()).collect();
    let set = odb.current();
    let row = |key: &ObjectKey| odb.find(&set.packs[0], *key).expect("read").expect("there");
    let mut rows: Vec<Row> = keys.iter().map(row).collect();
    rows.rotate_left(1);
    let lie = Idx::build(pack, NEWEST, keys.iter().copied().zip(rows).collect());
    fs::write(home.idx_file(pack), lie).expect("disk");
    let odb = home.open();
    for key in keys {
        let read = odb.read(key);
        assert!(
            matches!(read, Err(OdbError::Damaged { key: named, .. }) if named == key),
            "{read:?}"
        );
    }
}

fn assert_reads_all(odb: &dyn ObjectRead, messages: &[Vec<u8>]) {
    for message in messages {
        let read = odb.read(BlobId::of(message).into());
        assert!(read.expect("stored") == *message);
    }
}

#[test]
fn an_abbreviation_is_resolved_across_packs() {
    let home = Home::new();
    let odb = home.open();
    for n in 0..5 {
        home.add(&odb, &[message(n)]);
    }
    let id = BlobId::of(&message(3));
    let prefix = id.to_string()[..12].parse().expect("digits");
    assert_eq!(
        odb.resolve(Kind::Blob, &prefix).expect("readable"),
        [*id.as_bytes()]
    );
    assert!(
        odb.resolve(Kind::Tree, &prefix)
            .expect("readable")
            .is_empty()
    );
}
