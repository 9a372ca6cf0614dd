//! Histories that cannot be, and ids of something else.

use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{FolderMap, FolderMapId, MessageCopy, SnapshotId};
use mailvc_tests::machine::rounds;
use mailvc_transport::wire::{Item, SNAPSHOTS_PER_ROUND};

use crate::forge::{encoded, entry, items, nowhere, one_folder};
use crate::lengths::honest;
use crate::scene::{Scene, Story, assert_clear, frame};

/// A chain of snapshots of nothing, each the parent of the next; told oldest first.
fn chain(scene: &Scene, length: usize) -> (Vec<Item>, SnapshotId) {
    let mut snapshot = scene.forger.snapshot(&FolderMap::default());
    let mut items = vec![scene.forger.begin(&snapshot, None), Item::End];
    for generation in 2..=length as u64 {
        snapshot.parents = vec![snapshot.id()];
        snapshot.generation = generation;
        items.extend([scene.forger.begin(&snapshot, Some(0)), Item::End]);
    }
    (items, snapshot.id())
}

#[test]
fn no_history_is_taken_whose_ends_do_not_meet() {
    let scene = Scene::new();
    let (three, tip) = chain(&scene, 3);
    let story = |items: &[Item]| Story::new(tip, encoded(items));
    let swapped = [&three[2..4], &three[..2], &three[4..]].concat();
    scene.refuses(&story(&swapped), "is not known");
    scene.refuses(&story(&three[2..]), "is not known");
    scene.refuses(&story(&three[..4]), "announced");
    scene.refuses(&story(&[&three[..2], &three[..]].concat()), "twice");
    scene.refuses(&Story::new(nowhere(), encoded(&three)), "announced");
    let mut leap = scene.forger.snapshot(&FolderMap::default());
    (leap.parents, leap.generation) = (vec![leap.id()], 7);
    let leap = scene.forger.begin(&leap, Some(0));
    scene.refuses(
        &story(&[&three[..2], &[leap, Item::End]].concat()),
        "generation",
    );
    scene.assert_sound();
}

#[test]
fn a_snapshot_cannot_be_its_own_ancestor() {
    let scene = Scene::new();
    let mut snapshot = scene.forger.snapshot(&FolderMap::default());
    // Whatever it names as its parent, its own id is another then.
    for _ in 0..3 {
        snapshot.parents = vec![snapshot.id()];
        snapshot.generation = 2;
        let items = [scene.forger.begin(&snapshot, None), Item::End];
        let story = Story::new(snapshot.id(), encoded(&items));
        scene.refuses(&story, "is not known");
    }
    snapshot.parents.clear();
    for generation in [0, 2, u64::MAX] {
        snapshot.generation = generation;
        let items = [scene.forger.begin(&snapshot, None), Item::End];
        let story = Story::new(snapshot.id(), encoded(&items));
        scene.refuses(&story, "malformed");
    }
    scene.assert_sound();
}

/// A million: `MAILVC_DEPTH=1000000 MAILVC_TIME=1200`, with `--release`.
#[test]
fn a_history_however_deep_takes_neither_stack_nor_memory() {
    let scene = Scene::new();
    let (items, tip) = chain(&scene, rounds("MAILVC_DEPTH", 20_000));
    let mut story = Story::new(tip, Vec::new());
    story.frames.clear();
    let before = scene.laptop.messages();
    let most = 2 * SNAPSHOTS_PER_ROUND as usize;
    scene.fetch(&scene.in_rounds(&story, &items, most)).ok();
    scene.laptop.run(&["log", "-n", "3", "remotes/origin"]).ok();
    scene.laptop.run(&["merge", "origin"]).ok();
    assert_eq!(scene.laptop.messages(), before);
    scene.assert_sound();
}

#[test]
fn a_round_has_room_for_so_many_snapshots_and_no_more() {
    let scene = Scene::new();
    let (items, tip) = chain(&scene, SNAPSHOTS_PER_ROUND as usize + 1);
    let mut story = Story::new(tip, Vec::new());
    story.graph = items.chunks(1_000).map(encoded).collect();
    scene.refuses(&story, "too many snapshots");
    scene.assert_sound();
}

#[test]
fn an_id_of_something_else_is_found_out() {
    let scene = Scene::new();
    let (path, entry) = (FolderPath::root(), entry(MessageCopy::default()));
    let mut snapshot = scene.forger.snapshot(&one_folder(&path, entry.clone()));
    snapshot.folders = FolderMapId::of(b"other folders");
    let begin = [scene.forger.begin(&snapshot, None)];
    let all = [&begin[..], &items(&path, entry), &[Item::End]].concat();
    let wrong_map = Story::new(snapshot.id(), encoded(&all));
    scene.refuses(&wrong_map, "not the ones that it names");

    let mut other_message = honest(&scene);
    other_message.frames = vec![frame(b"Subject: another\n\nmessage")];
    let before = scene.seen();
    let run = scene.fetch(&scene.as_server(&other_message));
    assert_clear(&run, "lost 1 messages");
    // A peer that has lost messages did nothing wrong: what it sent is kept. Nothing names it.
    let kept = scene.seen();
    assert_ne!(kept, before);
    assert_eq!(kept.but_packs(), before.but_packs());
    scene.assert_sound();
}
