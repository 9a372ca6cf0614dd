#![allow(clippy::disallowed_methods)]

use super::*;
use crate::pack::PackVersion::V2;

const PACK: PackId = PackId::new([7; 32]);
const COUNTS: [u64; 7] = [0, 1, 2, 16, 17, 300, 5000];

type Rows = Vec<(ObjectKey, Row)>;

/// Objects of two kinds, a third of them in parts.
fn rows(count: u64) -> Rows {
    let row = |n: u64| {
        let kind = if n.is_multiple_of(5) {
            Kind::Tree
        } else {
            Kind::Blob
        };
        let place = if n.is_multiple_of(3) {
            Place::Parts
        } else {
            Place::At(n as u32)
        };
        let row = Row {
            frame: n * 100,
            place,
            size: n + 1,
        };
        (ObjectKey::of(kind, &n.to_le_bytes()), row)
    };
    (0..count).map(row).collect()
}

/// Rows that differ in nothing but their places; one more lies in parts.
fn placed(frame: u64, places: &[u32], size: u64) -> Rows {
    let places = places.iter().map(|&at| Place::At(at));
    let row = |(n, place): (u64, Place)| {
        let row = Row { frame, place, size };
        (ObjectKey::of(Kind::Blob, &n.to_le_bytes()), row)
    };
    (0..).zip(places.chain([Place::Parts])).map(row).collect()
}

fn in_file(bytes: &[u8]) -> Idx {
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("disk");
    // Small ones would be taken into memory.
    Idx::new(Source::File(file), bytes.len() as u64, PACK).expect("our own")
}

/// The index of these rows: each version, in memory and in a file.
fn indexes(rows: &Rows) -> impl Iterator<Item = Idx> {
    PackVersion::ALL.into_iter().flat_map(|version| {
        let bytes = Idx::build(PACK, version, rows.clone());
        let file = in_file(&bytes);
        let memory = Idx::from_bytes(bytes, PACK).expect("our own");
        assert_eq!([file.version(), memory.version()], [version; 2]);
        [file, memory]
    })
}

fn assert_finds(idx: &Idx, rows: &[(ObjectKey, Row)]) {
    assert!(idx.check().expect("readable"));
    for (key, row) in rows {
        assert_eq!(idx.find(*key).expect("readable"), Some(*row));
        let start = key.hash.first_chunk().expect("long enough");
        let found = idx.find_by_start(key.kind, start).expect("readable");
        assert_eq!(found, Some((key.hash, *row)));
    }
}

#[test]
fn every_object_is_found_and_no_other() {
    for count in COUNTS {
        for idx in indexes(&rows(count)) {
            assert_finds(&idx, &rows(count));
            for kind in Kind::ALL {
                let own = rows(count).into_iter().filter(|(key, _)| key.kind == kind);
                assert_eq!(idx.count(kind), own.count() as u64);
            }
            for (key, _) in rows(count) {
                let other = ObjectKey::new(Kind::Snapshot, key.hash);
                assert_eq!(idx.find(other).expect("readable"), None);
            }
            for n in count..count + 100 {
                let key = ObjectKey::of(Kind::Blob, &n.to_le_bytes());
                assert_eq!(idx.find(key).expect("readable"), None);
                let start = key.hash.first_chunk().expect("long enough");
                let found = idx.find_by_start(Kind::Blob, start);
                assert_eq!(found.expect("readable"), None);
            }
        }
    }
}

#[test]
fn of_two_ids_that_start_alike_the_first_is_found_by_their_start() {
    let row = |frame| Row {
        frame,
        place: Place::At(0),
        size: 1,
    };
    let mut two = rows(1000);
    for last in [9, 3] {
        let mut hash = [4; 32];
        hash[31] = last;
        two.push((ObjectKey::new(Kind::Blob, hash), row(u64::from(last))));
    }
    for idx in indexes(&two) {
        assert_finds(&idx, &two[..1000]);
        for (key, row) in &two[1000..] {
            assert_eq!(idx.find(*key).expect("readable"), Some(*row));
        }
        let start = &[4; 16];
        let found = idx.find_by_start(Kind::Blob, start).expect("readable");
        assert_eq!(found, Some((two[1001].0.hash, row(3))));
        let other = idx.find_by_start(Kind::Tree, start).expect("readable");
        assert_eq!(other, None);
    }
}

#[test]
fn objects_of_a_kind_come_in_order_from_any_hash_on() {
    for idx in indexes(&rows(3000)) {
        let all = rows(3000).into_iter().map(|(key, _)| key);
        let mut trees: Vec<_> = all
            .filter(|key| key.kind == Kind::Tree)
            .map(|key| key.hash)
            .collect();
        trees.sort_unstable();
        for at in [0, 1, trees.len() / 2, trees.len() - 1] {
            let mut seen = Vec::new();
            idx.each(Kind::Tree, &trees[at], &mut |hash, _| {
                seen.push(hash);
                true
            })
            .expect("readable");
            assert_eq!(seen, trees[at..]);
        }
    }
}

/// What the rows of version 2 take besides their ids.
fn widths(rows: &Rows) -> [u8; 3] {
    let bytes = Idx::build(PACK, V2, rows.clone());
    let idx = Idx::from_bytes(bytes.clone(), PACK).expect("our own");
    assert_finds(&idx, rows);
    assert_finds(&in_file(&bytes), rows);
    [bytes[8], bytes[9], bytes[10]]
}

#[test]
fn numbers_are_as_wide_as_the_highest_of_them() {
    assert_eq!(widths(&rows(0)), [1, 1, 1]);
    for (highest, bytes) in [
        (0, 1),
        (255, 1),
        (256, 2),
        (65_535, 2),
        (65_536, 3),
        (u64::from(u32::MAX), 4),
        (u64::from(u32::MAX) + 1, 5),
        ((1 << 56) - 1, 7),
        (1 << 56, 8),
        (u64::MAX, 8),
    ] {
        assert_eq!(widths(&placed(highest, &[0], 7)), [bytes, 1, 1]);
        assert_eq!(widths(&placed(7, &[0], highest)), [1, 1, bytes]);
    }
}

#[test]
fn no_place_within_a_frame_is_taken_for_parts() {
    for (highest, bytes) in [
        (0, 1),
        (254, 1),
        (255, 2),
        (256, 2),
        (65_534, 2),
        (65_535, 3),
        ((1 << 24) - 2, 3),
        ((1 << 24) - 1, 4),
        (u32::MAX - 1, 4),
    ] {
        assert_eq!(widths(&placed(1, &[3, highest], 1)), [1, bytes, 1]);
    }
}

#[test]
fn few_rows_have_no_fan_out_in_version_2_and_take_no_more_than_they_must() {
    // A header of 17 bytes with these counts, ids and three bytes, halves of two hashes.
    let length = |count| {
        let row = |n: u64| {
            let row = Row {
                frame: 8,
                place: Place::At(5),
                size: 100,
            };
            (ObjectKey::of(Kind::Blob, &n.to_le_bytes()), row)
        };
        Idx::build(PACK, V2, (0..count).map(row).collect()).len()
    };
    assert_eq!(length(0), 17 + 32);
    assert_eq!(length(16), 17 + 16 * 35 + 32);
    assert_eq!(length(17), 17 + 3 * 4 + 17 * 35 + 32);
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    for version in PackVersion::ALL {
        let bytes = Idx::build(PACK, version, rows(40));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(Idx::from_bytes(changed, PACK).is_err(), "byte {at}");
            assert!(
                Idx::from_bytes(bytes[..at].to_vec(), PACK).is_err(),
                "cut at {at}"
            );
        }
    }
}

#[test]
fn the_index_of_another_pack_or_of_no_known_version_is_refused() {
    for version in PackVersion::ALL {
        let mut bytes = Idx::build(PACK, version, rows(40));
        for at in [0, 15] {
            let mut other = *PACK.as_bytes();
            other[at] ^= 1;
            assert!(Idx::from_bytes(bytes.clone(), PackId::new(other)).is_err());
        }
        bytes[7] = 3;
        let refused = Idx::from_bytes(bytes, PACK);
        assert!(matches!(refused, Err(IdxError::Damaged("magic"))));
    }
}

#[test]
fn widths_that_cannot_be_are_refused() {
    for (at, most) in [(8, 8), (9, 4), (10, 8)] {
        for width in [0, most + 1, 255] {
            let mut bytes = Idx::build(PACK, V2, rows(3));
            bytes[at] = width;
            let refused = Idx::from_bytes(bytes, PACK);
            assert!(matches!(refused, Err(IdxError::Damaged("width"))));
        }
    }
}
