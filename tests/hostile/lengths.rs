//! Garbage, and lengths that lie.

use mailvc_store::blob::{HEADER_LEN, MAGIC};
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::MessageCopy;
use mailvc_tests::random::Random;
use mailvc_transport::wire::{MAX_FRAME, Message};

use crate::forge::{encoded, entry, items, one_folder};
use crate::scene::{Scene, Story, assert_clear, bytes_of};

/// A story in which one new message comes, with nothing wrong in it.
pub(crate) fn honest(scene: &Scene) -> Story {
    let (path, entry) = (FolderPath::root(), entry(MessageCopy::default()));
    let snapshot = scene.forger.snapshot(&one_folder(&path, entry.clone()));
    let begin = [scene.forger.begin(&snapshot, None)];
    let all = [
        &begin[..],
        &items(&path, entry),
        &[mailvc_transport::wire::Item::End],
    ]
    .concat();
    Story::new(snapshot.id(), encoded(&all))
}

#[test]
fn what_is_not_the_protocol_is_said_to_be_none() {
    let scene = Scene::new();
    let before = scene.seen();
    let mut random = Random::new(1);
    let noise: Vec<u8> = (0..100_000).map(|_| random.number() as u8).collect();
    let garbage: [&[u8]; 6] = [
        b"",
        b"Last login: Sun Jun 28 16:30\n\x1b[31mWelcome!\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0; 5000],
        &[0xff; 5000],
        &noise,
    ];
    for bytes in garbage {
        assert_clear(&scene.fetch(bytes), "");
        assert_clear(&scene.serve(bytes, &mut Vec::new()), "");
        assert_eq!(scene.seen(), before);
    }
    scene.assert_sound();
}

#[test]
fn a_frame_that_is_shorter_or_longer_than_it_says_ends_the_session() {
    let scene = Scene::new();
    let before = scene.seen();
    let hello = bytes_of([Message::Hello(scene.hello(None))]);
    let welcome = bytes_of([Message::Welcome(scene.welcome(None))]);
    for length in [0, 3, MAX_FRAME as u32, MAX_FRAME as u32 + 1, u32::MAX] {
        for greeting in [&welcome, &hello] {
            let mut lie = greeting.clone();
            lie[..4].copy_from_slice(&length.to_le_bytes());
            assert_clear(&scene.fetch(&lie), "the other end");
            assert_clear(&scene.serve(&lie, &mut Vec::new()), "the other end");
        }
    }
    assert_eq!(scene.seen(), before);
    scene.assert_sound();
}

/// One zstd frame of run-length blocks: four bytes for each 128 KiB.
fn zeros(blocks: usize) -> Vec<u8> {
    // Magic, no content size, a window of 8 MiB.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68];
    for at in 1..=blocks {
        let header = (128 << 10) << 3 | 1 << 1 | u32::from(at == blocks);
        bytes.extend_from_slice(&header.to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}

/// A group, compressed, that is said to be of `plain` bytes.
fn bomb(stored: &[u8], plain: usize) -> Vec<u8> {
    let mut frame = MAGIC.to_vec();
    frame.extend_from_slice(&[1, 1, 0, 0]);
    frame.extend_from_slice(&(plain as u32).to_le_bytes());
    frame.extend_from_slice(&(stored.len() as u32).to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&frame[4..]).update(stored);
    frame.extend_from_slice(&hasher.finalize().as_bytes()[..16]);
    assert_eq!(frame.len(), HEADER_LEN);
    frame.extend_from_slice(stored);
    frame
}

#[test]
fn a_decompression_bomb_is_never_unfolded() {
    let scene = Scene::new();
    // 2 MiB that would be 64 GiB, and 2 MiB of nothing that is said to be less.
    let bombs = [
        bomb(&zeros((1 << 19) - 8), 2 << 20),
        bomb(&zeros(16), 1 << 20),
    ];
    for bomb in bombs {
        let mut story = honest(&scene);
        story.frames = vec![bomb];
        scene.refuses(&story, "compressed");
    }
    let mut story = honest(&scene);
    story.frames = vec![bomb(&zeros(16), 2 << 20)];
    scene.refuses(&story, "object");
    scene.assert_sound();
}

#[test]
fn what_is_honest_passes_where_lies_are_refused() {
    let scene = Scene::new();
    let story = honest(&scene);
    let before = (scene.laptop.tip(), scene.laptop.messages());
    scene.fetch(&scene.as_server(&story)).ok();
    let log = scene.laptop.run(&["log", "remotes/origin"]).ok();
    assert!(log.stdout.contains("server"), "{}", log.stdout);
    scene.serve(&scene.as_client(&story), &mut Vec::new()).ok();
    // Nor does what is honest move anything but the refs that are the peer's.
    assert_eq!((scene.laptop.tip(), scene.laptop.messages()), before);
    scene.assert_sound();
}
