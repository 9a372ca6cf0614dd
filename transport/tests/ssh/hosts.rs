//! Who is let be the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mailvc_transport::ssh::SshError;

use crate::sshd::{BOTH, Person, Sshd, Way, drain, keygen, public};

#[test]
fn an_unknown_host_is_refused_where_nobody_can_be_asked() {
    let sshd = Sshd::start();
    std::fs::write(sshd.path("known"), "").expect("written");
    for way in BOTH {
        let (_, ended) = sshd.run("echo hi", &sshd.options(way));
        let error = ended.expect_err("unknown");
        assert!(
            matches!(error, SshError::UnknownHost { .. }),
            "{way:?} {error:?}"
        );
        assert!(!error.is_retryable());
    }
    assert_eq!(
        std::fs::read_to_string(sshd.path("known")).expect("read"),
        ""
    );
}

#[test]
fn an_unknown_host_is_asked_about_once_and_recorded() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("known")).expect("removed");
    let person = Person {
        trusts: true,
        ..Person::default()
    };
    let asked = Arc::clone(&person.asked);
    let mut options = sshd.options(Way::Russh);
    options.batch = false;
    options.prompt = Some(Box::new(person));
    for _ in 0..2 {
        let (text, ended) = sshd.run("echo hi", &options);
        assert_eq!(text, "hi\n");
        ended.expect("ended");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
    // OpenSSH reads what was recorded.
    let (text, _) = sshd.run("echo hi", &sshd.options(Way::System));
    assert_eq!(text, "hi\n");
}

#[test]
fn a_host_that_a_person_does_not_trust_is_refused_and_not_recorded() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("known")).expect("removed");
    let mut options = sshd.options(Way::Russh);
    options.batch = false;
    options.prompt = Some(Box::new(Person::default()));
    let (_, ended) = sshd.run("echo hi", &options);
    assert!(
        matches!(ended, Err(SshError::UnknownHost { .. })),
        "{ended:?}"
    );
    assert!(!sshd.path("known").exists());
}

#[test]
fn accept_new_records_a_hashed_name_where_names_are_hashed() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("known")).expect("removed");
    sshd.configure("StrictHostKeyChecking accept-new\nHashKnownHosts yes");
    for way in [Way::Russh, Way::System, Way::Russh] {
        let (text, ended) = sshd.run("echo hi", &sshd.options(way));
        assert_eq!(text, "hi\n", "{way:?} {ended:?}");
    }
    let known = std::fs::read_to_string(sshd.path("known")).expect("read");
    assert!(
        known.starts_with("|1|") && known.lines().count() == 1,
        "{known}"
    );
}

#[test]
fn a_changed_key_stops_everything_whatever_the_configuration() {
    let sshd = Sshd::start();
    keygen(&sshd.path("other"), &[]);
    let line = format!("# a note\n{} {}", sshd.name(), public(&sshd.path("other")));
    std::fs::write(sshd.path("known"), &line).expect("written");
    let place = format!("{}:2", sshd.path("known").display());
    for strict in ["ask", "yes", "accept-new", "no"] {
        sshd.configure(&format!("StrictHostKeyChecking {strict}"));
        let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
        match ended {
            Err(SshError::HostKeyChanged { known, .. }) => assert_eq!(known, place),
            other => panic!("{strict}: {other:?}"),
        }
    }
    sshd.configure("");
    match sshd.run("echo hi", &sshd.options(Way::System)).1 {
        Err(SshError::HostKeyChanged {
            known, fingerprint, ..
        }) => {
            assert_eq!(known, place);
            assert!(fingerprint.starts_with("SHA256:"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        std::fs::read_to_string(sshd.path("known")).expect("read"),
        line
    );
}

#[test]
fn a_key_of_another_kind_than_the_known_one_is_a_changed_key() {
    let sshd = Sshd::start();
    keygen(&sshd.path("other"), &["-t", "ecdsa"]);
    sshd.know(&public(&sshd.path("other")));
    let (_, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
    assert!(
        matches!(ended, Err(SshError::HostKeyChanged { .. })),
        "{ended:?}"
    );
}

#[test]
fn the_known_kind_of_key_is_asked_for() {
    let sshd = Sshd::with_key("ecdsa");
    sshd.know(&public(&sshd.path("ecdsa")));
    let (text, ended) = sshd.run("echo hi", &sshd.options(Way::Russh));
    assert_eq!(text, "hi\n", "{ended:?}");
}

#[test]
fn a_host_known_by_its_rsa_key_is_left_to_openssh() {
    let sshd = Sshd::with_key("rsa");
    sshd.know(&public(&sshd.path("rsa")));
    let stream = sshd
        .connect("echo hi", &sshd.options(Way::Russh))
        .expect("connected");
    assert!(stream.note().is_some());
    assert_eq!(drain(stream).0, "hi\n");
}

#[test]
fn a_revoked_key_is_refused_though_it_is_known() {
    let sshd = Sshd::start();
    let key = public(&sshd.path("host"));
    let text = format!("{} {key}@revoked * {key}", sshd.name());
    std::fs::write(sshd.path("known"), text).expect("written");
    for way in BOTH {
        let (_, ended) = sshd.run("echo hi", &sshd.options(way));
        let error = ended.expect_err("revoked");
        assert!(
            matches!(error, SshError::HostKeyRevoked { .. }),
            "{way:?} {error:?}"
        );
    }
}

#[test]
fn a_host_that_an_authority_certifies_is_left_to_openssh() {
    let sshd = Sshd::with_certificate();
    let authority = public(&sshd.path("ca"));
    let line = format!("@cert-authority {} {authority}", sshd.name());
    std::fs::write(sshd.path("known"), line).expect("written");
    let stream = sshd
        .connect("echo hi", &sshd.options(Way::Russh))
        .expect("connected");
    assert!(stream.note().expect("a note").contains("authority"));
    let (text, ended) = drain(stream);
    assert_eq!(text, "hi\n", "{ended:?}");
}

#[test]
fn an_alias_is_what_the_host_is_known_by() {
    let sshd = Sshd::start();
    let line = format!("the-alias {}", public(&sshd.path("host")));
    std::fs::write(sshd.path("known"), line).expect("written");
    sshd.configure("HostKeyAlias the-alias");
    for way in BOTH {
        assert_eq!(sshd.run("echo hi", &sshd.options(way)).0, "hi\n", "{way:?}");
    }
}
