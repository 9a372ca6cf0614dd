//! Objects that are stored as differences from others.

use super::*;

#[test]
fn versions_of_a_node_are_stored_as_differences_and_rest_on_few_others() {
    for version in PackVersion::ALL {
        versions_of_a_node(version);
    }
}

fn versions_of_a_node(version: PackVersion) {
    let home = Home::new();
    let odb = home.open_writing(version);
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

/// Nodes of many folders, of which each run changes a few, other ones each time.
#[test]
fn what_one_run_changes_of_many_folders_makes_no_other_node_heavy() {
    const NODE: usize = 2000;
    let home = Home::new();
    let odb = home.open();
    let batch = odb.batch().expect("disk");
    let mut folders: Vec<_> = (0..40)
        .map(|folder| {
            let node = noise(NODE, folder);
            (batch.write(Kind::Tree, &node).expect("disk"), node)
        })
        .collect();
    batch.finish().expect("disk");
    let (runs, changed, count) = (24, 6, folders.len());
    let mut whole = 0;
    for run in 0..runs {
        let batch = odb.batch().expect("disk");
        for at in (0..changed).map(|n| (run * 7 + n * n) % count) {
            let (base, node) = &mut folders[at];
            node[run * 8..][..8].copy_from_slice(&(run * 100 + at).to_le_bytes());
            let key = batch.write_delta(Kind::Tree, node, Some(*base));
            *base = key.expect("disk");
        }
        let pack = batch.finish().expect("disk").expect("something new");
        let len = fs::metadata(home.pack_file(pack)).expect("there").len() as usize;
        whole += len / NODE;
    }
    assert!(whole * 10 < runs * changed, "{whole} stood whole");
    for (key, node) in &folders {
        assert!(home.open().read(*key).expect("stored") == *node);
    }
}

/// Leaves, and a node that names them all.
fn family(home: &Home, version: PackVersion) -> (Vec<(ObjectKey, Vec<u8>)>, PackId) {
    let odb = home.open_writing(version);
    let batch = odb.batch().expect("disk");
    let mut family = Vec::new();
    let mut put = |bytes: Vec<u8>| {
        let key = batch.write(Kind::Tree, &bytes).expect("disk");
        family.push((key, bytes));
        key.hash
    };
    let ids: Vec<_> = (0..40).map(|seed| put(noise(100, seed))).collect();
    put(ids.concat());
    let pack = batch.finish().expect("disk").expect("something new");
    (family, pack)
}

#[test]
fn ids_of_nodes_that_lie_in_the_same_group_take_no_room() {
    let lengths = PackVersion::ALL.map(|version| {
        let home = Home::new();
        let (family, pack) = family(&home, version);
        let idx = fs::read(home.idx_file(pack)).expect("there");
        fs::remove_file(home.idx_file(pack)).expect("there");
        for (key, bytes) in family {
            assert!(home.open().read(key).expect("stored") == bytes);
        }
        assert!(fs::read(home.idx_file(pack)).expect("made again") == idx);
        fs::metadata(home.pack_file(pack)).expect("there").len()
    });
    let [first, second] = lengths;
    assert!(second + 40 * 28 < first, "{first} and {second}");
}

#[test]
fn what_older_programs_do_not_know_is_in_no_pack_that_they_read() {
    let codecs = PackVersion::ALL.map(|version| {
        let home = Home::new();
        let (mut family, _) = family(&home, version);
        let (base, mut bytes) = family.pop().expect("a node");
        bytes[7] ^= 1;
        let odb = home.open_writing(version);
        let batch = odb.batch().expect("disk");
        let changed = batch.write_delta(Kind::Tree, &bytes, Some(base));
        batch.finish().expect("disk");
        assert!(odb.read(changed.expect("disk")).expect("stored") == bytes);
        let mut codecs = Vec::new();
        for pack in odb.packs().expect("readable") {
            let file = fs::File::open(home.pack_file(pack)).expect("there");
            let file = PackFile::new(file).expect("readable");
            let told = file.each_header(&mut |header| codecs.push(header[5]));
            assert!(told.expect("readable"));
        }
        codecs.sort_unstable();
        codecs
    });
    assert_eq!(codecs, [vec![0, 3], vec![4, 4]]);
}

#[test]
fn an_object_whose_base_is_gone_is_damaged_and_comes_back_with_it() {
    let home = Home::new();
    let odb = home.open();
    let node = noise(2000, 1);
    let changed = [node.as_slice(), b"changed"].concat();
    let write = |bytes: &[u8], base| {
        let batch = odb.batch().expect("disk");
        let key = batch.write_delta(Kind::Tree, bytes, base).expect("disk");
        (key, batch.finish().expect("disk").expect("a pack"))
    };
    let (base, pack) = write(&node, None);
    let (upon, _) = write(&changed, Some(base));
    let aside = home.0.path().join("aside");
    fs::rename(home.pack_file(pack), &aside).expect("disk");
    fs::remove_file(home.idx_file(pack)).expect("disk");
    assert!(matches!(
        home.open().read(upon),
        Err(OdbError::Damaged { .. })
    ));
    fs::rename(&aside, home.pack_file(pack)).expect("disk");
    assert!(home.open().read(upon).expect("whole") == changed);
}

#[test]
fn bases_that_rest_on_each_other_end_in_an_error() {
    for short in [false, true] {
        bases_that_rest_on_each_other(short);
    }
}

fn bases_that_rest_on_each_other(short: bool) {
    let home = Home::new();
    let (one, two) = (noise(500, 1), noise(500, 2));
    let [a, b] = [&one, &two].map(|it| ObjectKey::of(Kind::Tree, it));
    let path = home.0.path().join("pack");
    let mut writer = PackWriter::new(OsFs.create_new(&path).expect("new"), NEWEST).expect("disk");
    let mut rows = Vec::new();
    for (key, bytes, base, base_bytes) in [(a, &one, b, &two), (b, &two, a, &one)] {
        let mut group = Group::new();
        group.push(Kind::Tree, &[bytes.as_slice(), base_bytes].concat());
        let (plain, members) = group.finish();
        let (weight, links) = (2, Vec::new());
        let codec = if short {
            let bases = vec![base.into()];
            Codec::Linked {
                weight,
                bases,
                links,
            }
        } else {
            let bases = vec![base];
            Codec::Prefix { weight, bases }
        };
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
    fs::write(packs.join(idx_name(id)), Idx::build(id, NEWEST, rows)).expect("disk");
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

/// A run has begun a group with a node; another one stores that node, and a second upon it; then
/// the first run puts a third upon one of them, into the group of the first.
#[test]
fn a_node_that_another_run_stored_meanwhile_is_read_where_it_is_whole() {
    for upon in [0, 1] {
        let home = Home::new();
        let (odb, other) = (home.open(), home.open());
        let one = noise(3000, 1);
        let [two, three] = [1, 2].map(|more| [one.clone(), vec![b'+'; more]].concat());
        let batch = odb.batch().expect("disk");
        let first = batch.write(Kind::Tree, &one).expect("disk");
        let mut stored = Vec::new();
        for node in [&one, &two] {
            let batch = other.batch().expect("disk");
            let key = batch.write_delta(Kind::Tree, node, stored.last().copied());
            stored.push(key.expect("disk"));
            batch.finish().expect("disk");
        }
        assert_eq!(odb.packs().expect("readable").len(), 2);
        let third = batch.write_delta(Kind::Tree, &three, Some(stored[upon]));
        let third = third.expect("disk");
        // The group is full with it.
        batch.write(Kind::Tree, &noise(1 << 16, 2)).expect("disk");
        assert!(batch.read(first).expect("stored") == one);
        assert!(batch.read(third).expect("stored") == three);
        let pack = batch.finish().expect("disk").expect("something new");
        let index = home.store().join("packs").join(idx_name(pack));
        for lost in [false, true] {
            if lost {
                fs::remove_file(&index).expect("there");
            }
            let fresh = home.open();
            assert!(index.exists());
            for (key, bytes) in [(first, &one), (third, &three)] {
                assert!(fresh.read(key).expect("stored") == *bytes);
            }
        }
    }
}
