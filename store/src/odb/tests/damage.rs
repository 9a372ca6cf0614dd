//! What a damaged pack still gives, and how it is found out.

use super::*;

#[test]
fn damage_is_named_and_contained_and_mended() {
    let home = Home::new();
    let messages: Vec<_> = (0..300).map(message).collect();
    let pack = home.add(&home.open(), &messages);
    let path = home.pack_file(pack);
    let mut bytes = fs::read(&path).expect("there");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("disk");

    let odb = home.open();
    let lost = |odb: &PackedOdb| {
        let ids = messages.iter().map(|it| BlobId::of(it));
        let lost = ids.filter(|&id| odb.read(id.into()).is_err());
        lost.map(ObjectKey::from).collect::<Vec<_>>()
    };
    let mut lost_at_first = lost(&odb);
    lost_at_first.sort_unstable();
    assert!(!lost_at_first.is_empty() && lost_at_first.len() < 300);
    assert!(matches!(
        odb.read(lost_at_first[0]),
        Err(OdbError::Damaged { key, .. }) if key == lost_at_first[0]
    ));
    let mut found = Vec::new();
    let done = odb.verify_pack(pack, true, &mut |damage| found.push(damage));
    done.expect("readable");
    assert_eq!(found.len(), 2, "the pack's id and the frame: {found:?}");
    assert_eq!(found[1].keys, lost_at_first);

    let batch = odb.batch().expect("disk");
    for message in &messages {
        if lost_at_first.contains(&BlobId::of(message).into()) {
            batch.write_again(Kind::Blob, message).expect("disk");
        }
    }
    batch.finish().expect("disk").expect("new");
    assert_eq!(lost(&odb), []);
}

#[test]
fn a_whole_pack_verifies_without_a_word() {
    let home = Home::new();
    let odb = home.open();
    let pack = home.add(&odb, &odd_messages());
    let mut silent = |damage: Damage| panic!("{damage:?}");
    odb.verify_pack(pack, true, &mut silent).expect("readable");
}

/// Its id is right, as whoever made it knew how to hash; its end is that of the other version.
#[test]
fn a_pack_that_ends_as_another_version_is_told_of_as_damaged() {
    let home = Home::new();
    let messages: Vec<_> = (0..30).map(message).collect();
    let pack = home.add(&home.open(), &messages);
    let mut bytes = fs::read(home.pack_file(pack)).expect("there");
    fs::remove_file(home.pack_file(pack)).expect("there");
    let end = bytes.len() - 32;
    bytes[end - 16 + 7] = PackVersion::V1 as u8;
    let id = PackId::new(*blake3::hash(&bytes[..end]).as_bytes());
    bytes[end..].copy_from_slice(id.as_bytes());
    fs::write(home.pack_file(id), bytes).expect("disk");

    let odb = home.open();
    let mut found = Vec::new();
    let done = odb.verify_pack(id, true, &mut |damage| found.push(damage));
    done.expect("readable");
    let what: Vec<_> = found.iter().map(|damage| damage.what).collect();
    assert_eq!(what, ["the pack does not end as it starts"]);
    assert_reads(&odb, &messages);
}
