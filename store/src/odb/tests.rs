//! The database over real packs in a directory of the test's own.

#![allow(clippy::disallowed_methods)] // tests damage files behind the store's back

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::blob::{Codec, Content, Group, Help, MAX_WEIGHT, PART_LEN, encode};
use crate::fs::{Fs, OsFs};
use crate::object::PackId;
use crate::pack::{Idx, PackWriter, Place, Row, idx_name, pack_name};
use crate::progress::NoProgress;

/// A message of a file in a directory.
struct Source(PathBuf);

impl BlobSource for Source {
    fn open(&self) -> io::Result<File> {
        File::open(&self.0)
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn open(&self) -> PackedOdb {
        PackedOdb::open(Arc::new(OsFs), &self.store()).expect("a store")
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn pack_file(&self, id: PackId) -> PathBuf {
        self.store().join("packs").join(pack_name(id))
    }

    fn sources(&self, messages: &[Vec<u8>]) -> Vec<Source> {
        let dir = self.0.path().join("mail");
        fs::create_dir_all(&dir).expect("disk");
        let source = |(at, message): (usize, &Vec<u8>)| {
            let path = dir.join(at.to_string());
            fs::write(&path, message).expect("disk");
            Source(path)
        };
        messages.iter().enumerate().map(source).collect()
    }

    fn add(&self, odb: &PackedOdb, messages: &[Vec<u8>]) -> PackId {
        let batch = odb.batch().expect("disk");
        let sources = self.sources(messages);
        let added = batch.add_blobs(&sources, &NoProgress).expect("disk");
        for (added, message) in added.into_iter().zip(messages) {
            assert_eq!(added.expect("there").id, BlobId::of(message));
        }
        batch.finish().expect("disk").expect("something new")
    }
}

fn message(n: usize) -> Vec<u8> {
    let day = n % 28 + 1;
    let id = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let lines = (0..n % 40).map(|line| format!("line {line} of what {id} wrote to {}\n", id % 89));
    let head = format!(
        "Received: from mx.example.org (mx.example.org [192.0.2.{}])\nDate: {day} Mar 2024 10:00:00 +0000\nMessage-ID: <{id}@example.org>\nSubject: note {n}\n\n",
        n % 250,
    );
    [head, lines.collect()].concat().into_bytes()
}

/// Bytes that no compressor shortens.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn assert_reads(odb: &dyn ObjectRead, messages: &[Vec<u8>]) {
    for message in messages {
        let id = BlobId::of(message);
        assert!(odb.contains(id.into()).expect("readable"));
        assert!(odb.read(id.into()).expect("stored") == *message);
        let mut out = Vec::new();
        let len = odb.read_blob(id, &mut out).expect("stored");
        assert!(out == *message && len == message.len() as u64);
    }
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// Short, empty and long messages, around every boundary.
fn odd_messages() -> Vec<Vec<u8>> {
    let lengths = [0, 1, 65_535, 65_537, PART_LEN - 1, PART_LEN, PART_LEN + 1];
    let mut all: Vec<_> = lengths.iter().map(|&len| noise(len, 1)).collect();
    all.push([message(3), noise(3 * PART_LEN + 17, 2)].concat());
    all.extend((0..50).map(message));
    all
}

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
fn a_pack_of_another_process_is_seen() {
    let home = Home::new();
    let (here, there) = (home.open(), home.open());
    home.add(&there, &[message(1)]);
    assert_reads(&here, &[message(1)]);
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
fn an_index_that_is_lost_or_damaged_is_made_again_as_it_was() {
    let home = Home::new();
    let messages: Vec<_> = odd_messages();
    let pack = home.add(&home.open(), &messages);
    let idx = home.store().join("packs").join(idx_name(pack));
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
fn a_large_index_that_is_damaged_hides_nothing() {
    let home = Home::new();
    let messages: Vec<_> = (0..1500).map(message).collect();
    let pack = home.add(&home.open(), &messages);
    let idx = home.store().join("packs").join(idx_name(pack));
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
    let lie = Idx::build(pack, keys.iter().copied().zip(rows).collect());
    fs::write(home.store().join("packs").join(idx_name(pack)), lie).expect("disk");
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
fn versions_of_a_node_are_stored_as_differences_and_rest_on_few_others() {
    let home = Home::new();
    let odb = home.open();
    let mut node = noise(6000, 3);
    let (mut base, mut versions) = (None, Vec::new());
    for version in 0..60_usize {
        node[version * 90..][..8].copy_from_slice(&version.to_le_bytes());
        let batch = odb.batch().expect("disk");
        let key = batch.write_delta(Kind::Tree, &node, base).expect("disk");
        batch.finish().expect("disk");
        versions.push((key, node.clone()));
        base = Some(key);
    }
    let fresh = home.open();
    for (key, bytes) in versions.iter().rev() {
        assert!(fresh.read(*key).expect("stored") == *bytes);
    }
    let packs = odb.packs().expect("readable");
    let lengths = packs.iter().map(|&id| fs::metadata(home.pack_file(id)));
    let total: u64 = lengths.map(|it| it.expect("there").len()).sum();
    let whole = 60 / u64::from(MAX_WEIGHT) + 1;
    assert!(total < whole * 6200 + 60 * 300, "{total}");
    for id in packs {
        fs::remove_file(home.store().join("packs").join(idx_name(id))).expect("there");
    }
    assert!(home.open().read(versions[59].0).is_ok());
}

#[test]
fn bases_that_rest_on_each_other_end_in_an_error() {
    let home = Home::new();
    let (one, two) = (noise(500, 1), noise(500, 2));
    let [a, b] = [&one, &two].map(|it| ObjectKey::of(Kind::Tree, it));
    let path = home.0.path().join("pack");
    let mut writer = PackWriter::new(OsFs.create_new(&path).expect("new")).expect("disk");
    let mut rows = Vec::new();
    for (key, bytes, base, base_bytes) in [(a, &one, b, &two), (b, &two, a, &one)] {
        let mut group = Group::new();
        group.push(Kind::Tree, &[bytes.as_slice(), base_bytes].concat());
        let (plain, members) = group.finish();
        let bases = vec![base];
        let codec = Codec::Prefix { weight: 2, bases };
        let frame = encode(&Content::Group, codec, &plain, Help::Prefix(base_bytes));
        let frame = writer.append(&frame).expect("disk");
        let place = Place::At(members[0].start as u32);
        let size = bytes.len() as u64;
        rows.push((key, Row { frame, place, size }));
    }
    let id = writer.finish().expect("disk");
    let packs = home.store().join("packs");
    fs::create_dir_all(&packs).expect("disk");
    fs::rename(&path, packs.join(pack_name(id))).expect("disk");
    fs::write(packs.join(idx_name(id)), Idx::build(id, rows)).expect("disk");
    assert!(matches!(home.open().read(a), Err(OdbError::Damaged { .. })));
}

/// Two runs at once store the same nodes: one has the second upon the first, the other the first
/// upon the second.
#[test]
fn nodes_that_two_runs_stored_upon_each_other_are_read_where_they_are_whole() {
    let (home, other) = (Home::new(), Home::new());
    let mut nodes = Vec::new();
    for seed in 0..16 {
        let one = noise(3000, seed);
        let two = [one.as_slice(), b"changed"].concat();
        for (home, [first, then]) in [(&home, [&one, &two]), (&other, [&two, &one])] {
            let odb = home.open();
            let mut base = None;
            for node in [first, then] {
                let batch = odb.batch().expect("disk");
                base = Some(batch.write_delta(Kind::Tree, node, base).expect("disk"));
                batch.finish().expect("disk");
            }
        }
        nodes.extend([one, two]);
    }
    let packs = |home: &Home| home.store().join("packs");
    for entry in fs::read_dir(packs(&other)).expect("there") {
        let entry = entry.expect("there");
        fs::copy(entry.path(), packs(&home).join(entry.file_name())).expect("copied");
    }
    for node in &nodes {
        let key = ObjectKey::of(Kind::Tree, node);
        assert!(home.open().read(key).expect("stored") == *node);
    }
}

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
    let codec = Codec::Prefix { weight: 2, bases };
    refused(&group(Kind::Blob, &node, codec, Help::Prefix(&node)));
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
