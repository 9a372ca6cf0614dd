//! Frames from one store to another.

use super::*;

fn frames_for(odb: &PackedOdb, wanted: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let ids: Vec<_> = wanted.iter().map(|it| BlobId::of(it)).collect();
    let mut frames = Vec::new();
    let sent = odb.frames_for(&ids, &mut |frame| {
        frames.push(frame.to_vec());
        Ok(())
    });
    sent.expect("stored");
    frames
}

#[test]
fn what_is_sent_arrives_with_its_day_all_of_it_or_a_part() {
    let (from, to) = (Home::new(), Home::new());
    let mut messages = odd_messages();
    messages.extend((100..900).map(message));
    let source = from.open();
    from.add(&source, &messages);
    let some: Vec<_> = messages.iter().step_by(7).cloned().collect();
    for wanted in [&some, &messages] {
        let target = to.open();
        let receiving = target.receive().expect("disk");
        let mut arrived = Vec::new();
        for frame in frames_for(&source, wanted) {
            arrived.extend(receiving.add_frame(&frame).expect("whole"));
        }
        for message in wanted {
            let key = BlobId::of(message).into();
            let found = arrived.iter().find(|it| it.key == key).expect("sent");
            assert_eq!(found.size, message.len() as u64);
            assert_eq!(found.day, Some(crate::mime::day(message)));
            assert!(receiving.read(key).expect("received") == *message);
            assert!(!target.contains(key).expect("readable") || wanted.len() > some.len());
        }
        receiving.finish().expect("disk").expect("new");
        assert_reads(&to.open(), wanted);
    }
}

#[test]
fn whole_packs_go_as_they_lie_there_and_single_messages_alone() {
    let home = Home::new();
    let messages: Vec<_> = (0..2000).map(message).collect();
    let odb = home.open();
    let pack = home.add(&odb, &messages);
    let on_disk = fs::metadata(home.pack_file(pack)).expect("there").len();
    let length = |frames: &[Vec<u8>]| frames.iter().map(|it| it.len() as u64).sum::<u64>();
    let all = length(&frames_for(&odb, &messages));
    assert!(all <= on_disk, "{all} of {on_disk}");
    let one = length(&frames_for(&odb, &messages[50..51]));
    assert!(one < 1000, "{one}");
}

#[test]
fn a_peer_cannot_send_what_must_not_come_this_way() {
    let (from, to) = (Home::new(), Home::new());
    let source = from.open();
    let messages: Vec<_> = (0..500).map(message).collect();
    from.add(&source, &messages);
    let target = to.open();
    let receiving = target.receive().expect("disk");
    let refused = |frame: &[u8]| {
        assert!(receiving.add_frame(frame).is_err());
    };
    let frames = frames_for(&source, &messages);
    refused(&frames[1]); // its dictionary did not come
    refused(&frames[0][..40]);
    refused(b"");
    let group = |kind, bytes: &[u8], codec, help: Help<'_>| {
        let mut group = Group::new();
        group.push(kind, bytes);
        encode(&Content::Group, codec, &group.finish().0, help)
    };
    refused(&group(Kind::Tree, b"MVT1", Codec::Raw, Help::None));
    let poses = [0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6, 7];
    refused(&group(Kind::Dictionary, &poses, Codec::Raw, Help::None));
    let node = noise(900, 1);
    let bases = vec![ObjectKey::of(Kind::Tree, &node)];
    let linked = |bases: &[ObjectKey]| Codec::Linked {
        weight: 2,
        bases: bases.iter().map(|&base| base.into()).collect(),
        links: Vec::new(),
    };
    for codec in [linked(&bases), Codec::Prefix { weight: 2, bases }] {
        refused(&group(Kind::Blob, &node, codec, Help::Prefix(&node)));
    }
    let much = [7; 900];
    refused(&group(Kind::Blob, &much, linked(&[]), Help::Prefix(&[])));
    // What was refused leaves the rest as it should be.
    receiving.add_frame(&frames[0]).expect("a dictionary");
    receiving.add_frame(&frames[1]).expect("with it");
    receiving.finish().expect("disk").expect("new");
}

#[test]
fn a_long_message_that_lies_or_lacks_a_part_is_never_there() {
    let (from, to) = (Home::new(), Home::new());
    let long = noise(3 * PART_LEN + 5, 9);
    let source = from.open();
    from.add(&source, std::slice::from_ref(&long));
    let parts = frames_for(&source, std::slice::from_ref(&long));
    assert_eq!(parts.len(), 4);
    let target = to.open();
    let receiving = target.receive().expect("disk");
    for order in [vec![1], vec![0, 2], vec![0, 1, 3], vec![0, 0, 2]] {
        let taken = order
            .iter()
            .map(|&at: &usize| receiving.add_frame(&parts[at]));
        let taken: Result<Vec<_>, _> = taken.collect();
        assert!(taken.is_err(), "{order:?}");
        assert!(!receiving.contains(BlobId::of(&long).into()).expect("own"));
    }
    let frame = crate::blob::Frame::parse(&parts[3]).expect("whole");
    let lie = encode(&frame.content, Codec::Raw, &[0; 5], Help::None);
    for part in &parts[..3] {
        assert!(receiving.add_frame(part).expect("in order").is_empty());
    }
    assert!(receiving.add_frame(&lie).is_err());
    for part in &parts {
        receiving.add_frame(part).expect("in order");
    }
    assert!(receiving.read(BlobId::of(&long).into()).expect("whole") == long);
    let pack = receiving.finish().expect("disk").expect("new");
    fs::remove_file(to.store().join("packs").join(idx_name(pack))).expect("there");
    assert_reads(&to.open(), &[long]);
}

#[test]
fn frames_taken_together_are_what_they_are_one_by_one() {
    let from = Home::new();
    let source = from.open();
    let mut messages: Vec<_> = (0..900).map(message).collect();
    messages.push(noise(2 * PART_LEN + 9, 3));
    messages.extend((900..1400).map(message));
    from.add(&source, &messages);
    let frames = frames_for(&source, &messages);
    assert!(frames.len() > 5, "a dictionary, groups and parts");
    let take = |many: bool| {
        let to = Home::new();
        let target = to.open();
        let receiving = target.receive().expect("disk");
        let arrived = if many {
            receiving.add_frames(&frames).expect("whole")
        } else {
            let one = |frame: &Vec<u8>| receiving.add_frame(frame).expect("whole");
            frames.iter().flat_map(one).collect()
        };
        let pack = receiving.finish().expect("disk").expect("new");
        assert_reads(&to.open(), &messages);
        (arrived, pack)
    };
    assert_eq!(take(true), take(false));
}

#[test]
fn of_frames_taken_together_a_bad_one_is_refused_and_those_before_it_stay() {
    let (from, to) = (Home::new(), Home::new());
    let source = from.open();
    let messages: Vec<_> = (0..3000).map(message).collect();
    from.add(&source, &messages);
    let mut frames = frames_for(&source, &messages);
    let target = to.open();
    let receiving = target.receive().expect("disk");
    let last = frames.len() - 1;
    assert!(last >= 2, "a dictionary and two groups");
    frames[last][60] ^= 1;
    assert!(receiving.add_frames(&frames).is_err());
    assert!(receiving.add_frames(&[b"x".to_vec()]).is_err());
    let there = |it: &&Vec<u8>| receiving.contains(BlobId::of(it).into()).expect("own");
    let count = messages.iter().filter(there).count();
    assert!(count > 0 && count < messages.len(), "{count}");
    frames[last][60] ^= 1;
    receiving.add_frames(&frames[last..]).expect("whole");
    receiving.finish().expect("disk").expect("new");
    assert_reads(&to.open(), &messages);
}
