//! What is stored comes back, once and whole.

use super::*;

#[test]
fn messages_come_back_whatever_their_length() {
    let home = Home::new();
    let messages = odd_messages();
    let odb = home.open();
    home.add(&odb, &messages);
    assert_reads(&odb, &messages);
    assert_reads(&home.open(), &messages);
    let long = BlobId::of(&messages[7]);
    let size = odb.blob_size(long).expect("readable");
    assert_eq!(size, Some(messages[7].len() as u64));
    assert_eq!(entries(&home.store().join("incoming")), 0);
}

#[test]
fn results_are_in_the_order_of_the_sources_and_a_vanished_one_harms_no_other() {
    let home = Home::new();
    let messages: Vec<_> = (0..300).map(message).collect();
    let mut sources = home.sources(&messages);
    sources[7].0 = home.0.path().join("gone");
    let odb = home.open();
    let batch = odb.batch().expect("disk");
    let added = batch.add_blobs(&sources, &NoProgress).expect("disk");
    for (at, (added, message)) in added.iter().zip(&messages).enumerate() {
        match added {
            Ok(it) => {
                assert_eq!(it.id, BlobId::of(message));
                assert_eq!(it.size, message.len() as u64);
                assert_eq!(it.day, crate::mime::day(message));
            }
            Err(error) => assert!(at == 7 && error.kind() == io::ErrorKind::NotFound),
        }
    }
    assert!(
        batch
            .contains(BlobId::of(&messages[9]).into())
            .expect("own")
    );
    assert!(
        !odb.contains(BlobId::of(&messages[9]).into())
            .expect("readable")
    );
    batch.finish().expect("disk").expect("new");
    assert!(
        odb.contains(BlobId::of(&messages[9]).into())
            .expect("readable")
    );
}

#[test]
fn what_is_stored_is_not_stored_again() {
    let home = Home::new();
    let messages: Vec<_> = (0..20).chain(0..20).map(message).collect();
    let odb = home.open();
    home.add(&odb, &messages);
    let ids = odb.ids(Kind::Blob).expect("readable");
    assert_eq!(ids.len(), 20);
    let batch = odb.batch().expect("disk");
    let sources = home.sources(&messages);
    batch.add_blobs(&sources, &NoProgress).expect("disk");
    batch.write(Kind::Blob, &messages[0]).expect("disk");
    assert_eq!(batch.finish().expect("disk"), None);
    assert_eq!(odb.packs().expect("readable").len(), 1);
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let home = Home::new();
    let odb = home.open();
    let batch = odb.batch().expect("disk");
    let sources = home.sources(&[message(1)]);
    batch.add_blobs(&sources, &NoProgress).expect("disk");
    assert_eq!(entries(&home.store().join("incoming")), 1);
    drop(batch);
    assert_eq!(entries(&home.store().join("incoming")), 0);
    assert!(odb.packs().expect("readable").is_empty());
}

#[test]
fn many_messages_train_a_dictionary_that_shortens_the_pack() {
    let (few, many) = (Home::new(), Home::new());
    let messages: Vec<_> = (0..2000).map(message).collect();
    let odb = many.open();
    let pack = many.add(&odb, &messages);
    assert_eq!(odb.ids(Kind::Dictionary).expect("readable").len(), 1);
    // Later batches use it too, however small they are.
    many.add(&odb, &[message(5000)]);
    assert_reads(&many.open(), &messages);
    assert_reads(&many.open(), &[message(5000)]);
    assert_eq!(odb.ids(Kind::Dictionary).expect("readable").len(), 1);
    few.add(&few.open(), &messages[..300]);
    assert!(
        few.open()
            .ids(Kind::Dictionary)
            .expect("readable")
            .is_empty()
    );
    // The index is made again from the pack alone, its dictionary within.
    fs::remove_file(many.store().join("packs").join(idx_name(pack))).expect("there");
    assert_reads(&many.open(), &messages);
}

#[test]
fn a_source_that_changes_between_its_readings_is_an_error_and_no_message() {
    let home = Home::new();
    let path = home.0.path().join("long");
    let long = noise(2 * PART_LEN, 4);
    fs::write(&path, &long).expect("disk");
    let odb = home.open();
    let batch = odb.batch().expect("disk");
    let id = BlobId::of(&long);
    let sink = &batch.sink;
    assert!(sink.claim(id.into()).expect("readable"));
    let mut other = long.clone();
    other[PART_LEN + 3] ^= 1;
    let put = sink.put_parts(id, long.len() as u64, &mut other.as_slice());
    assert!(put.expect("disk").is_err());
    let put = sink.put_parts(id, long.len() as u64, &mut &long[..PART_LEN]);
    assert!(put.expect("disk").is_err());
    assert!(!batch.contains(id.into()).expect("own"));
    let added = batch.add_blobs(&[Source(path)], &NoProgress).expect("disk");
    assert!(added[0].is_ok());
    let pack = batch.finish().expect("disk").expect("new");
    assert_reads(&odb, &[long]);
    fs::remove_file(home.store().join("packs").join(idx_name(pack))).expect("there");
    let mut silent = |damage: Damage| panic!("{damage:?}");
    home.open()
        .verify_pack(pack, true, &mut silent)
        .expect("readable");
}

#[test]
fn what_is_added_while_a_checkpoint_is_made_is_stored_once_and_found_all_the_time() {
    let home = Home::new();
    let odb = home.open();
    let batch = odb.batch().expect("disk");
    let messages: Vec<_> = (0..600).map(message).collect();
    let sources = home.sources(&messages);
    std::thread::scope(|scope| {
        let adders = [&sources[..400], &sources[200..]].map(|some| {
            let batch = &batch;
            scope.spawn(move || {
                for part in some.chunks(20) {
                    for added in batch.add_blobs(part, &NoProgress).expect("disk") {
                        let id = added.expect("there").id;
                        let mut bytes = Vec::new();
                        // One that the other thread claimed may not be written yet.
                        if batch.read_blob(id, &mut bytes).is_ok() {
                            assert_eq!(BlobId::of(&bytes), id);
                        }
                        assert!(batch.contains(id.into()).expect("disk"));
                    }
                }
            })
        });
        while adders.iter().any(|it| !it.is_finished()) {
            batch.checkpoint().expect("disk");
        }
    });
    batch.finish().expect("disk");
    let odb = home.open();
    let stored: u64 = odb
        .shapes()
        .expect("disk")
        .iter()
        .map(|it| it.messages)
        .sum();
    assert_eq!(stored, 600);
    for message in &messages {
        assert_eq!(
            odb.read(BlobId::of(message).into()).expect("there"),
            *message
        );
    }
}
