//! A pack and its index, byte by byte, of each version. What zstd makes of bytes is zstd's to say, and
//! may differ from version to version: the frames are raw, and one with links, which cannot be, holds
//! what zstd need not compress. The golden stores have compressed ones to read.

use std::fs::File;
use std::path::Path;

use mailvc_store::blob::{
    Codec, Content, Frame, Group, HEADER_LEN, Help, Link, Member, Part, Sealed, encode,
    encode_linked, members,
};
use mailvc_store::fs::{Fs, OsFs};
use mailvc_store::object::{BlobId, Kind, ObjectKey, PackId};
use mailvc_store::pack::{Found, Idx, PackFile, PackVersion, PackWriter, Place, Row};

use crate::{lines, pinned, same};

/// The versions of which there is a golden file, and its name.
const FILES: [(PackVersion, &str); 2] = [
    (PackVersion::V1, "pack.txt"),
    (PackVersion::V2, "pack2.txt"),
];
const TOTAL: u64 = (1 << 20) + 5;
const MAP: &[u8] = b"MVF1\0\0";
const NODE: &[u8] = b"MVT1\0\0";

/// An object, where it starts in its group, and its length.
type Placed = (ObjectKey, u32, u64);

/// Objects in a group.
fn grouped(objects: &[(Kind, &[u8])]) -> (Sealed, Vec<Member>, Vec<ObjectKey>) {
    let mut group = Group::new();
    for (kind, bytes) in objects {
        group.push(*kind, bytes);
    }
    let keys = objects.iter().map(|(kind, it)| ObjectKey::of(*kind, it));
    let (plain, members) = group.finish();
    (plain, members, keys.collect())
}

fn placed(keys: Vec<ObjectKey>, members: &[Member]) -> Vec<Placed> {
    let row = |(key, it): (ObjectKey, &Member)| (key, it.start as u32, it.len as u64);
    keys.into_iter().zip(members).map(row).collect()
}

/// A group of two messages, one of a folder map and a node, and the last part of a long message; in
/// version 2 also a group with links.
fn frames(version: PackVersion) -> Vec<(Vec<u8>, Vec<Placed>)> {
    let mut frames = Vec::new();
    for objects in [
        [(Kind::Blob, &b"one"[..]), (Kind::Blob, b"")],
        [(Kind::FolderMap, MAP), (Kind::Tree, NODE)],
    ] {
        let (plain, members, keys) = grouped(&objects);
        let frame = encode(&Content::Group, Codec::Raw, &plain, Help::None);
        frames.push((frame, placed(keys, &members)));
    }
    let part = Part {
        blob: BlobId::new([5; 32]),
        offset: 1 << 20,
        total: TOTAL,
    };
    let frame = encode(&Content::Part(part), Codec::Raw, b"\nend\n", Help::None);
    frames.push((frame, Vec::new()));
    if version > PackVersion::V1 {
        frames.push(linked());
    }
    frames
}

/// A leaf, a branch that names it, and what names both.
fn family() -> [(Kind, Vec<u8>); 3] {
    let leaf = (Kind::Tree, b"a leaf".to_vec());
    let one = ObjectKey::of(leaf.0, &leaf.1).hash;
    let branch = (Kind::Tree, [b"a branch ", &one[..], b"."].concat());
    let two = ObjectKey::of(branch.0, &branch.1).hash;
    let map = (Kind::FolderMap, [one, two, one].concat());
    [leaf, branch, map]
}

/// The family without the ids that it names, upon both objects of the second frame.
fn linked() -> (Vec<u8>, Vec<Placed>) {
    let family = family();
    let objects = family.each_ref().map(|(kind, bytes)| (*kind, &**bytes));
    let (plain, members, keys) = grouped(&objects);
    let bases = [
        ObjectKey::of(Kind::FolderMap, MAP),
        ObjectKey::of(Kind::Tree, NODE),
    ];
    let upon = (2, &bases[..], &[MAP, NODE].concat()[..]);
    let frame = encode_linked((&plain, &members), &keys, upon);
    let short = [&plain[..members[0].start], b"a leaf", b"a branch ", b"."].concat();
    (
        with_stored(&frame, &one_block(&short)),
        placed(keys, &members),
    )
}

/// A zstd frame of a few bytes as they are, in one block.
fn one_block(bytes: &[u8]) -> Vec<u8> {
    let len = bytes.len() as u8;
    // Of one segment, with its length in a byte; the last block, and raw.
    let [low, high] = (1 | u16::from(len) << 3).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, len, low, high, 0], bytes].concat()
}

/// A frame with other stored bytes.
fn with_stored(frame: &[u8], stored: &[u8]) -> Vec<u8> {
    let fields = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
    let mut bytes = [&frame[..HEADER_LEN + fields], stored].concat();
    bytes[12..16].copy_from_slice(&(stored.len() as u32).to_le_bytes());
    let sum = blake3::hash(&[&bytes[4..16], &bytes[HEADER_LEN..]].concat());
    bytes[16..HEADER_LEN].copy_from_slice(&sum.as_bytes()[..16]);
    bytes
}

/// A pack's bytes, its id, and the bytes of its index.
fn made(version: PackVersion) -> [(&'static str, Vec<u8>); 3] {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pack");
    let file = OsFs.create_new(&path).expect("new");
    let mut writer = PackWriter::new(file, version).expect("disk");
    let mut rows = Vec::new();
    for (frame, objects) in frames(version) {
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
    let mut text = "# A pack, its id, and its index. See pack.rs for what is in them.\n".to_owned();
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
    let messages = [(Kind::Blob, b"one".to_vec()), (Kind::Blob, Vec::new())];
    let first = found.next().expect("the first");
    assert_eq!(objects(&first, Help::None), messages);
    let second = objects(&found.next().expect("the second"), Help::None);
    assert_eq!(second[1], (Kind::Tree, NODE.to_vec()));
    let part = found.next().expect("the third");
    let part = Frame::parse(&part).expect("a frame");
    assert!(matches!(part.content, Content::Part(it) if it.is_last() && it.total == TOTAL));
    assert_eq!(part.plain(Help::None).expect("raw"), b"\nend\n");
    if version > PackVersion::V1 {
        assert_linked(&found.next().expect("the fourth"));
    }
    assert!(found.next().is_none());
}

fn objects(frame: &[u8], help: Help<'_>) -> Vec<(Kind, Vec<u8>)> {
    let frame = Frame::parse(frame).expect("a frame");
    assert_eq!(frame.content, Content::Group);
    let plain = frame.plain(help).expect("whole");
    let members = members(&plain).expect("a group");
    let object = |it: &Member| (it.kind, plain[it.start..it.start + it.len].to_vec());
    members.iter().map(object).collect()
}

fn assert_linked(frame: &[u8]) {
    let Codec::Linked {
        weight,
        bases,
        links,
    } = Frame::parse(frame).expect("a frame").codec
    else {
        panic!("no links");
    };
    let kinds: Vec<_> = bases.iter().map(|base| base.kind).collect();
    assert_eq!((weight, kinds), (2, vec![Kind::FolderMap, Kind::Tree]));
    // The directory has 7 bytes.
    let expected = [(7 + 6 + 9, 0), (1, 0), (0, 1), (0, 0)];
    assert_eq!(links, expected.map(|(gap, member)| Link { gap, member }));
    let prefix = [MAP, NODE].concat();
    assert_eq!(objects(frame, Help::Prefix(&prefix)), family());
}

#[test]
fn an_index_is_read_as_it_was() {
    for (version, file) in FILES {
        let id = pinned(file, "pack id");
        let id = PackId::new(*id.first_chunk().expect("an id"));
        let idx = Idx::from_bytes(pinned(file, "idx"), id).expect("sound");
        assert_eq!(idx.version(), version);
        let nodes = if version > PackVersion::V1 { 3 } else { 1 };
        assert_eq!((idx.count(Kind::Blob), idx.count(Kind::Tree)), (3, nodes));
        let one = idx.find(ObjectKey::of(Kind::Blob, b"one")).expect("found");
        let place = Place::At(5);
        let (frame, size) = (8, 3);
        assert_eq!(one, Some(Row { frame, place, size }));
        let long = idx.find(ObjectKey::new(Kind::Blob, [5; 32]));
        let row = long.expect("found").expect("there");
        assert_eq!((row.place, row.size), (Place::Parts, TOTAL));
    }
}
