//! An OpenSSH server of one test's own, on a loopback port, and a client's files for it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mailvc_transport::ssh::{
    Destination, Duplex, ExitReport, Prompt, SshError, SshOptions, UnknownHost, connect,
};

/// Both ways to connect: russh, and the system's ssh.
pub(crate) const BOTH: [Way; 2] = [Way::Russh, Way::System];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Russh,
    System,
}

/// A server that is killed when it is dropped.
pub(crate) struct Sshd {
    child: Option<Child>,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) port: u16,
}

/// Makes a key pair with OpenSSH's own tool.
pub(crate) fn keygen(path: &Path, more: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", "test", "-f"]).arg(path);
    if !more.contains(&"-N") {
        command.args(["-N", ""]);
    }
    if !more.contains(&"-t") {
        command.args(["-t", "ed25519"]);
    }
    assert!(command.args(more).status().expect("ssh-keygen").success());
}

pub(crate) fn public(path: &Path) -> String {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    std::fs::read_to_string(name).expect("a public key")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Sshd {
    /// Starts a server that lets the client's key in; its own key is in the client's known_hosts.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// The same, with more lines in the server's configuration; DIR is its directory.
    pub(crate) fn with(more: &str) -> Self {
        Self::prepared(more, |_| {})
    }

    fn prepared(more: &str, prepare: impl FnOnce(&Self)) -> Self {
        let mut sshd = Self::files();
        prepare(&sshd);
        let dir = sshd.dir.path().to_owned();
        let user = whoami();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey DIR/host\nAuthorizedKeysFile DIR/authorized\n\
             PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nAllowUsers {user}\n{more}",
            sshd.port
        );
        let config = config.replace("DIR", &dir.display().to_string());
        std::fs::write(dir.join("sshd_config"), config).expect("written");
        // Where the server parts with its privileges; Debian makes it when the service starts.
        let _ = std::fs::create_dir_all("/run/sshd");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stderr(std::fs::File::create(dir.join("log")).expect("a log"))
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd: install openssh-server");
        sshd.child = Some(child);
        sshd.wait();
        sshd
    }

    /// A server whose host keys are its own and one more of `kind`, in a file of that name.
    pub(crate) fn with_key(kind: &str) -> Self {
        Self::prepared(&format!("HostKey DIR/{kind}\n"), |sshd| {
            keygen(&sshd.path(kind), &["-t", kind]);
        })
    }

    /// A server whose host key is certified by the key in `ca`.
    pub(crate) fn with_certificate() -> Self {
        Self::prepared("HostCertificate DIR/host-cert.pub\n", |sshd| {
            keygen(&sshd.path("ca"), &[]);
            sshd.certify("host.pub", &["-h", "-n", "127.0.0.1"]);
        })
    }

    /// Lets the key in `ca` certify a public key.
    pub(crate) fn certify(&self, public: &str, more: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        command.arg("-q").arg("-s").arg(self.path("ca"));
        command
            .args(["-I", "test"])
            .args(more)
            .arg(self.path(public));
        assert!(command.status().expect("ssh-keygen").success());
    }

    /// Only the files, and a port on which nothing runs yet.
    pub(crate) fn files() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let sshd = Self {
            child: None,
            port: free_port(),
            dir,
        };
        keygen(&sshd.path("host"), &[]);
        keygen(&sshd.path("id"), &[]);
        std::fs::write(sshd.path("authorized"), public(&sshd.path("id"))).expect("written");
        sshd.know(&public(&sshd.path("host")));
        sshd.configure("");
        sshd
    }

    fn wait(&self) {
        for _ in 0..200 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("sshd does not listen: {log}");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The server's name in known_hosts.
    pub(crate) fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// Makes known_hosts hold one line for the server's name.
    pub(crate) fn know(&self, key: &str) {
        std::fs::write(self.path("known"), format!("{} {key}", self.name())).expect("written");
    }

    /// Writes the client's configuration; `first` comes before all else, so that it holds.
    pub(crate) fn configure(&self, first: &str) {
        let text = format!(
            "Host peer jump\n{first}\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile DIR/id\n\
             IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile DIR/known\n\
             GlobalKnownHostsFile /dev/null\nHashKnownHosts no\n",
            self.port,
            whoami()
        );
        let text = text.replace("DIR", &self.dir.path().display().to_string());
        std::fs::write(self.path("config"), text).expect("written");
    }

    /// Options that read the client's configuration.
    pub(crate) fn options(&self, way: Way) -> SshOptions {
        SshOptions {
            config_file: Some(self.path("config")),
            command: (way == Way::System).then(|| vec!["ssh".into()]),
            batch: true,
            ..SshOptions::default()
        }
    }

    pub(crate) fn connect(
        &self,
        command: &str,
        options: &SshOptions,
    ) -> Result<Box<dyn Duplex>, SshError> {
        connect(&self.peer(), command, options)
    }

    fn peer(&self) -> Destination {
        Destination {
            user: None,
            host: "peer".into(),
            port: Some(self.port),
        }
    }

    /// Runs a command and returns its output and how it ended.
    pub(crate) fn run(&self, command: &str, options: &SshOptions) -> (String, Ended) {
        match self.connect(command, options) {
            Ok(stream) => drain(stream),
            Err(error) => (String::new(), Err(error)),
        }
    }
}

pub(crate) type Ended = Result<ExitReport, SshError>;

/// Reads all output, writing nothing.
pub(crate) fn drain(mut stream: Box<dyn Duplex>) -> (String, Ended) {
    let (mut output, input) = stream.split();
    drop(input);
    let mut text = String::new();
    // A lost connection shows here too; `finish` says what it was.
    let _ = output.read_to_string(&mut text);
    (text, stream.finish())
}

pub(crate) fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends `bytes` while reading what comes back, as two threads would.
pub(crate) fn through(mut stream: Box<dyn Duplex>, bytes: &[u8]) -> (Vec<u8>, Ended) {
    let (mut output, mut input) = stream.split();
    let mut back = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            input.write_all(bytes).expect("sent");
        });
        output.read_to_end(&mut back).expect("received");
    });
    (back, stream.finish())
}

/// Bytes that do not repeat, so that a piece lost or doubled shows.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes.extend_from_slice(&state.to_le_bytes()[3..7]);
    }
    bytes.truncate(length);
    bytes
}

/// A person who answers as the test says.
#[derive(Default)]
pub(crate) struct Person {
    pub(crate) trusts: bool,
    pub(crate) passphrases: Mutex<Vec<&'static str>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Prompt for Person {
    fn trust_host(&self, host: &UnknownHost) -> bool {
        assert!(host.fingerprint.starts_with("SHA256:"));
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.trusts
    }

    fn passphrase(&self, _key_file: &Path) -> Option<String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut passphrases = self.passphrases.lock().expect("answers");
        passphrases.pop().map(str::to_owned)
    }
}

pub(crate) fn private(path: &Path) {
    let owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owner).expect("set");
}
