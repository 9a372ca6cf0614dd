use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::{Listener, Patience, Speaker, keep};
use crate::wire::{ALIVE, FrameReader, FrameWriter};

/// One end, with so many milliseconds of patience.
fn end(socket: UnixStream, silence: u64) -> (Listener, Speaker) {
    let patience = Patience {
        silence: Some(Duration::from_millis(silence)),
        at_once: true,
    };
    let reader = socket.try_clone().expect("a socket");
    keep((reader, socket), patience).expect("threads")
}

/// One end, and a bare socket at the other.
fn against_a_socket(silence: u64) -> ((Listener, Speaker), UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    (end(ours, silence), theirs)
}

#[test]
fn a_sign_of_life_is_a_frame_of_five_bytes() {
    let (_end, mut socket) = against_a_socket(200);
    let mut bytes = [0; 10];
    socket.read_exact(&mut bytes).expect("two of them");
    assert_eq!(bytes, *b"\x01\0\0\0\x0e\x01\0\0\0\x0e");
}

#[test]
fn a_peer_that_is_silent_is_given_up() {
    let ((mut listener, _speaker), _socket) = against_a_socket(100);
    let error = listener.read(&mut [0]).expect_err("nothing came");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_peer_that_takes_nothing_and_is_silent_is_given_up() {
    let ((_listener, mut speaker), _socket) = against_a_socket(100);
    let piece = vec![0; 1 << 20];
    let error = (0..100).find_map(|_| speaker.write_all(&piece).err());
    assert_eq!(error.expect("nobody reads").kind(), ErrorKind::TimedOut);
}

#[test]
fn a_peer_that_is_long_at_work_is_waited_for() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let (listener, _speaker) = end(ours, 2000);
    let worker = thread::spawn(move || {
        let (_listener, speaker) = end(theirs, 2000);
        thread::sleep(Duration::from_secs(4));
        let mut writer = FrameWriter::new(speaker);
        writer.put(1, b"done").expect("put");
        writer.flush().expect("said");
    });
    let said = FrameReader::new(listener).take();
    assert_eq!(said.expect("a frame"), (1, b"done".to_vec()));
    worker.join().expect("done");
}

#[test]
fn a_peer_that_is_slow_to_take_but_breathes_is_waited_for() {
    let ((_listener, mut speaker), mut socket) = against_a_socket(2000);
    let slow = thread::spawn(move || {
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(500));
            socket.write_all(&ALIVE).expect("breathed");
        }
        let mut taken = vec![0; 8 << 20];
        socket.read_exact(&mut taken).expect("read");
        taken
    });
    // Larger than what fits into memory and a socket, so that it must be waited for.
    let pieces = [vec![1; 4 << 20], vec![2; 4 << 20]];
    for piece in &pieces {
        speaker.write_all(piece).expect("taken");
    }
    speaker.flush().expect("taken");
    assert!(slow.join().expect("read") == pieces.concat());
}

#[test]
fn what_was_said_before_the_end_arrives_and_then_the_end() {
    let ((listener, mut speaker), mut socket) = against_a_socket(60_000);
    speaker.write_all(b"farewell").expect("taken");
    drop((listener, speaker));
    let mut all = [0; 8];
    socket.read_exact(&mut all).expect("said");
    assert_eq!(&all, b"farewell");
}

#[test]
fn what_came_before_the_line_broke_is_heard_and_then_the_break() {
    let ((mut listener, mut speaker), mut socket) = against_a_socket(60_000);
    socket.write_all(b"the reason").expect("said");
    drop(socket);
    let mut all = Vec::new();
    listener.read_to_end(&mut all).expect("heard");
    assert_eq!(all, b"the reason");
    let said = speaker.write_all(b"what?").and_then(|()| speaker.flush());
    assert_eq!(
        said.expect_err("nobody is there").kind(),
        ErrorKind::BrokenPipe
    );
}
