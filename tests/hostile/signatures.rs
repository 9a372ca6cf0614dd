//! Signatures of others, and of nobody.

use mailvc_store::object::{DeviceId, FolderMap, Snapshot, SnapshotKind};
use mailvc_tests::machine::Machine;
use mailvc_tests::mailbox::Mailbox;
use mailvc_transport::wire::Item;

use crate::forge::{Forger, encoded, nowhere};
use crate::scene::{Scene, Story, assert_clear};

pub(crate) fn story(snapshot: &Snapshot, signatures: Vec<Vec<u8>>) -> Story {
    let begin = Item::Snapshot {
        bytes: snapshot.encode(),
        signatures,
        base: None,
    };
    let mut story = Story::new(snapshot.id(), encoded(&[begin, Item::End]));
    story.frames.clear();
    story
}

#[test]
fn a_snapshot_counts_with_its_makers_signature_alone() {
    let scene = Scene::new();
    let forger = &scene.forger;
    let own = forger.snapshot(&FolderMap::default());
    let victim = Forger::with_key_of(&scene.laptop).device;
    let by_victim = Snapshot {
        device: Some(victim),
        ..own.clone()
    };
    let other = Snapshot {
        message: "another".to_owned(),
        ..own.clone()
    };
    // Without one; one for another snapshot under this one's name; one by another device, under
    // the victim's name.
    let renamed = [
        own.id().as_bytes(),
        &forger.signature(&other, forger.device)[32..],
    ]
    .concat();
    let posing = forger.signature(&by_victim, victim);
    let odd = [own.id().as_bytes(), forger.device.as_bytes(), &[7; 500][..]].concat();
    scene.refuses(&story(&own, Vec::new()), "sign");
    scene.refuses(&story(&own, vec![renamed]), "sign");
    scene.refuses(&story(&own, vec![odd]), "sign");
    scene.refuses(&story(&by_victim, vec![posing]), "sign");
    let foreign = forger.signature(&other, forger.device);
    scene.refuses(&story(&own, vec![foreign]), "another snapshot");
    scene.assert_sound();
}

/// A device that the laptop has never heard of.
pub(crate) fn stranger() -> Forger {
    let mailbox = Mailbox {
        messages: 1,
        ..Mailbox::default()
    };
    Forger::with_key_of(&Machine::initialised("stranger", &mailbox))
}

#[test]
fn a_device_that_nobody_introduced_says_nothing() {
    let scene = Scene::new();
    let stranger = stranger();
    let snapshot = stranger.snapshot(&FolderMap::default());
    let signature = stranger.signature(&snapshot, stranger.device);
    scene.refuses(&story(&snapshot, vec![signature]), "trust");
    scene.assert_sound();
}

#[test]
fn a_merge_that_its_parents_do_not_make_is_refused_whoever_signed_it() {
    let scene = Scene::new();
    let forger = &scene.forger;
    let first = forger.snapshot(&FolderMap::default());
    let second = Snapshot {
        message: "another".to_owned(),
        ..first.clone()
    };
    let mut parents = vec![first.id(), second.id()];
    parents.sort_unstable();
    let mut merge = Snapshot {
        kind: SnapshotKind::Merge,
        generation: 2,
        parents,
        device: None,
        device_name: String::new(),
        merge_rules: 1,
        ..first.clone()
    };
    merge.time.0 += 1;
    let items = [
        forger.begin(&first, None),
        Item::End,
        forger.begin(&second, None),
        Item::End,
        forger.begin(&merge, Some(0)),
        Item::End,
    ];
    let mut story = Story::new(merge.id(), encoded(&items));
    story.frames.clear();
    scene.refuses(&story, "merge");
    scene.assert_sound();
}

#[test]
fn a_tip_that_is_stored_here_and_is_not_the_peers_moves_nothing_but_the_peers_ref() {
    let scene = Scene::new();
    let local = scene.laptop.tip();
    let mail = scene.laptop.messages();
    let tip = local.parse().expect("an id");
    let mut lie = Story::new(tip, Vec::new());
    (lie.graph, lie.frames) = (Vec::new(), Vec::new());
    // Told in a greeting alone, it is what both have.
    scene.fetch(&scene.as_server(&lie));
    assert_eq!(scene.laptop.tip(), local);
    assert_eq!(scene.laptop.messages(), mail);
    lie.tip = Some(nowhere());
    scene.refuses(&lie, "announced");
    scene.assert_sound();
}

#[test]
fn the_key_of_another_device_in_the_greeting_is_only_a_claim() {
    let scene = Scene::new();
    let before = scene.seen();
    let stolen = Forger::with_key_of(&scene.laptop);
    let mut welcome = scene.welcome(Some(nowhere()));
    welcome.public_key = mailvc_store::sign::Signer::public_key(&stolen.key).wire_bytes();
    assert_eq!(DeviceId::of_public_key(&welcome.public_key), stolen.device);
    let bytes = crate::scene::bytes_of([
        mailvc_transport::wire::Message::Welcome(welcome),
        mailvc_transport::wire::Message::GraphEnd,
    ]);
    let run = scene.fetch(&bytes);
    assert!(matches!(run.code, Some(1 | 4)), "{run:?}");
    assert_eq!(scene.seen(), before);
}

#[test]
fn what_a_revoked_device_signs_is_refused_whoever_brings_it() {
    let mut scene = Scene::new();
    scene.laptop.run(&["trust", "revoke", "server"]).ok();
    let revoked = &scene.forger;
    let first = revoked.snapshot(&FolderMap::default());
    let own = story(&first, vec![revoked.signature(&first, revoked.device)]);
    scene.refuses(&own, "revoked");

    let stranger = stranger();
    let mut second = stranger.snapshot(&FolderMap::default());
    (second.parents, second.generation) = (vec![first.id()], 2);
    let items = [
        scene.forger.begin(&first, None),
        Item::End,
        stranger.begin(&second, Some(0)),
        Item::End,
    ];
    let mut brought = Story::new(second.id(), encoded(&items));
    brought.frames.clear();
    scene.forger = stranger;
    let (tip, mail) = (scene.laptop.tip(), scene.laptop.messages());
    assert_clear(&scene.fetch(&scene.as_server(&brought)), "revoked");
    let run = scene.serve(&scene.as_client(&brought), &mut Vec::new());
    assert_clear(&run, "revoked");
    assert_eq!((scene.laptop.tip(), scene.laptop.messages()), (tip, mail));
    let heard = scene.laptop.run(&["log", "remotes/origin"]).ok().stdout;
    assert!(!heard.contains(&second.id().short()), "{heard}");
    scene.assert_sound();
}
