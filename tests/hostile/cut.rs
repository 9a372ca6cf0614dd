//! Lines that break at every byte of a session.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mailvc_store::fs::OsFs;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{LockRequest, Repository};
use mailvc_tests::machine::Machine;
use mailvc_tests::mailbox::{self, Mailbox};
use mailvc_transport::protocol::{Limits, Request, run_client};
use mailvc_transport::serve::{Admission, serve};
use mailvc_transport::session::{Consent, RepoDevice, Stance};
use mailvc_transport::wire::{Role, Verb};

fn lock() -> LockRequest<'static> {
    LockRequest {
        command: "a test",
        patience: Duration::from_mins(1),
        waiting: &|_| {},
        progress: &NoProgress,
    }
}

fn open(machine: &Machine) -> Repository {
    Repository::open(Arc::new(OsFs), &machine.store()).expect("a store")
}

/// One end of a session, to its end: whether it went well.
type End = fn(&Repository, UnixStream) -> bool;

fn call(repo: &Repository, stream: UnixStream, verb: Verb) -> bool {
    let stance = Stance::Caller {
        remote: "origin".to_owned(),
        expected: None,
        introduce: true,
    };
    let lock = lock();
    let device = RepoDevice::new(repo, stance, Consent::default(), &lock);
    let request = Request {
        verb,
        account: b"",
        limits: Limits::default(),
        progress: &NoProgress,
    };
    let stream = (stream.try_clone().expect("a stream"), stream);
    run_client(&mut device.expect("a device"), stream, &request).is_ok()
}

fn answer(repo: &Repository, stream: UnixStream) -> bool {
    let admission = Admission {
        role: Role::Sync,
        only: None,
    };
    let stream = (stream.try_clone().expect("a stream"), stream);
    serve(repo, stream, &admission, &lock()).is_ok()
}

/// Carries bytes until `limit` of them went over, or one end hangs up; then both are cut off.
/// Returns what went over.
fn carry(mut from: UnixStream, mut to: UnixStream, limit: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while all.len() < limit {
        let room = piece.len().min(limit - all.len());
        match from.read(&mut piece[..room]) {
            Ok(count @ 1..) if to.write_all(&piece[..count]).is_ok() => {
                all.extend_from_slice(&piece[..count]);
            }
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    if all.len() == limit {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
    all
}

/// A line between the two, that breaks after so many bytes in one direction or the other; what
/// both ends said, and whether both were content.
fn session(ends: [(&Repository, End); 2], limits: [usize; 2]) -> ([Vec<u8>; 2], bool) {
    let pair = || UnixStream::pair().expect("a stream");
    let ((near, a), (far, b)) = (pair(), pair());
    let twin = |stream: &UnixStream| stream.try_clone().expect("a stream");
    let (a_again, b_again) = (twin(&a), twin(&b));
    thread::scope(|scope| {
        let up = scope.spawn(move || carry(a, b, limits[0]));
        let down = scope.spawn(move || carry(b_again, a_again, limits[1]));
        let [(client, asks), (server, answers)] = ends;
        let serving = scope.spawn(move || answers(server, far));
        let asked = asks(client, near);
        let answered = serving.join().expect("no panic");
        let said = [up, down].map(|it| it.join().expect("no panic"));
        (said, asked && answered)
    })
}

/// Says so much of what was once said, and hangs up. Returns whether the other end was content.
fn replay(repo: &Repository, end: End, said: &[u8]) -> bool {
    let (near, far) = UnixStream::pair().expect("a stream");
    thread::scope(|scope| {
        let ended = scope.spawn(move || end(repo, near));
        let mut writer = &far;
        // The other end may have hung up before.
        let _ = writer.write_all(said);
        let _ = far.shutdown(Shutdown::Write);
        let _ = io::copy(&mut &far, &mut io::sink());
        ended.join().expect("no panic")
    })
}

/// The files below some directories of a store.
fn files(machine: &Machine, dirs: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<PathBuf> = dirs.iter().map(|dir| machine.store().join(dir)).collect();
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = fs::read(&path).expect("a file");
                found.insert(path, bytes);
            }
        }
    }
    found
}

/// Puts packs and refs back to what they were. Keys stay: they tell where the store was made.
fn put_back(machine: &Machine, before: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in files(machine, &["packs", "refs", "log"]).keys() {
        if !before.contains_key(path) {
            fs::remove_file(path).expect("removed");
        }
    }
    for (path, bytes) in before {
        if fs::read(path).ok().as_ref() != Some(bytes) {
            fs::write(path, bytes).expect("written");
        }
    }
}

/// A server and a laptop cloned from it; then mail comes to the server, and another to the laptop.
fn apart() -> (Machine, Machine) {
    let mailbox = Mailbox {
        messages: 2,
        mean_size: 1_000,
        ..Mailbox::default()
    };
    let server = Machine::initialised("server", &mailbox);
    let laptop = Machine::cloned_by_path("laptop", &server);
    for machine in [&server, &laptop] {
        let message = format!("Subject: to {}\n\nhello\n", machine.name);
        let delivered = mailbox::deliver(&machine.maildir(), Path::new(""), message.as_bytes());
        delivered.expect("delivered");
        machine.run(&["snapshot"]).ok();
    }
    (server, laptop)
}

/// Records an honest session, puts the victim's store back, and replays to it every beginning of
/// what the other end said: nothing moves until the last that matters has come.
fn hang_up_at_every_byte(verb: Verb, victim_calls: bool) {
    let (server, laptop) = apart();
    let asks: End = match verb {
        Verb::Fetch => |repo, stream| call(repo, stream, Verb::Fetch),
        Verb::Push => |repo, stream| call(repo, stream, Verb::Push),
        Verb::Sync => |repo, stream| call(repo, stream, Verb::Sync),
    };
    let (victim, end) = if victim_calls {
        (&laptop, asks)
    } else {
        (&server, answer as End)
    };
    let dirs = ["packs", "refs", "log"];
    let (before, mail) = (files(victim, &dirs), victim.messages());
    let ends = [(&open(&laptop), asks), (&open(&server), answer as End)];
    let (said, content) = session(ends, [usize::MAX; 2]);
    assert!(content);
    let after = files(victim, &["refs"]);
    let said = &said[usize::from(victim_calls)];
    let unmoved: BTreeMap<_, _> = {
        put_back(victim, &before);
        files(victim, &["refs"])
    };
    let mut moved = 0;
    for end_at in 0..said.len() {
        let content = replay(&open(victim), end, &said[..end_at]);
        assert!(!content, "content with {end_at} of {} bytes", said.len());
        let refs = files(victim, &["refs"]);
        assert!(refs == unmoved || refs == after, "cut at {end_at}");
        moved += usize::from(refs != unmoved);
        let packs = files(victim, &["packs"]);
        let kept = before.iter().filter(|(path, _)| packs.contains_key(*path));
        assert!(kept.clone().all(|(path, bytes)| packs[path] == *bytes));
        assert_eq!(victim.messages(), mail, "cut at {end_at}");
        put_back(victim, &before);
    }
    assert!(said.len() > 500 && moved < said.len() / 4, "{moved}");
    assert!(replay(&open(victim), end, said), "the whole");
    assert_eq!(files(victim, &["refs"]), after);
    victim.assert_clean();
}

#[test]
fn a_server_that_hangs_up_at_any_byte_of_a_fetch_changes_nothing() {
    hang_up_at_every_byte(Verb::Fetch, true);
}

#[test]
fn a_client_that_hangs_up_at_any_byte_of_a_push_changes_nothing() {
    hang_up_at_every_byte(Verb::Push, false);
}

#[test]
fn a_sync_over_a_line_that_breaks_again_and_again_is_finished_by_the_next() {
    let sync: End = |repo, stream| call(repo, stream, Verb::Sync);
    for direction in [0, 1] {
        let (server, laptop) = apart();
        let mut limits = [usize::MAX; 2];
        for limit in (0..).step_by(41) {
            limits[direction] = limit;
            let ends = [(&open(&laptop), sync), (&open(&server), answer as End)];
            let (_, content) = session(ends, limits);
            for machine in [&laptop, &server] {
                assert!((3..=4).contains(&machine.messages().contents().len()));
            }
            if content {
                break;
            }
        }
        let ends = [(&open(&laptop), sync), (&open(&server), answer as End)];
        assert!(session(ends, [usize::MAX; 2]).1);
        mailvc_tests::machine::assert_in_step(&[&server, &laptop]);
        server.assert_clean();
        laptop.assert_clean();
    }
}
