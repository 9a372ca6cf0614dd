//! What a command on another machine gives and takes.

use std::io::Read;
use std::time::{Duration, Instant};

use mailvc_transport::ssh::SshError;

use crate::sshd::{BOTH, Sshd, Way, drain, noise, through};

#[test]
fn bytes_pass_both_ways_unchanged() {
    let sshd = Sshd::start();
    let bytes = noise(20 << 20);
    for way in BOTH {
        let stream = sshd.connect("cat", &sshd.options(way)).expect("connected");
        assert_eq!(stream.note(), None);
        let (back, ended) = through(stream, &bytes);
        assert!(back == bytes, "{way:?}");
        assert_eq!(ended.expect("ended").code, Some(0));
    }
}

#[test]
fn output_of_a_command_that_has_ended_is_all_there() {
    let sshd = Sshd::start();
    for way in BOTH {
        let (text, ended) = sshd.run("head -c 3000000 /dev/zero", &sshd.options(way));
        assert_eq!(text.len(), 3_000_000, "{way:?}");
        assert_eq!(ended.expect("ended").code, Some(0));
    }
}

#[test]
fn exit_code_and_standard_error_are_reported() {
    let sshd = Sshd::start();
    for way in BOTH {
        let command = "echo out; printf 'oops \\033[2J' >&2; exit 3";
        let (text, ended) = sshd.run(command, &sshd.options(way));
        let report = ended.expect("ended");
        assert_eq!(text, "out\n");
        assert_eq!(report.code, Some(3));
        assert_eq!(report.stderr_tail, "oops \\u{1b}[2J");
    }
}

#[test]
fn a_command_that_is_missing_is_told_from_one_that_fails() {
    let sshd = Sshd::start();
    for way in BOTH {
        let (_, ended) = sshd.run("no-such-program-here", &sshd.options(way));
        let error = ended.expect_err("not found");
        assert!(
            matches!(error, SshError::CommandNotFound { .. }),
            "{error:?}"
        );
        assert!(!error.is_retryable());
    }
}

#[test]
fn a_connection_that_breaks_is_an_error_and_worth_another_try() {
    let sshd = Sshd::start();
    for way in BOTH {
        // The shell's parent is the server's own process for this connection.
        let command = "echo begun; kill -9 $PPID; sleep 20";
        let mut stream = sshd
            .connect(command, &sshd.options(way))
            .expect("connected");
        let (mut output, input) = stream.split();
        let mut text = String::new();
        let read = output.read_to_string(&mut text);
        drop(input);
        let error = stream.finish().expect_err("broken");
        assert!(
            matches!(error, SshError::ClosedEarly { .. }),
            "{way:?} {error:?}"
        );
        assert!(error.is_retryable());
        // The system's ssh can't tell a program that ended from a line that broke but by its code.
        assert!(read.is_err() || way == Way::System);
    }
}

#[test]
fn a_writer_does_not_hang_when_the_other_end_is_gone() {
    let sshd = Sshd::start();
    for way in BOTH {
        let mut stream = sshd
            .connect("sleep 0.3", &sshd.options(way))
            .expect("connected");
        let (_output, mut input) = stream.split();
        let piece = vec![0; 65_536];
        let wrote = (0..1000).try_for_each(|_| input.write_all(&piece));
        assert!(wrote.is_err(), "{way:?}");
    }
}

#[test]
fn a_command_that_does_not_end_is_given_up() {
    let sshd = Sshd::start();
    for way in BOTH {
        let mut options = sshd.options(way);
        options.timeouts.idle = Duration::from_secs(1);
        let stream = sshd.connect("exec sleep 30", &options).expect("connected");
        let begun = Instant::now();
        let error = stream.finish().expect_err("given up");
        assert!(matches!(error, SshError::TimedOut { .. }), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_quiet_connection_stays() {
    let sshd = Sshd::start();
    let mut options = sshd.options(Way::Russh);
    options.timeouts.idle = Duration::from_millis(800);
    let stream = sshd
        .connect("sleep 3; echo awake", &options)
        .expect("connected");
    let (text, ended) = drain(stream);
    assert_eq!(text, "awake\n");
    assert_eq!(ended.expect("ended").code, Some(0));
}

#[test]
fn the_halves_are_given_once() {
    let sshd = Sshd::start();
    for way in BOTH {
        let mut stream = sshd.connect("cat", &sshd.options(way)).expect("connected");
        let first = stream.split();
        let (mut output, mut input) = stream.split();
        let mut text = String::new();
        assert_eq!(output.read_to_string(&mut text).expect("empty"), 0);
        assert!(input.write(b"x").is_err());
        drop(first);
        assert_eq!(stream.finish().expect("ended").code, Some(0));
    }
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let sshd = Sshd::files();
    for way in BOTH {
        let (_, ended) = sshd.run("true", &sshd.options(way));
        let error = ended.expect_err("unreachable");
        assert!(matches!(error, SshError::Unreachable { .. }), "{error:?}");
        assert!(error.is_retryable());
    }
}

#[test]
fn a_host_that_accepts_and_says_nothing_is_given_up() {
    let sshd = Sshd::files();
    let _mute = std::net::TcpListener::bind(("127.0.0.1", sshd.port)).expect("bound");
    let mut options = sshd.options(Way::Russh);
    options.timeouts.connect = Duration::from_millis(500);
    let (_, ended) = sshd.run("true", &options);
    assert!(matches!(ended, Err(SshError::TimedOut { .. })), "{ended:?}");
}

#[test]
fn what_only_openssh_does_is_left_to_it_and_said() {
    let sshd = Sshd::start();
    let jump = std::fs::read_to_string(sshd.path("config")).expect("read");
    let jump = jump.replacen(
        "Host peer jump",
        "Host peer\nProxyJump jump\nHost peer jump",
        1,
    );
    std::fs::write(sshd.path("config"), jump).expect("written");
    let stream = sshd
        .connect("echo hi", &sshd.options(Way::Russh))
        .expect("connected");
    assert!(stream.note().expect("a note").contains("ProxyJump"));
    let (text, ended) = drain(stream);
    assert_eq!(
        (text.as_str(), ended.expect("ended").code),
        ("hi\n", Some(0))
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_error() {
    let sshd = Sshd::files();
    std::fs::write(sshd.path("config"), "NoSuchKeyword x\n").expect("written");
    let (_, ended) = sshd.run("true", &sshd.options(Way::Russh));
    assert!(matches!(ended, Err(SshError::Config { .. })), "{ended:?}");
}

#[test]
fn the_configured_ciphers_are_kept_to() {
    for cipher in [
        "aes128-gcm@openssh.com",
        "aes256-ctr",
        "chacha20-poly1305@openssh.com",
    ] {
        let sshd = Sshd::with(&format!("Ciphers {cipher}\n"));
        let (text, _) = sshd.run("echo hi", &sshd.options(Way::Russh));
        assert_eq!(text, "hi\n", "{cipher}");
        sshd.configure("Ciphers aes192-ctr");
        let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
        assert!(ended.is_err(), "{cipher}");
    }
}
