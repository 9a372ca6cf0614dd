//! A pack and its index, byte by byte. Its frames are raw: what zstd makes of bytes is zstd's to
//! say, and may differ from version to version. The golden store has compressed ones to read.

use std::fs::File;

use mailvc_store::blob::{Codec, Content, Frame, Group, Help, Part, encode, members};
use mailvc_store::fs::{Fs, OsFs};
use mailvc_store::object::{BlobId, Kind, ObjectKey, PackId};
use mailvc_store::pack::{Found, Idx, PackFile, PackWriter, Place, Row};

use crate::{pinned, same};

const FILE: &str = "pack.txt";
const TOTAL: u64 = (1 << 20) + 5;

/// An object, where it starts in its group, and its length.
type Placed = (ObjectKey, u32, u64);

/// A group of two messages, one of a folder map, and the last part of a long message.
fn frames() -> Vec<(Vec<u8>, Vec<Placed>)> {
    let mut frames = Vec::new();
    for objects in [
        vec![(Kind::Blob, &b"one"[..]), (Kind::Blob, b"")],
        vec![(Kind::FolderMap, b"MVF1\0\0"), (Kind::Tree, b"MVT1\0\0")],
    ] {
        let mut group = Group::new();
        for (kind, bytes) in &objects {
            group.push(*kind, bytes);
        }
        let (plain, placed) = group.finish();
        let rows = objects.iter().zip(placed).map(|((kind, bytes), member)| {
            let key = ObjectKey::of(*kind, bytes);
            (key, member.start as u32, member.len as u64)
        });
        let rows = rows.collect();
        frames.push((
            encode(&Content::Group, Codec::Raw, &plain, Help::None),
            rows,
        ));
    }
    let part = Part {
        blob: BlobId::new([5; 32]),
        offset: 1 << 20,
        total: TOTAL,
    };
    let frame = encode(&Content::Part(part), Codec::Raw, b"\nend\n", Help::None);
    frames.push((frame, Vec::new()));
    frames
}

#[test]
fn a_pack_and_its_index_have_the_bytes_that_they_had() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pack");
    let mut writer = PackWriter::new(OsFs.create_new(&path).expect("new")).expect("disk");
    let mut rows = Vec::new();
    for (frame, objects) in frames() {
        let at = writer.append(&frame).expect("disk");
        rows.extend(objects.into_iter().map(|(key, start, size)| {
            let place = Place::At(start);
            let frame = at;
            (key, Row { frame, place, size })
        }));
    }
    let id = writer.finish().expect("disk");
    same(FILE, "pack", &std::fs::read(&path).expect("there"));
    same(FILE, "pack id", id.as_bytes());
    // Not that this pack holds it: so a row of parts is pinned too.
    let long = ObjectKey::new(Kind::Blob, [5; 32]);
    rows.push((
        long,
        Row {
            frame: 8,
            place: Place::Parts,
            size: TOTAL,
        },
    ));
    same(FILE, "idx", &Idx::build(id, rows));
}

#[test]
fn a_pack_is_read_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pack");
    std::fs::write(&path, pinned(FILE, "pack")).expect("written");
    let pack = PackFile::new(File::open(&path).expect("there")).expect("a file");
    let id = pack.check_id().expect("readable").expect("a trailer");
    assert!(id.1);
    assert_eq!(pinned(FILE, "pack id"), id.0.as_bytes());
    let mut found = pack.scan().map(|it| match it.expect("readable") {
        Found::Frame { bytes, .. } => bytes,
        Found::Damage { offset, .. } => panic!("damage at {offset}"),
    });
    let group = |bytes: &[u8]| {
        let frame = Frame::parse(bytes).expect("a frame");
        assert_eq!(frame.content, Content::Group);
        let plain = frame.plain(Help::None).expect("raw");
        let members = members(&plain).expect("a group");
        let object = |start: usize, len| plain[start..start + len].to_vec();
        let objects = members.iter().map(|it| (it.kind, object(it.start, it.len)));
        objects.collect::<Vec<_>>()
    };
    let messages = [(Kind::Blob, b"one".to_vec()), (Kind::Blob, Vec::new())];
    assert_eq!(group(&found.next().expect("the first")), messages);
    let second = group(&found.next().expect("the second"));
    assert_eq!(second[1], (Kind::Tree, b"MVT1\0\0".to_vec()));
    let part = found.next().expect("the third");
    let part = Frame::parse(&part).expect("a frame");
    assert!(matches!(part.content, Content::Part(it) if it.is_last() && it.total == TOTAL));
    assert_eq!(part.plain(Help::None).expect("raw"), b"\nend\n");
    assert!(found.next().is_none());
}

#[test]
fn an_index_is_read_as_it_was() {
    let id = pinned(FILE, "pack id");
    let id = PackId::new(*id.first_chunk().expect("an id"));
    let idx = Idx::from_bytes(pinned(FILE, "idx"), id).expect("sound");
    assert_eq!((idx.count(Kind::Blob), idx.count(Kind::Tree)), (3, 1));
    let one = idx.find(ObjectKey::of(Kind::Blob, b"one")).expect("found");
    let place = Place::At(5);
    let (frame, size) = (8, 3);
    assert_eq!(one, Some(Row { frame, place, size }));
    let long = idx.find(ObjectKey::new(Kind::Blob, [5; 32]));
    let row = long.expect("found").expect("there");
    assert_eq!((row.place, row.size), (Place::Parts, TOTAL));
}
