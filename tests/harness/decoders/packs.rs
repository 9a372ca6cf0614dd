//! Frames, groups, packs and their indexes. No fuzzer finds a BLAKE3 checksum: those that stand
//! over what it wrote are made right first, so that what is behind them is reached.

use std::sync::Arc;

use mailvc_store::blob::{
    Codec, Content, Dictionary, Frame, Group, HEADER_LEN, Help, MAGIC, MAX_MEMBERS, Member, encode,
    encode_linked, frame_len, members,
};
use mailvc_store::fs::OsFs;
use mailvc_store::object::{BlobId, Kind, ObjectKey, PackId};
use mailvc_store::odb::{ObjectRead, PackedOdb};
use mailvc_store::pack::{Idx, PackVersion, Row, pack_name};

use super::disk::{entries, put, scratch};

const PACK: PackId = PackId::new([7; 32]);
const SHARED: &[u8] = b"Received: by mx.example.org; MIME-Version: 1.0\nContent-Type: text/plain\n";

/// Makes a frame's checksum right; the bytes are one frame by its header.
fn seal(frame: &mut [u8]) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&frame[4..16]).update(&frame[HEADER_LEN..]);
    let sum = hasher.finalize();
    frame[16..HEADER_LEN].copy_from_slice(&sum.as_bytes()[..16]);
}

/// The frames that stand in some bytes, by their headers, each with a right checksum; and all of
/// the bytes with these.
fn sealed(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut frames, mut all, mut at) = (Vec::new(), bytes.to_vec(), 0);
    while let Some(header) = all.get(at..).and_then(<[u8]>::first_chunk) {
        match frame_len(header) {
            Ok(len) if at + len <= all.len() => {
                seal(&mut all[at..at + len]);
                frames.push(all[at..at + len].to_vec());
                at += len;
            }
            _ => at += 1,
        }
    }
    (frames, all)
}

/// A frame of these bytes: its magic, the length of what is stored, and the name of a dictionary
/// made right.
fn framed(bytes: &[u8], dictionary: &Dictionary) -> Option<Vec<u8>> {
    let mut frame = bytes.to_vec();
    let header: &mut [u8; HEADER_LEN] = frame.first_chunk_mut()?;
    header[..4].copy_from_slice(&MAGIC);
    let fields = usize::from(u16::from_le_bytes([header[6], header[7]]));
    let stored = bytes.len().checked_sub(HEADER_LEN + fields)?;
    header[12..16].copy_from_slice(&u32::try_from(stored).ok()?.to_le_bytes());
    let end = HEADER_LEN + fields;
    if frame[5] == 2 && fields >= 32 {
        frame[end - 32..end].copy_from_slice(dictionary.hash());
    }
    seal(&mut frame);
    Some(frame)
}

pub(super) fn frame(bytes: &[u8]) {
    let dictionary = Dictionary::new(SHARED.to_vec()).expect("raw content");
    let Some(bytes) = framed(bytes, &dictionary) else {
        return;
    };
    let Ok(frame) = Frame::parse(&bytes) else {
        return;
    };
    let help = match frame.codec {
        Codec::Raw | Codec::Zstd => Help::None,
        Codec::Dictionary(_) => Help::Dictionary(&dictionary),
        Codec::Prefix { .. } | Codec::Linked { .. } => Help::Prefix(SHARED),
    };
    let Ok(plain) = frame.plain(help) else {
        return;
    };
    assert_eq!(plain.len(), frame.plain_len);
    let again = encode(&frame.content, frame.codec.clone(), &plain, help);
    let parsed = Frame::parse(&again).expect("our own");
    assert_eq!(parsed.content, frame.content);
    assert_eq!(parsed.plain(help).as_ref(), Ok(&plain));
    if frame.content == Content::Group {
        group(&plain);
    }
}

/// The objects of a group fill it, and make the same group again; and so do they without the ids
/// that can be left out.
pub(super) fn group(plain: &[u8]) {
    let Ok(members) = members(plain) else {
        return;
    };
    assert!(members.len() <= MAX_MEMBERS);
    let object = |it: &Member| &plain[it.start..it.start + it.len];
    let mut again = Group::new();
    for member in &members {
        again.push(member.kind, object(member));
    }
    let keys = members.iter().map(|it| ObjectKey::of(it.kind, object(it)));
    let keys: Vec<_> = keys.collect();
    let linked = encode_linked((plain, &members), &keys, (1, &[], &[]));
    let linked = Frame::parse(&linked).expect("our own");
    assert_eq!(linked.plain(Help::Prefix(&[])).as_deref(), Ok(plain));
    let (sealed, placed) = again.finish();
    assert_eq!((&*sealed, placed), (plain, members));
}

/// Every object of a store has the id that it is found by, or is no object.
fn assert_whole(odb: &PackedOdb) {
    for kind in Kind::ALL {
        for hash in odb.ids(kind).expect("an index made from the pack") {
            let key = ObjectKey::new(kind, hash);
            if let Ok(bytes) = odb.read(key) {
                assert_eq!(ObjectKey::of(kind, &bytes), key);
            }
            let mut out = Vec::new();
            if kind == Kind::Blob && odb.read_blob(BlobId::new(hash), &mut out).is_ok() {
                assert_eq!(ObjectKey::of(kind, &out), key);
            }
        }
    }
}

/// A store with one pack of these frames, or of what stands there in place of frames.
pub(super) fn pack(bytes: &[u8]) {
    for version in PackVersion::ALL {
        pack_of(version, bytes);
    }
}

fn pack_of(version: PackVersion, bytes: &[u8]) {
    let (frames, all) = sealed(bytes);
    let mut pack = b"MVPACK\0".to_vec();
    pack.push(version as u8);
    pack.extend_from_slice(&all);
    pack.extend_from_slice(b"MVPEND\0");
    pack.push(version as u8);
    pack.extend_from_slice(&(frames.len() as u64).to_le_bytes());
    let id = PackId::new(*blake3::hash(&pack).as_bytes());
    pack.extend_from_slice(id.as_bytes());
    let dir = scratch();
    put(&dir.path().join("packs").join(pack_name(id)), &pack);
    // The second time with the index that the first one made.
    for _ in 0..2 {
        let odb = PackedOdb::open(Arc::new(OsFs), dir.path()).expect("a store");
        assert_whole(&odb);
        odb.verify_pack(id, true, &mut |_| {}).expect("readable");
    }
}

/// Frames as a peer sends them.
pub(super) fn received(bytes: &[u8]) {
    let dir = scratch();
    let odb = PackedOdb::open(Arc::new(OsFs), dir.path()).expect("a store");
    let receiving = odb.receive().expect("a quarantine");
    for frame in sealed(bytes).0 {
        for object in receiving.add_frame(&frame).unwrap_or_default() {
            assert!(matches!(object.key.kind, Kind::Blob | Kind::Dictionary));
            let bytes = receiving.read(object.key).expect("received");
            assert_eq!(ObjectKey::of(object.key.kind, &bytes), object.key);
            assert_eq!(bytes.len() as u64, object.size);
        }
    }
    drop(receiving);
    assert_eq!(entries(&dir.path().join("incoming")), 0);
    assert_eq!(odb.packs().expect("readable"), []);
}

/// The bytes of an index with the pack's name and the checksum made right, as its version has them.
fn sealed_idx(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let len = if bytes.get(7) == Some(&(PackVersion::V1 as u8)) {
        32
    } else {
        16
    };
    if let Some(at) = bytes.len().checked_sub(2 * len) {
        bytes[at..at + len].copy_from_slice(&PACK.as_bytes()[..len]);
        let sum = blake3::hash(&bytes[..at + len]);
        bytes[at + len..].copy_from_slice(&sum.as_bytes()[..len]);
    }
    bytes
}

pub(super) fn idx(bytes: &[u8]) {
    let Ok(idx) = Idx::from_bytes(sealed_idx(bytes), PACK) else {
        return;
    };
    let mut rows: Vec<(ObjectKey, Row)> = Vec::new();
    for kind in Kind::ALL {
        let before = rows.len() as u64;
        let each = &mut |hash, row| {
            rows.push((ObjectKey::new(kind, hash), row));
            true
        };
        let _ = idx.each(kind, &[0; 32], each);
        assert!(rows.len() as u64 - before <= idx.count(kind));
    }
    for (key, _) in &rows {
        let _ = idx.find(*key);
        let _ = idx.find_by_start(key.kind, key.hash.first_chunk().expect("long enough"));
    }
    for version in PackVersion::ALL {
        let again = Idx::build(PACK, version, rows.clone());
        let again = Idx::from_bytes(again, PACK).expect("our own");
        for (key, _) in &rows {
            assert!(again.find(*key).expect("our own").is_some());
        }
    }
}
