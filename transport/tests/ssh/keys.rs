//! Which keys get the user in.

use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use mailvc_transport::ssh::{SshError, SshOptions};

use crate::sshd::{BOTH, Person, Sshd, Way, drain, keygen, private, public};

/// An agent that is killed when it is dropped.
struct Agent(Child);

impl Agent {
    fn with(sshd: &Sshd, keys: &[&str]) -> Self {
        let socket = sshd.path("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent");
        let agent = Self(child);
        for _ in 0..200 {
            // The file is there a moment before anybody listens.
            if UnixStream::connect(&socket).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        for key in keys {
            let mut add = Command::new("ssh-add");
            add.arg("-q")
                .arg(sshd.path(key))
                .env("SSH_AUTH_SOCK", &socket);
            assert!(add.status().expect("ssh-add").success());
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn asking(sshd: &Sshd, passphrases: &[&'static str]) -> SshOptions {
    let mut options = sshd.options(Way::Russh);
    options.batch = false;
    options.prompt = Some(Box::new(Person {
        passphrases: Mutex::new(passphrases.iter().rev().copied().collect()),
        ..Person::default()
    }));
    options
}

#[test]
fn a_key_that_is_not_authorized_is_refused_and_named() {
    let sshd = Sshd::start();
    keygen(&sshd.path("stranger"), &[]);
    sshd.configure("IdentityFile DIR/stranger");
    let text = std::fs::read_to_string(sshd.path("config")).expect("read");
    let without = text.replace(&format!("IdentityFile {}\n", sshd.path("id").display()), "");
    std::fs::write(sshd.path("config"), without).expect("written");
    for way in BOTH {
        let (_, ended) = sshd.run("echo hi", &sshd.options(way));
        let error = ended.expect_err("refused");
        assert!(
            matches!(error, SshError::AuthRefused { .. }),
            "{way:?} {error:?}"
        );
        assert!(!error.is_retryable());
        assert!(
            way == Way::System || error.to_string().contains("stranger"),
            "{error}"
        );
    }
}

#[test]
fn no_key_at_all_is_told_as_such() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("id")).expect("removed");
    std::fs::remove_file(sshd.path("id.pub")).expect("removed");
    let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
    let error = ended.expect_err("refused");
    assert!(error.to_string().contains("no key to offer"), "{error}");
}

#[test]
fn a_key_file_that_others_may_read_is_not_used() {
    let sshd = Sshd::start();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(sshd.path("id"), open).expect("set");
    let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
    assert!(
        ended
            .expect_err("refused")
            .to_string()
            .contains("chmod 600")
    );
    private(&sshd.path("id"));
    assert_eq!(sshd.run("echo hi", &sshd.options(Way::Russh)).0, "hi\n");
}

#[test]
fn a_passphrase_is_asked_for_again_when_it_is_wrong() {
    let sshd = Sshd::start();
    keygen(&sshd.path("locked"), &["-N", "secret"]);
    std::fs::write(sshd.path("authorized"), public(&sshd.path("locked"))).expect("written");
    std::fs::rename(sshd.path("locked"), sshd.path("id")).expect("renamed");
    std::fs::remove_file(sshd.path("id.pub")).expect("removed");
    let (text, ended) = sshd.run("echo hi", &asking(&sshd, &["wrong", "secret"]));
    assert_eq!(text, "hi\n", "{ended:?}");
    for options in [asking(&sshd, &["wrong"]), sshd.options(Way::Russh)] {
        let (_, ended) = sshd.run("echo hi", &options);
        assert!(
            matches!(ended, Err(SshError::AuthRefused { .. })),
            "{ended:?}"
        );
    }
}

#[test]
fn a_passphrase_is_not_asked_for_in_vain() {
    let sshd = Sshd::start();
    keygen(&sshd.path("locked"), &["-N", "secret"]);
    std::fs::rename(sshd.path("locked"), sshd.path("id")).expect("renamed");
    std::fs::rename(sshd.path("locked.pub"), sshd.path("id.pub")).expect("renamed");
    let person = Person::default();
    let asked = std::sync::Arc::clone(&person.asked);
    let mut options = sshd.options(Way::Russh);
    options.batch = false;
    options.prompt = Some(Box::new(person));
    let (_, ended) = sshd.run("echo hi", &options);
    assert!(
        matches!(ended, Err(SshError::AuthRefused { .. })),
        "{ended:?}"
    );
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn every_kind_of_key_in_the_agent_gets_in() {
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "384"), ("rsa", "2048")] {
        let sshd = Sshd::start();
        keygen(&sshd.path("held"), &["-t", kind, "-b", bits]);
        std::fs::write(sshd.path("authorized"), public(&sshd.path("held"))).expect("written");
        let _agent = Agent::with(&sshd, &["id", "held"]);
        sshd.configure("IdentityAgent DIR/agent\nIdentitiesOnly no");
        let stream = sshd
            .connect("echo hi", &sshd.options(Way::Russh))
            .expect(kind);
        assert_eq!(stream.note(), None);
        assert_eq!(drain(stream).0, "hi\n", "{kind}");
    }
}

#[test]
fn only_the_identities_named_are_offered_where_it_says_so() {
    let sshd = Sshd::start();
    keygen(&sshd.path("held"), &[]);
    std::fs::write(sshd.path("authorized"), public(&sshd.path("held"))).expect("written");
    let _agent = Agent::with(&sshd, &["held"]);
    sshd.configure("IdentityAgent DIR/agent");
    let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
    assert!(
        matches!(ended, Err(SshError::AuthRefused { .. })),
        "{ended:?}"
    );
}

#[test]
fn an_rsa_key_file_is_left_to_openssh() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("id")).expect("removed");
    keygen(&sshd.path("rsa"), &["-t", "rsa", "-b", "2048"]);
    std::fs::rename(sshd.path("rsa"), sshd.path("id")).expect("renamed");
    std::fs::rename(sshd.path("rsa.pub"), sshd.path("id.pub")).expect("renamed");
    std::fs::write(sshd.path("authorized"), public(&sshd.path("id"))).expect("written");
    let stream = sshd
        .connect("echo hi", &sshd.options(Way::Russh))
        .expect("connected");
    assert!(stream.note().expect("a note").contains("RSA"));
    assert_eq!(drain(stream).0, "hi\n");
}

#[test]
fn a_certificate_gets_its_key_in() {
    let sshd = Sshd::with("TrustedUserCAKeys DIR/ca.pub\n");
    std::fs::write(sshd.path("authorized"), "").expect("written");
    keygen(&sshd.path("ca"), &[]);
    sshd.certify("id.pub", &["-n", &crate::sshd::whoami()]);
    let stream = sshd
        .connect("echo hi", &sshd.options(Way::Russh))
        .expect("connected");
    assert_eq!(stream.note(), None);
    assert_eq!(drain(stream).0, "hi\n");
    let _agent = Agent::with(&sshd, &["id"]);
    std::fs::remove_file(sshd.path("id-cert.pub")).expect("removed");
    sshd.configure("IdentityAgent DIR/agent");
    assert_eq!(sshd.run("echo hi", &sshd.options(Way::Russh)).0, "hi\n");
}
