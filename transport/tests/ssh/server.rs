//! Our own server, with both clients.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mailvc_transport::ssh::SshError;
use mailvc_transport::ssh::server::{
    Event, Handler, Limits, Server, ServerFiles, Service, Session, listen,
};

use crate::sshd::{BOTH, Sshd, Way, drain, noise, public, through};

type Input = Box<dyn Read + Send>;
type Output = Box<dyn Write + Send>;

/// Sends back what comes, and ends with 7.
fn echo(_session: Session, mut input: Input, mut output: Output) -> i32 {
    match std::io::copy(&mut input, &mut output) {
        Ok(_) => 7,
        Err(_) => 1,
    }
}

fn serve(sshd: &mut Sshd, limits: Limits, service: Service) -> Server {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let files = ServerFiles {
        host_key: sshd.path("host"),
        authorized_keys: sshd.path("authorized"),
    };
    let server = listen(address, &files, limits, service).expect("listening");
    sshd.port = server.address().port();
    sshd.know(&public(&sshd.path("host")));
    sshd.configure("");
    server
}

fn quiet(handler: impl Fn(Session, Input, Output) -> i32 + Send + Sync + 'static) -> Service {
    let handler: Arc<Handler> = Arc::new(handler);
    Service::quiet(handler)
}

#[test]
fn bytes_pass_both_ways_unchanged() {
    let mut sshd = Sshd::files();
    let _server = serve(&mut sshd, Limits::default(), quiet(echo));
    let bytes = noise(20 << 20);
    for way in BOTH {
        let stream = sshd.connect("x", &sshd.options(way)).expect("connected");
        let (back, ended) = through(stream, &bytes);
        assert!(back == bytes, "{way:?}");
        assert_eq!(ended.expect("ended").code, Some(7), "{way:?}");
    }
}

#[test]
fn a_large_answer_is_whole_when_the_handler_ends_at_once() {
    let mut sshd = Sshd::files();
    let bytes = Arc::new(noise(40 << 20));
    let sent = Arc::clone(&bytes);
    let handler = move |_: Session, _: Input, mut output: Output| {
        output.write_all(&sent).expect("sent");
        0
    };
    let _server = serve(&mut sshd, Limits::default(), quiet(handler));
    for way in BOTH {
        let mut stream = sshd.connect("x", &sshd.options(way)).expect("connected");
        let (mut output, input) = stream.split();
        drop(input);
        let mut back = Vec::new();
        output.read_to_end(&mut back).expect("received");
        assert!(back == *bytes, "{way:?}");
        assert_eq!(stream.finish().expect("ended").code, Some(0));
    }
}

#[test]
fn the_handler_learns_who_came_and_what_they_want() {
    let mut sshd = Sshd::files();
    let key = public(&sshd.path("id"));
    let line = format!("restrict,command=\"serve it\",role=\"push\" {key}");
    std::fs::write(sshd.path("authorized"), line).expect("written");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let handler = move |session: Session, _: Input, _: Output| {
        kept.lock().expect("kept").push(session);
        0
    };
    let _server = serve(&mut sshd, Limits::default(), quiet(handler));
    sshd.configure("SetEnv LANGUAGE=de");
    for way in BOTH {
        let (_, ended) = sshd.run("hello 'there'", &sshd.options(way));
        ended.expect("ended");
    }
    let seen = seen.lock().expect("seen");
    for session in seen.iter() {
        assert_eq!(session.command.as_deref(), Some("hello 'there'"));
        assert_eq!(session.comment, "test");
        assert!(session.fingerprint.starts_with("SHA256:"));
        let options = session.options.iter().map(|option| option.value.as_deref());
        let values: Vec<_> = options.collect();
        assert_eq!(values, [None, Some("serve it"), Some("push")]);
    }
    // Only OpenSSH sends the environment that its configuration sets.
    let sent = (String::from("LANGUAGE"), String::from("de"));
    assert!(
        seen.iter()
            .any(|session| session.environment.contains(&sent))
    );
}

#[test]
fn a_key_that_is_not_authorized_stays_out_and_that_is_told() {
    let mut sshd = Sshd::files();
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let service = Service {
        log: Arc::new(move |event| told.lock().expect("told").push(event.clone())),
        ..quiet(echo)
    };
    let _server = serve(&mut sshd, Limits::default(), service);
    for line in [
        String::new(),
        format!("from=\"10.0.0.1\" {}", public(&sshd.path("id"))),
    ] {
        std::fs::write(sshd.path("authorized"), line).expect("written");
        for way in BOTH {
            let (_, ended) = sshd.run("x", &sshd.options(way));
            assert!(
                matches!(ended, Err(SshError::AuthRefused { .. })),
                "{ended:?}"
            );
        }
    }
    let events = events.lock().expect("events");
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    assert_eq!(events.iter().filter(refused).count(), 4);
    assert_eq!(events.len(), 4);
}

#[test]
fn a_key_that_was_taken_out_of_the_file_is_out_at_once() {
    let mut sshd = Sshd::files();
    let _server = serve(&mut sshd, Limits::default(), quiet(echo));
    let (_, ended) = sshd.run("x", &sshd.options(Way::Russh));
    assert_eq!(ended.expect("ended").code, Some(7));
    std::fs::write(sshd.path("authorized"), "").expect("written");
    let (_, ended) = sshd.run("x", &sshd.options(Way::Russh));
    assert!(ended.is_err());
}

#[test]
fn nothing_is_forwarded() {
    let mut sshd = Sshd::files();
    let _server = serve(&mut sshd, Limits::default(), quiet(echo));
    let target = format!("127.0.0.1:{}", sshd.port);
    let output = std::process::Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-F"])
        .arg(sshd.path("config"))
        .args(["-W", &target, "peer"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("ssh");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

#[test]
fn a_handler_that_breaks_down_takes_no_other_session_with_it() {
    let mut sshd = Sshd::files();
    let handler = |session: Session, input: Input, output: Output| {
        assert_eq!(
            session.command.as_deref(),
            Some("good"),
            "broken on purpose"
        );
        echo(session, input, output)
    };
    let _server = serve(&mut sshd, Limits::default(), quiet(handler));
    let (_, ended) = sshd.run("bad", &sshd.options(Way::Russh));
    assert_eq!(ended.expect("ended").code, Some(70));
    let (_, ended) = sshd.run("good", &sshd.options(Way::Russh));
    assert_eq!(ended.expect("ended").code, Some(7));
}

#[test]
fn who_does_not_say_what_they_want_is_cut_off() {
    let mut sshd = Sshd::files();
    let limits = Limits {
        login: Duration::from_millis(300),
        ..Limits::default()
    };
    let _server = serve(&mut sshd, limits, quiet(echo));
    for greeting in ["", "SSH-2.0-slow\r\n"] {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, sshd.port)).expect("connected");
        socket.write_all(greeting.as_bytes()).expect("greeted");
        let patience = Some(Duration::from_secs(10));
        socket.set_read_timeout(patience).expect("set");
        let mut answer = Vec::new();
        let begun = Instant::now();
        let read = socket.read_to_end(&mut answer);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{greeting:?} {read:?}"
        );
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_unheard() {
    let mut sshd = Sshd::files();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let _server = serve(&mut sshd, limits, quiet(echo));
    let mut first = sshd
        .connect("x", &sshd.options(Way::Russh))
        .expect("connected");
    let (mut output, mut input) = first.split();
    input.write_all(b"a").expect("sent");
    output.read_exact(&mut [0]).expect("received");
    let (_, ended) = sshd.run("x", &sshd.options(Way::Russh));
    assert!(ended.expect_err("too many").is_retryable());
    drop(input);
    assert_eq!(first.finish().expect("ended").code, Some(7));
    // The place is free again.
    for attempt in 0.. {
        let (_, ended) = sshd.run("x", &sshd.options(Way::Russh));
        if ended.is_ok() {
            break;
        }
        assert!(attempt < 100, "{ended:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_stops_lets_sessions_end() {
    let mut sshd = Sshd::files();
    let server = serve(&mut sshd, Limits::default(), quiet(echo));
    let mut stream = sshd
        .connect("x", &sshd.options(Way::Russh))
        .expect("connected");
    let (mut output, mut input) = stream.split();
    input.write_all(b"a").expect("sent");
    output.read_exact(&mut [0]).expect("received");
    let stopping = thread::spawn(move || server.stop());
    thread::sleep(Duration::from_millis(300));
    let (_, ended) = sshd.run("x", &sshd.options(Way::Russh));
    assert!(
        matches!(ended, Err(SshError::Unreachable { .. })),
        "{ended:?}"
    );
    input.write_all(b"b").expect("sent");
    drop(input);
    let (text, ended) = {
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("received");
        (rest, stream.finish())
    };
    assert_eq!((text.as_str(), ended.expect("ended").code), ("b", Some(7)));
    assert_eq!(stopping.join().expect("stopped"), 0);
}

#[test]
fn a_server_that_stops_cuts_those_that_do_not_end() {
    let mut sshd = Sshd::files();
    let limits = Limits {
        stop: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = serve(&mut sshd, limits, quiet(echo));
    let mut stream = sshd
        .connect("x", &sshd.options(Way::Russh))
        .expect("connected");
    let (mut output, mut input) = stream.split();
    input.write_all(b"a").expect("sent");
    output.read_exact(&mut [0]).expect("received");
    assert_eq!(server.stop(), 1);
    assert!(output.read(&mut [0]).is_err());
    drop(input);
    let (_, ended) = drain(stream);
    assert!(
        matches!(ended, Err(SshError::ClosedEarly { .. })),
        "{ended:?}"
    );
}

#[test]
fn two_ends_that_both_write_first_do_not_wait_for_each_other() {
    let mut sshd = Sshd::files();
    let bytes = Arc::new(noise(24 << 20));
    let sent = Arc::clone(&bytes);
    let handler = move |_: Session, mut input: Input, mut output: Output| {
        output.write_all(&sent).expect("sent");
        drop(output);
        let mut back = Vec::new();
        input.read_to_end(&mut back).expect("received");
        i32::from(back != *sent)
    };
    let _server = serve(&mut sshd, Limits::default(), quiet(handler));
    let mut stream = sshd
        .connect("x", &sshd.options(Way::Russh))
        .expect("connected");
    let (mut output, mut input) = stream.split();
    input.write_all(&bytes).expect("sent");
    drop(input);
    let mut back = Vec::new();
    output.read_to_end(&mut back).expect("received");
    assert!(back == *bytes);
    assert_eq!(stream.finish().expect("ended").code, Some(0));
}

#[test]
fn a_peer_that_falls_silent_is_noticed_by_both_ends() {
    // A host in between that at some moment passes nothing on any more.
    let mut sshd = Sshd::files();
    let idle = Duration::from_millis(800);
    let limits = Limits {
        idle,
        ..Limits::default()
    };
    let (told, lost) = std::sync::mpsc::channel();
    let told = Mutex::new(told);
    let handler = move |_: Session, mut input: Input, mut output: Output| {
        output.write_all(b"a").expect("sent");
        let read = input.read(&mut [0]);
        told.lock()
            .expect("told")
            .send(read.is_err())
            .expect("told");
        0
    };
    let server = serve(&mut sshd, limits, quiet(handler));
    let (port, silent) = wall(server.address());
    sshd.port = port;
    sshd.know(&public(&sshd.path("host")));
    sshd.configure("");
    let mut options = sshd.options(Way::Russh);
    options.timeouts.idle = idle;
    let mut stream = sshd.connect("x", &options).expect("connected");
    let (mut output, _input) = stream.split();
    output.read_exact(&mut [0]).expect("received");
    silent.store(true, std::sync::atomic::Ordering::Relaxed);
    let begun = Instant::now();
    assert!(output.read(&mut [0]).is_err());
    assert!(lost.recv().expect("told"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// Passes bytes between its own port and `target` until it is told to be silent.
fn wall(target: SocketAddr) -> (u16, Arc<std::sync::atomic::AtomicBool>) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let silent = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = Arc::clone(&silent);
    thread::spawn(move || {
        let (near, _) = listener.accept().expect("accepted");
        let far = TcpStream::connect(target).expect("connected");
        let pass =
            |mut from: TcpStream, mut to: TcpStream, silent: Arc<std::sync::atomic::AtomicBool>| {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    if !silent.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = to.write_all(&buffer[..count]);
                    }
                }
                // Held open: a host that is gone closes nothing.
                thread::sleep(Duration::from_secs(10));
            };
        let (near2, far2) = (
            near.try_clone().expect("cloned"),
            far.try_clone().expect("cloned"),
        );
        let also = Arc::clone(&told);
        thread::spawn(move || pass(near2, far2, also));
        pass(far, near, told);
    });
    (port, silent)
}
