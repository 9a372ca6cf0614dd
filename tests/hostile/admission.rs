//! Devices that are somebody, but not the one that is awaited: it takes more than to be trusted.

use mailvc_store::object::FolderMap;
use mailvc_store::sign::Signer;
use mailvc_transport::wire::Message;

use crate::forge::Forger;
use crate::scene::{Scene, Story, assert_clear, last_of};
use crate::signatures::{story, stranger};

/// What somebody says who has recorded a state of his own, which is all in order.
fn honest(forger: &Forger, note: &str) -> Story {
    let mut snapshot = forger.snapshot(&FolderMap::default());
    note.clone_into(&mut snapshot.message);
    story(&snapshot, vec![forger.signature(&snapshot, forger.device)])
}

/// A device that the laptop trusts as it does the server.
fn trusted(scene: &Scene) -> Forger {
    let other = stranger();
    let key = other.key.public_key().to_openssh();
    let add = ["trust", "add", &key, "--name", "other", "--introduce"];
    scene.laptop.run(&add).ok();
    other
}

#[test]
fn where_one_device_has_answered_no_other_one_is_heard() {
    let mut scene = Scene::new();
    let first = honest(&scene.forger, "first");
    scene.fetch(&scene.as_server(&first)).ok();
    for other in [trusted(&scene), stranger()] {
        let (says, id) = (honest(&other, "other"), other.device.to_string());
        let server = std::mem::replace(&mut scene.forger, other);
        let before = scene.seen();
        let run = scene.fetch(&scene.as_server(&says));
        assert_clear(&run, "another device answers than before");
        assert!(run.stderr.contains(&id), "{run:?}");
        assert_eq!(scene.seen(), before);
        scene.forger = server;
    }
    let second = honest(&scene.forger, "second");
    scene.fetch(&scene.as_server(&second)).ok();
    scene.assert_sound();
}

#[test]
fn where_one_device_is_let_in_no_other_one_is_heard() {
    let mut scene = Scene::new();
    let before_all = scene.seen();
    let says = honest(&scene.forger, "hello");
    // Nobody is known by that name.
    refused(&scene, "nobody", &says);
    assert_eq!(scene.seen(), before_all);
    let server_id = scene.forger.device.to_string();
    for other in [trusted(&scene), stranger()] {
        let says = honest(&other, "other");
        let server = std::mem::replace(&mut scene.forger, other);
        let before = scene.seen();
        for only in ["server", &server_id[..12]] {
            refused(&scene, only, &says);
            assert_eq!(scene.seen(), before, "{only}");
        }
        scene.forger = server;
    }
    let let_in = scene.serve_with(
        &["--device", "server"],
        &scene.as_client(&says),
        &mut vec![],
    );
    let_in.ok();
    scene.assert_sound();
}

/// The laptop lets in one device alone, and it is not this one.
#[track_caller]
fn refused(scene: &Scene, only: &str, says: &Story) {
    let mut answer = Vec::new();
    let run = scene.serve_with(&["--device", only], &scene.as_client(says), &mut answer);
    assert_clear(&run, "may not call here");
    match last_of(&answer) {
        Some(Message::Error { text, .. }) => assert!(text.contains("may not call here"), "{text}"),
        other => panic!("{other:?}"),
    }
}
