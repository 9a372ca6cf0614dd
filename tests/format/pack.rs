//! A pack and its index, byte by byte, of each version. The frames are raw: what zstd makes of bytes
//! is zstd's to say, and may differ from version to version. The golden stores have compressed ones
//! to read.

use std::fs::File;
use std::path::Path;

use mailvc_store::blob::{Codec, Content, Frame, Group, Help, Part, encode, members};
use mailvc_store::fs::{Fs, OsFs};
use mailvc_store::object::{BlobId, Kind, ObjectKey, PackId};
use mailvc_store::pack::{Found, Idx, PackFile, PackVersion, PackWriter, Place, Row};

use crate::{lines, pinned, same};

/// The versions of which there is a golden file, and its name.
const FILES: [(PackVersion, &str); 1] = [(PackVersion::V1, "pack.txt")];
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

/// A pack's bytes, its id, and the bytes of its index.
fn made(version: PackVersion) -> [(&'static str, Vec<u8>); 3] {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pack");
    let file = OsFs.create_new(&path).expect("new");
    let mut writer = PackWriter::new(file, version).expect("disk");
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
    // Not that this pack holds it: so a row of parts is pinned too.
    let long = ObjectKey::new(Kind::Blob, [5; 32]);
    let row = Row {
        frame: 8,
        place: Place::Parts,
        size: TOTAL,
    };
    rows.push((long, row));
    let pack = std::fs::read(&path).expect("there");
    let idx = Idx::build(id, version, rows);
    [
        ("pack", pack),
        ("pack id", id.as_bytes().to_vec()),
        ("idx", idx),
    ]
}

#[test]
fn a_pack_and_its_index_have_the_bytes_that_they_had() {
    for (version, file) in FILES {
        for (name, bytes) in made(version) {
            same(file, name, &bytes);
        }
    }
}

/// How the golden file of the newest version is made, once; then it goes into [`FILES`].
///
///     cargo test -p mailvc-tests --test format -- --ignored a_golden_pack_is_made
///     cp target/tmp/packN.txt tests/format/golden/
#[test]
#[ignore = "it makes a pack of the present version, once"]
fn a_golden_pack_is_made() {
    let version = PackVersion::NEWEST;
    let mut text =
        "# A pack of raw frames, its id, and its index. See pack.rs for what is in them.\n"
            .to_owned();
    for (name, bytes) in made(version) {
        text.push_str(&format!("{name}:{}\n", lines(&bytes)));
    }
    let name = format!("pack{}.txt", version as u8);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_pack_is_read_as_it_was() {
    for (version, file) in FILES {
        assert_pack_reads(version, file);
    }
}

fn assert_pack_reads(version: PackVersion, file: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pack");
    std::fs::write(&path, pinned(file, "pack")).expect("written");
    let pack = PackFile::new(File::open(&path).expect("there")).expect("a file");
    assert_eq!(pack.version().expect("readable"), version);
    let id = pack.check_id().expect("readable").expect("a trailer");
    assert!(id.1);
    assert_eq!(pinned(file, "pack id"), id.0.as_bytes());
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
    for (version, file) in FILES {
        let id = pinned(file, "pack id");
        let id = PackId::new(*id.first_chunk().expect("an id"));
        let idx = Idx::from_bytes(pinned(file, "idx"), id).expect("sound");
        assert_eq!(idx.version(), version);
        assert_eq!((idx.count(Kind::Blob), idx.count(Kind::Tree)), (3, 1));
        let one = idx.find(ObjectKey::of(Kind::Blob, b"one")).expect("found");
        let place = Place::At(5);
        let (frame, size) = (8, 3);
        assert_eq!(one, Some(Row { frame, place, size }));
        let long = idx.find(ObjectKey::new(Kind::Blob, [5; 32]));
        let row = long.expect("found").expect("there");
        assert_eq!((row.place, row.size), (Place::Parts, TOTAL));
    }
}
