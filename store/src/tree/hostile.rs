//! Trees that no honest device makes.

use super::testing::{Map, Random, build};
use super::*;
use crate::object::{BlobId, Child, Day, LEAF_MAX};
use crate::odb::MemoryOdb;

type Children = [Option<Child>; 16];

fn put(odb: &MemoryOdb, node: &Node) -> Child {
    let key = odb.write(Kind::Tree, &node.encode()).expect("memory");
    Child {
        id: TreeId::new(key.hash),
        sums: node.sums(),
    }
}

/// The children of the root of a sound tree: two leaves of a hundred, under the nibbles 1 and 2.
fn sound(odb: &MemoryOdb) -> Children {
    let mut random = Random(6);
    let key = |n: u16| EntryKey {
        day: Day(if n < 100 { 0x1000 + n } else { 0x2000 + n }),
        blob: BlobId::of(&n.to_le_bytes()),
    };
    let map: Map = (0..200).map(|n| (key(n), random.entry())).collect();
    let root = build(odb, &map);
    match Node::decode(&odb.read(root.into()).expect("stored")) {
        Ok(Node::Branch(children)) => *children,
        other => panic!("not a branch: {other:?}"),
    }
}

/// What reading the whole of a tree ends in, by every way there is.
fn fate(odb: &MemoryOdb, root: Child) -> Option<&'static str> {
    let walked = entries(odb, root.id).find_map(Result::err);
    let checked = check(odb, root.id, root.sums, &mut |_, _| {}).err();
    let compared = diff(odb, root.id, empty_id()).find_map(Result::err);
    let what = |error: TreeError| match error {
        TreeError::Misplaced { what, .. } => what,
        other => panic!("another error: {other}"),
    };
    let fates = [walked, checked, compared].map(|error| error.map(what));
    assert!(fates.iter().all(|fate| *fate == fates[0]), "{fates:?}");
    fates[0]
}

fn fate_of(odb: &MemoryOdb, children: &Children) -> Option<&'static str> {
    let root = put(odb, &Node::Branch(Box::new(*children)));
    fate(odb, root)
}

#[test]
fn a_sound_tree_passes() {
    let odb = MemoryOdb::new();
    let children = sound(&odb);
    assert_eq!(fate_of(&odb, &children), None);
}

#[test]
fn a_key_outside_its_subtree_is_refused() {
    let odb = MemoryOdb::new();
    let mut children = sound(&odb);
    children.swap(1, 3);
    assert_eq!(
        fate_of(&odb, &children),
        Some("a key of it belongs elsewhere")
    );
    let mut children = sound(&odb);
    children[3] = children[2];
    assert_eq!(
        fate_of(&odb, &children),
        Some("a key of it belongs elsewhere")
    );
}

#[test]
fn sums_that_lie_are_refused() {
    let odb = MemoryOdb::new();
    for lie in [
        |sums: &mut Sums| sums.bytes += 1,
        |sums: &mut Sums| sums.copies = u64::MAX,
        |sums: &mut Sums| sums.entries -= 1,
    ] {
        let mut children = sound(&odb);
        lie(&mut children[2].as_mut().expect("is there").sums);
        assert_eq!(
            fate_of(&odb, &children),
            Some("its parent's sums are not its own")
        );
    }
    let root = put(&odb, &Node::Branch(Box::new(sound(&odb))));
    let result = check(&odb, root.id, Sums::default(), &mut |_, _| {});
    assert!(result.is_err(), "a folder map's word is compared, too");
}

#[test]
fn a_leaf_that_should_be_part_of_its_parent_is_refused() {
    let odb = MemoryOdb::new();
    let children = sound(&odb);
    let mut few = [None; 16];
    few[1] = children[1];
    let honest = Node::Branch(Box::new(few)).encode();
    assert!(Node::decode(&honest).is_err());
    few[1].as_mut().expect("is there").sums.entries = LEAF_MAX as u64 + 1;
    few[1].as_mut().expect("is there").sums.copies = u64::MAX;
    assert!(fate_of(&odb, &few).is_some(), "nor does a lie help");
}

#[test]
fn an_empty_leaf_stands_nowhere_but_at_the_root() {
    let odb = MemoryOdb::new();
    let mut children = sound(&odb);
    children[5] = Some(Child {
        id: empty_id(),
        sums: Sums {
            entries: 1,
            copies: 1,
            bytes: 0,
        },
    });
    assert_eq!(fate_of(&odb, &children), Some("it is empty"));
}

#[test]
fn branches_end_where_keys_do() {
    let odb = MemoryOdb::new();
    let mut child = put(&odb, &Node::Branch(Box::new(sound(&odb))));
    for _ in 0..EntryKey::NIBBLES + 5 {
        let mut children = [None; 16];
        children[0] = Some(child);
        child = put(&odb, &Node::Branch(Box::new(children)));
    }
    assert_eq!(fate(&odb, child), Some("it branches where keys end"));
    let key = EntryKey {
        day: Day(0),
        blob: BlobId::new([0; 32]),
    };
    assert!(get(&odb, child.id, key).is_err());
    assert!(get_all(&odb, child.id, [key]).is_err());
    assert!(edit(&odb, child.id, [(key, None)]).is_err());
}

#[test]
fn one_node_under_many_nibbles_is_refused_before_it_multiplies() {
    let odb = MemoryOdb::new();
    let mut child = sound(&odb)[1].expect("is there");
    for _ in 0..40 {
        child = put(&odb, &Node::Branch(Box::new([Some(child); 16])));
    }
    assert!(fate(&odb, child).is_some());
}

#[test]
fn what_is_not_a_node_is_named() {
    let odb = MemoryOdb::new();
    let key = odb.write(Kind::Tree, b"MVT1 and more").expect("memory");
    let id = TreeId::new(key.hash);
    let error = entries(&odb, id)
        .next()
        .expect("an item")
        .expect_err("an error");
    assert!(matches!(error, TreeError::Malformed { id: named, .. } if named == id));
    let gone = TreeId::new([1; 32]);
    let error = sums(&odb, gone).expect_err("an error");
    assert_eq!(error.missing(), Some(gone.into()));
}

#[test]
fn one_node_of_which_two_parents_say_different_things_is_refused_unread() {
    let odb = MemoryOdb::new();
    let honest = sound(&odb);
    let mut lying = honest;
    lying[2].as_mut().expect("is there").sums.bytes += 1;
    let a = put(&odb, &Node::Branch(Box::new(honest)));
    let b = put(&odb, &Node::Branch(Box::new(lying)));
    assert!(diff(&odb, a.id, b.id).any(|item| item.is_err()));
}
