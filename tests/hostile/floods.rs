//! More than anybody asked for.

use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{Copies, Entry, FolderMap, MessageCopy};
use mailvc_tests::random::Random;
use mailvc_transport::wire::{FolderBase, Item, Message, WANTS_PER_FRAME};

use crate::forge::{MESSAGE, encoded, key_of};
use crate::lengths::honest;
use crate::scene::{Scene, Story, assert_clear, bytes_of, frame};

/// The story of a snapshot that does not end.
fn endless(scene: &Scene, frames: impl Iterator<Item = Vec<Item>>) -> Story {
    let snapshot = scene.forger.snapshot(&FolderMap::default());
    let begin = vec![scene.forger.begin(&snapshot, None)];
    let mut story = Story::new(snapshot.id(), Vec::new());
    story.graph = [begin]
        .into_iter()
        .chain(frames)
        .map(|it| encoded(&it))
        .collect();
    story
}

#[test]
fn folders_and_subscriptions_without_end_are_cut_off() {
    let scene = Scene::new();
    let subscribe = |n: u32| Item::Subscribe(format!("{n:0>1000}").into_bytes());
    let folder = |n: u32| Item::Folder {
        path: FolderPath::new(format!("{n:0>1000}").as_bytes()).expect("a path"),
        base: FolderBase::Empty,
    };
    for item in [&subscribe as &dyn Fn(u32) -> Item, &folder] {
        let frames = (0..10).map(|at| (at * 1000..at * 1000 + 1000).map(item).collect());
        scene.refuses(&endless(&scene, frames), "too many");
    }
    scene.assert_sound();
}

#[test]
fn messages_that_nobody_asked_for_are_cut_off() {
    let scene = Scene::new();
    let mut random = Random::new(2);
    let mut story = honest(&scene);
    let mut unasked = || {
        let noise = std::iter::repeat_with(|| random.number().to_le_bytes());
        frame(&noise.take(100_000).flatten().collect::<Vec<u8>>())
    };
    story.frames = (0..24).map(|_| unasked()).collect();
    scene.refuses(&story, "not asked for");
    scene.assert_sound();
}

#[test]
fn wants_without_end_are_cut_off() {
    let scene = Scene::new();
    let before = scene.seen();
    let wants = Message::Want(vec![key_of(MESSAGE).blob; WANTS_PER_FRAME]);
    let hello = Message::Hello(scene.hello(None));
    let flood = bytes_of([hello].into_iter().chain(std::iter::repeat_n(wants, 8)));
    assert_clear(&scene.serve(&flood, &mut Vec::new()), "not offered");
    assert_eq!(scene.seen(), before);
}

/// Entries with as many different copies as may be: a few bytes each on the line, a hundred in
/// memory.
#[test]
fn entries_of_very_many_copies_take_no_more_memory_than_others() {
    let scene = Scene::new();
    let copy = |mtime| MessageCopy {
        mtime,
        ..MessageCopy::default()
    };
    let copies = Copies::collect((0..65_535).map(copy)).expect("as many as may be");
    let entry = Entry {
        size: 1,
        copies,
        kept: 0,
    };
    let folder = Item::Folder {
        path: FolderPath::root(),
        base: FolderBase::Empty,
    };
    let put = |n: u64| {
        let mut key = key_of(MESSAGE);
        key.day.0 = n as u16;
        vec![Item::Put(key, entry.clone())]
    };
    let frames = [vec![folder]].into_iter().chain((1..48).map(put));
    scene.refuses(&endless(&scene, frames), "larger than any may be");
    scene.assert_sound();
}
