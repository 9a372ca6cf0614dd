//! Peers that stop talking, and do not hang up either. Until they are given up nobody else waits for
//! them; one that says that it lives is never given up, however long it is at work.

#![allow(clippy::disallowed_methods)] // settings as a person changes them, and messages

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mailvc_tests::cli::{Run, binary};
use mailvc_tests::machine::{Machine, await_file};
use mailvc_tests::mailbox;
use mailvc_transport::wire::{ErrorCode, Message};

use crate::forge::nowhere;
use crate::scene::{Scene, assert_clear, bytes_of, last_of};

/// Changes a setting.
fn set(machine: &Machine, before: &str, after: &str) {
    let config = machine.store().join("config");
    let text = fs::read_to_string(&config).expect("settings");
    let changed = text.replace(before, after);
    assert_ne!(changed, text, "no such setting");
    fs::write(&config, changed).expect("written");
}

/// Sets how many seconds a machine bears a silent peer.
fn impatient(machine: &Machine, seconds: u32) {
    set(
        machine,
        "peer_timeout = 60",
        &format!("peer_timeout = {seconds}"),
    );
}

/// The laptop runs a command with a server that is this script. It gives up, and changes nothing.
fn gives_up(scene: &Scene, command: &str, script: &str) {
    impatient(&scene.laptop, 1);
    let script = format!("cd \"${{0%/*}}\"\n{script}\n");
    fs::write(scene.laptop.home.path().join("ssh"), script).expect("a script");
    let before = scene.seen();
    let run = scene.laptop.run(&[command, "origin"]).exits(4);
    for words in [
        "the other end has stopped answering: nothing came for 1 seconds",
        "your mail is as it was",
        "is the other device awake",
    ] {
        assert_clear(&run, words);
    }
    assert!(scene.seen().but_packs() == before.but_packs());
    scene.assert_sound();
}

/// One whose commands do not wait for others as long as they might: who is kept waiting gives up.
fn hurried() -> Scene {
    let scene = Scene::new();
    set(&scene.laptop, "lock_timeout = 600", "lock_timeout = 20");
    scene
}

/// Mail comes and is recorded, looked at, and sent, as if nobody were waited for.
fn assert_nobody_waits(scene: &Scene) {
    let message = b"Subject: meanwhile\n\nhello\n";
    let delivered = mailbox::deliver(&scene.laptop.maildir(), Path::new(""), message);
    delivered.expect("delivered");
    let commands: [&[&str]; 4] = [&["snapshot"], &["log"], &["status"], &["verify"]];
    for command in commands {
        scene.laptop.run(command).ok();
    }
    let message = scene.laptop.messages().contents().len();
    assert_eq!(message, 9);
}

#[test]
fn a_client_that_says_no_more_keeps_nobody_waiting() {
    let scene = hurried();
    let mut command = scene.laptop.home.command(["serve", "--stdio"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("its input");
    let hello = bytes_of([Message::Hello(scene.hello(Some(nowhere())))]);
    stdin.write_all(&hello).expect("said");
    // It answers, and waits for what is wanted of it.
    let mut answer = [0; 5];
    let stdout = child.stdout.as_mut().expect("its output");
    stdout.read_exact(&mut answer).expect("a welcome");
    assert_nobody_waits(&scene);
    drop(stdin);
    let run = Run::from(child.wait_with_output().expect("ended"));
    assert_clear(&run, "closed the connection early");
    scene.assert_sound();
}

#[test]
fn a_server_that_says_no_more_keeps_nobody_waiting() {
    let scene = hurried();
    let home = scene.laptop.home.path();
    let welcome = bytes_of([Message::Welcome(scene.welcome(Some(nowhere())))]);
    fs::write(home.join("says"), welcome).expect("written");
    let script = "cd \"${0%/*}\"\ncat says\n: >waits\nuntil [ -e hangs-up ]; do sleep 0.02; done\n";
    fs::write(home.join("ssh"), script).expect("a script");
    let child = scene.laptop.start(&["fetch", "origin"]);
    await_file(&home.join("waits"));
    assert_nobody_waits(&scene);
    fs::write(home.join("hangs-up"), "").expect("written");
    let run = Run::from(child.wait_with_output().expect("ended"));
    assert_clear(&run, "closed");
    scene.assert_sound();
}

#[test]
fn a_server_that_never_says_anything_is_given_up() {
    for command in ["fetch", "push", "sync"] {
        gives_up(&Scene::new(), command, "exec sleep 1000");
    }
}

#[test]
fn a_server_that_falls_asleep_is_given_up() {
    gives_up(&Scene::new(), "sync", "kill -STOP $$");
}

#[test]
fn a_server_that_stops_in_the_middle_of_a_word_is_given_up() {
    // How much it says, and how much of that it swallows.
    for (said, swallowed) in [(1, 0), (5, 0), (usize::MAX, 1), (usize::MAX, 0)] {
        let scene = Scene::new();
        let mut welcome = bytes_of([Message::Welcome(scene.welcome(Some(nowhere())))]);
        welcome.truncate(said.min(welcome.len() - swallowed));
        fs::write(scene.laptop.home.path().join("says"), welcome).expect("written");
        gives_up(&scene, "fetch", "cat says\nexec sleep 1000");
    }
}

#[test]
fn a_server_that_takes_no_more_is_given_up() {
    let scene = Scene::new();
    let message = vec![b'x'; 8 << 20];
    let delivered = mailbox::deliver(&scene.laptop.maildir(), Path::new(""), &message);
    delivered.expect("delivered");
    scene.laptop.run(&["snapshot"]).ok();
    let asks = bytes_of([
        Message::Welcome(scene.welcome(Some(nowhere()))),
        Message::GraphEnd,
        Message::BlobsEnd { missing: 0 },
        Message::WantEnd { all: true },
    ]);
    fs::write(scene.laptop.home.path().join("says"), asks).expect("written");
    gives_up(&scene, "push", "cat says\nexec sleep 1000");
}

#[test]
fn a_client_that_says_no_more_is_given_up_and_told_so() {
    let scene = Scene::new();
    impatient(&scene.laptop, 1);
    let hello = bytes_of([Message::Hello(scene.hello(Some(nowhere())))]);
    for length in [0, 5, hello.len() - 1, hello.len()] {
        let before = scene.seen();
        let mut command = scene.laptop.home.command(["serve", "--stdio"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(&hello[..length]).expect("said");
        let output = child.wait_with_output().expect("ended");
        drop(stdin);
        if length == hello.len() {
            match last_of(&output.stdout) {
                Some(Message::Error { code, .. }) => assert_eq!(code, ErrorCode::Silent),
                other => panic!("{other:?}"),
            }
        }
        let run = Run::from(output).exits(4);
        assert_clear(&run, "the other end has stopped answering");
        assert_eq!(scene.seen(), before);
        scene.assert_sound();
    }
}

#[test]
fn a_server_that_is_long_at_work_is_not_given_up() {
    let scene = Scene::new();
    let (mailvc, store) = (binary(), scene.server.store());
    let environment = scene.server.home.environment();
    let variables: String = environment
        .iter()
        .map(|(name, value)| format!("export {name}='{}'\n", value.display()))
        .collect();
    let script = format!(
        "{variables}exec '{}' --store '{}' serve --stdio\n",
        mailvc.display(),
        store.display()
    );
    fs::write(scene.laptop.home.path().join("ssh"), script).expect("a script");
    impatient(&scene.laptop, 2);
    impatient(&scene.server, 2);
    let lock = File::open(scene.server.store().join("lock")).expect("the lock");
    lock.lock().expect("locked");
    let child = scene.laptop.start(&["sync", "origin"]);
    // Longer than either bears silence.
    std::thread::sleep(Duration::from_secs(5));
    lock.unlock().expect("let go");
    Run::from(child.wait_with_output().expect("ended")).ok();
    scene.assert_sound();
}
