//! Names that lead elsewhere, and text that a terminal would obey.

use mailvc_store::codec::Writer;
use mailvc_store::maildir::{Flags, FolderPath};
use mailvc_store::object::{FolderMap, MessageCopy};
use mailvc_transport::wire::{ErrorCode, Item, Message};

use crate::forge::{encoded, entry, items, one_folder};
use crate::scene::{Scene, Story, assert_clear, assert_harmless, bytes_of};

#[test]
fn a_folder_that_leads_out_of_the_maildir_is_no_folder() {
    let scene = Scene::new();
    let snapshot = scene.forger.snapshot(&FolderMap::default());
    let begin = encoded(&[scene.forger.begin(&snapshot, None)]);
    let long = b"x".repeat(1025);
    let paths: [&[u8]; 8] = [
        b"..",
        b"../../.ssh",
        b"a/../b",
        b"/etc",
        b"a//b",
        b".",
        b"a\0b",
        &long,
    ];
    for path in paths {
        // `Folder`, from nothing.
        let mut folder = Writer::new();
        folder.u8(2).bytes(path).u8(0);
        let story = Story::new(snapshot.id(), [&begin[..], folder.as_bytes()].concat());
        scene.refuses(&story, "malformed");
    }
    scene.assert_sound();
}

#[test]
fn flags_that_lead_out_of_a_folder_are_no_flags() {
    let scene = Scene::new();
    let path = FolderPath::root();
    for info in [&b"/../../x"[..], b"S,/etc", b"S\0", b",\0"] {
        let copy = MessageCopy {
            flags: Flags::from_info(info),
            ..MessageCopy::default()
        };
        let entry = entry(copy);
        let snapshot = scene.forger.snapshot(&one_folder(&path, entry.clone()));
        let begin = [scene.forger.begin(&snapshot, None)];
        let all = [&begin[..], &items(&path, entry), &[Item::End]].concat();
        scene.refuses(&Story::new(snapshot.id(), encoded(&all)), "malformed");
    }
    scene.assert_sound();
}

const ESCAPES: &str = "\x1b]0;owned\x07\x1b[2J\u{202e}exe\r\n\u{9b}31m";

#[test]
fn what_a_peer_says_is_shown_without_what_a_terminal_obeys() {
    let scene = Scene::new();
    let before = scene.seen();
    let (code, text) = (ErrorCode::Other, ESCAPES.to_owned());
    let mut told = bytes_of([Message::Error {
        code,
        text: "x".repeat(ESCAPES.len()),
    }]);
    // Whoever speaks for mailvc takes them out before; this one does not.
    let at = told.len() - ESCAPES.len();
    told[at..].copy_from_slice(text.as_bytes());
    assert_clear(&scene.fetch(&told), "owned");
    let mut welcome = scene.welcome(None);
    welcome.name = ESCAPES.to_owned();
    assert_clear(
        &scene.fetch(&bytes_of([Message::Welcome(welcome)])),
        "malformed",
    );
    let mut hello = scene.hello(None);
    hello.name = ESCAPES.to_owned();
    hello.account = ESCAPES.as_bytes().to_vec();
    let run = scene.serve(&bytes_of([Message::Hello(hello)]), &mut Vec::new());
    assert_clear(&run, "malformed");
    assert_eq!(scene.seen(), before);
}

#[test]
fn names_and_notes_of_a_device_that_is_trusted_are_shown_harmlessly() {
    let scene = Scene::new();
    let path = FolderPath::new(ESCAPES.as_bytes()).expect("any bytes but NUL");
    let entry = entry(MessageCopy::default());
    let mut snapshot = scene.forger.snapshot(&one_folder(&path, entry.clone()));
    snapshot.message = ESCAPES.to_owned();
    snapshot.device_name = ESCAPES.to_owned();
    let begin = [scene.forger.begin(&snapshot, None)];
    let all = [&begin[..], &items(&path, entry), &[Item::End]].concat();
    let story = Story::new(snapshot.id(), encoded(&all));
    let commands: [&[&str]; 6] = [
        &["log", "remotes/origin"],
        &["show", "remotes/origin"],
        &["diff", "local", "remotes/origin"],
        &["merge", "origin"],
        &["log"],
        &["verify", "--full"],
    ];
    let mut shown = scene.call("sync", &scene.as_server(&story)).ok().stdout;
    for command in commands {
        let run = scene.laptop.run(command).ok();
        shown.push_str(&run.stdout);
        shown.push_str(&run.stderr);
    }
    assert!(shown.contains("owned"), "{shown}");
    assert_harmless(&shown);
    assert_eq!(scene.laptop.messages().contents().len(), 9);
    scene.assert_sound();
}

/// A peer with longer names than this disk has would stop every later command, if the first one
/// began to make them.
#[test]
fn names_that_no_disk_holds_are_refused_before_anything_is_begun() {
    let letters: Vec<u8> = (b'-'..=b'z').filter(|letter| *letter != b'/').collect();
    let cases = [
        ("x".repeat(300), Flags::none()),
        ("..".repeat(50) + "x", Flags::none()),
        ("fits".to_owned(), Flags::from_info(&letters)),
    ];
    for (path, flags) in cases {
        let scene = Scene::new();
        let path = FolderPath::new(path.as_bytes()).expect("a path");
        let copy = MessageCopy {
            flags,
            mtime: i64::MAX,
            ..MessageCopy::default()
        };
        let entry = entry(copy);
        let snapshot = scene.forger.snapshot(&one_folder(&path, entry.clone()));
        let begin = [scene.forger.begin(&snapshot, None)];
        let all = [&begin[..], &items(&path, entry), &[Item::End]].concat();
        let story = Story::new(snapshot.id(), encoded(&all));
        let (tip, mail) = (scene.laptop.tip(), scene.laptop.messages());
        let run = scene.call("sync", &scene.as_server(&story));
        assert_clear(&run, "longer than 255 bytes");
        assert_eq!((scene.laptop.tip(), scene.laptop.messages()), (tip, mail));
        scene.laptop.run(&["snapshot"]).ok();
        scene.assert_sound();
    }
}
