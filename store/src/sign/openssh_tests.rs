//! OpenSSH's own `ssh-keygen` as the judge: what it accepts we accept, and the other way round.
//! Where it is not installed these tests say so and pass.

#![allow(clippy::disallowed_methods)] // files for another program to read

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{
    AllowedSigner, AllowedSigners, KeyFile, NAMESPACE, PublicKey, SignError, Signer, armor,
    dearmor, verify,
};
use crate::fs::OsFs;
use crate::time::Timestamp;

const MESSAGE: &[u8] = b"a snapshot's bytes\n\0\xff";

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    #[allow(clippy::print_stderr)] // a skipped test must be seen
    fn new() -> Option<Self> {
        let asked = Command::new("ssh-keygen").arg("-?").output();
        if asked.is_err() {
            eprintln!("skipped: no ssh-keygen here");
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("message"), MESSAGE).expect("written");
        Some(Self { dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn keygen(&self, arguments: &[&str], input: Option<&Path>) -> bool {
        let input = input.map_or(Stdio::null(), |path| {
            File::open(path).expect("a file").into()
        });
        let mut command = Command::new("ssh-keygen");
        command.current_dir(self.dir.path()).args(arguments);
        let output = command.stdin(input).output().expect("runs");
        output.status.success()
    }

    /// Whether `ssh-keygen -Y verify` accepts `sshsig`, the signers' file being `signers`.
    fn accepts(&self, signers: &str, sshsig: &[u8], extra: &[&str]) -> bool {
        fs::write(self.path("signers"), signers).expect("written");
        fs::write(self.path("sig"), armor(sshsig).expect("armored")).expect("written");
        let arguments = [
            "-Y", "verify", "-f", "signers", "-I", "laptop", "-n", NAMESPACE, "-s", "sig",
        ];
        let arguments = [&arguments[..], extra].concat();
        self.keygen(&arguments, Some(&self.path("message")))
    }

    /// A key made by ssh-keygen and its signature of the message.
    fn foreign(&self, kind: &str, namespace: &str) -> (PublicKey, Vec<u8>) {
        let made = self.keygen(
            &["-q", "-t", kind, "-N", "", "-C", "a b", "-f", "key"],
            None,
        );
        assert!(made, "{kind}");
        let line = fs::read_to_string(self.path("key.pub")).expect("a key");
        assert!(self.keygen(
            &["-Y", "sign", "-f", "key", "-n", namespace, "message"],
            None
        ));
        let armored = fs::read_to_string(self.path("message.sig")).expect("a signature");
        let sshsig = dearmor(&armored).expect("a signature");
        assert_eq!(armor(&sshsig), Ok(armored));
        (PublicKey::from_openssh(&line).expect("a key"), sshsig)
    }
}

fn entry(key: &PublicKey) -> AllowedSigner {
    AllowedSigner::new("laptop".parse().expect("a pattern"), key.clone())
}

#[test]
fn openssh_accepts_what_we_sign_and_nothing_else() {
    let Some(bench) = Bench::new() else { return };
    let key = KeyFile::generate(&OsFs, &bench.path("device"), "a device").expect("made");
    let sshsig = key.sign(MESSAGE).expect("signed");
    let line = entry(key.public_key()).to_line();
    assert!(bench.accepts(&line, &sshsig, &[]));
    let other = key.sign(b"another message").expect("signed");
    assert!(!bench.accepts(&line, &other, &[]));
}

#[test]
fn openssh_reads_the_key_files_that_we_write() {
    let Some(bench) = Bench::new() else { return };
    let key = KeyFile::generate(&OsFs, &bench.path("device"), "a device").expect("made");
    assert!(bench.keygen(
        &["-Y", "sign", "-f", "device", "-n", NAMESPACE, "message"],
        None
    ));
    let armored = fs::read_to_string(bench.path("message.sig")).expect("a signature");
    let sshsig = dearmor(&armored).expect("a signature");
    assert_eq!(verify(key.public_key(), MESSAGE, &sshsig), Ok(()));
    // ed25519 signatures hold no random number: both programs made the same bytes.
    assert_eq!(key.sign(MESSAGE), Ok(sshsig));
}

#[test]
fn we_accept_what_openssh_signs() {
    for kind in ["ed25519", "ecdsa"] {
        let Some(bench) = Bench::new() else { return };
        let (key, sshsig) = bench.foreign(kind, NAMESPACE);
        assert_eq!(verify(&key, MESSAGE, &sshsig), Ok(()), "{kind}");
        let changed = verify(&key, b"another message", &sshsig);
        assert_eq!(changed, Err(SignError::Wrong(key.fingerprint())));
        let loaded = KeyFile::load(&OsFs, &bench.path("key")).expect("loaded");
        assert_eq!(loaded.public_key(), &key);
        let ours = loaded.sign(MESSAGE).expect("signed");
        assert!(bench.accepts(&entry(&key).to_line(), &ours, &[]), "{kind}");
    }
}

#[test]
fn a_signature_for_files_is_none_for_snapshots() {
    let Some(bench) = Bench::new() else { return };
    let (key, sshsig) = bench.foreign("ed25519", "file");
    let refused = verify(&key, MESSAGE, &sshsig);
    assert_eq!(refused, Err(SignError::OtherNamespace("file".to_owned())));
}

#[test]
fn an_rsa_key_is_named_as_not_supported() {
    let Some(bench) = Bench::new() else { return };
    let (key, sshsig) = bench.foreign("rsa", NAMESPACE);
    let refused = verify(&key, MESSAGE, &sshsig);
    assert_eq!(refused, Err(SignError::Unsupported("ssh-rsa".to_owned())));
    assert_eq!(
        AllowedSigners::parse(&entry(&key).to_line()).map(|file| file.entries().len()),
        Ok(1)
    );
}

/// Whether a line counts must be the same question to both programs.
#[test]
fn openssh_and_we_read_allowed_signers_alike() {
    let Some(bench) = Bench::new() else { return };
    let key = KeyFile::generate(&OsFs, &bench.path("device"), "").expect("made");
    let sshsig = key.sign(MESSAGE).expect("signed");
    let public = key.public_key().to_openssh();
    let now = Timestamp(1_767_312_000); // 2026-01-02 00:00:00 UTC
    let beginnings = [
        "laptop",
        "*",
        "lap*,!laptop",
        "!laptop,*",
        "l?ptop,x",
        "Laptop",
        "desk,laptop namespaces=\"mailvc-snapshot\"",
        "laptop Namespaces=\"file,mailvc-*\"",
        "laptop namespaces=\"*,!mailvc-snapshot\"",
        "laptop namespaces=\"file\"",
        "laptop namespaces=mailvc-snapshot",
        "laptop namespaces=\"*\",namespaces=\"*\"",
        "laptop cert-authority",
        "laptop valid-after=\"20260102Z\"",
        "laptop valid-after=\"20260102000001Z\"",
        "laptop valid-before=\"20260102000000Z\"",
        "laptop valid-before=\"20260101235959Z\"",
        "laptop valid-after=\"202601012359Z\",valid-before=\"20260103Z\"",
        "laptop valid-after=\"20261302Z\"",
        "laptop valid-after=\"2026010203Z\"",
        "laptop no-such-option",
        "laptop cert-authority,",
        "  laptop ",
        "# laptop",
    ];
    for beginning in beginnings {
        let line = format!("{beginning} {public} a comment");
        let theirs = bench.accepts(&line, &sshsig, &["-Overify-time=20260102000000Z"]);
        let ours = AllowedSigners::parse(&line).is_ok_and(|signers| {
            let found = signers.find(key.public_key(), NAMESPACE, now);
            found.is_some_and(|entry| entry.principals.matches("laptop"))
        });
        assert_eq!(ours, theirs, "{line}");
        for entry in AllowedSigners::parse(&line).unwrap_or_default().entries() {
            let again = bench.accepts(
                &entry.to_line(),
                &sshsig,
                &["-Overify-time=20260102000000Z"],
            );
            assert_eq!(again, theirs, "{}", entry.to_line());
        }
    }
}
