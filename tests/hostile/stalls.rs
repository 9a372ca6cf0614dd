//! Peers that stop talking, and do not hang up either. No clock ends such a session, since a peer may
//! be at work for long; so it must cost nobody anything.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::await_file;
use mailvc_tests::mailbox;
use mailvc_transport::wire::Message;

use crate::forge::nowhere;
use crate::scene::{Scene, assert_clear, bytes_of};

/// One whose commands do not wait for others as long as they might: who is kept waiting gives up.
fn impatient() -> Scene {
    let scene = Scene::new();
    let path = scene.laptop.store().join("config");
    let text = fs::read_to_string(&path).expect("settings");
    let changed = text.replace("lock_timeout = 600", "lock_timeout = 20");
    assert_ne!(changed, text, "no such setting");
    fs::write(&path, changed).expect("written");
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
    let scene = impatient();
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
    let scene = impatient();
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
