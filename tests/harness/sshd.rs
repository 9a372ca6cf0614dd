//! OpenSSH's server on a loopback port, with a configuration, keys and a log of its own, for the
//! user who runs the test; and what a client needs to reach it.

#![allow(clippy::disallowed_methods)] // writes files for ssh, not for mailvc

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name by which [`Sshd::client_config`] knows the server.
pub const HOST: &str = "mailvc-test";

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Options of the key in `authorized_keys`, such as `command="mailvc serve --stdio"`.
    pub key_options: String,
    /// Lines for `sshd_config`, before ours: of two settings sshd takes the first.
    pub lines: Vec<String>,
    /// Variables of every session.
    pub environment: Vec<(String, PathBuf)>,
}

/// A running server; ends when dropped.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    dir: TempDir,
    port: u16,
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

impl Sshd {
    /// Starts one with fresh keys.
    ///
    /// # Panics
    /// If it is not installed or does not start; with its log.
    pub fn start(options: &Options) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for key in ["host_key", "id_ed25519"] {
            generate_key(&dir.path().join(key));
        }
        let public = fs::read_to_string(dir.path().join("id_ed25519.pub")).expect("the key");
        let line = format!("{} {public}", options.key_options);
        fs::write(dir.path().join("authorized_keys"), line.trim_start()).expect("written");
        // Between the choice of a port and its use another may take it.
        let (mut reasons, mut tries) = (String::new(), 0..5);
        while tries.next().is_some() {
            let port = free_port();
            match listen(dir.path(), port, options) {
                Ok(child) => return Self { child, dir, port }.with_client(),
                Err(log) => reasons.push_str(&log),
            }
        }
        panic!("sshd does not start:\n{reasons}");
    }

    fn with_client(self) -> Self {
        let host_key = fs::read_to_string(self.path("host_key.pub")).expect("the key");
        let known = format!("[127.0.0.1]:{} {host_key}", self.port);
        fs::write(self.path("known_hosts"), known).expect("written");
        let config = format!(
            "Host {HOST}\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  \
             IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n",
            self.port,
            user(),
            self.key().display(),
            self.known_hosts().display(),
        );
        fs::write(self.client_config(), config).expect("written");
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A configuration for ssh that knows the server as [`HOST`].
    pub fn client_config(&self) -> PathBuf {
        self.path("ssh_config")
    }

    /// The key that the server lets in.
    pub fn key(&self) -> PathBuf {
        self.path("id_ed25519")
    }

    /// The server's host key, as a client keeps it.
    pub fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    /// The keys that are let in; read anew at each connection.
    pub fn authorized_keys(&self) -> PathBuf {
        self.path("authorized_keys")
    }

    /// What the server said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The system's ssh, about to run `command` there.
    pub fn ssh(&self, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(self.client_config())
            .args([HOST, command]);
        ssh.stdin(Stdio::null());
        ssh
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Sessions are processes of their own, and end with their connections.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The user who runs the test.
///
/// # Panics
/// Where there is no `id`.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes a key without a passphrase, and `.pub` beside it.
///
/// # Panics
/// If ssh-keygen isn't installed.
pub fn generate_key(path: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(status.expect("ssh-keygen").success());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

fn config(dir: &Path, port: u16, options: &Options) -> String {
    let mut config = options.lines.join("\n");
    let path = |name: &str| dir.join(name).display().to_string();
    let _ = write!(
        config,
        "\nListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         StrictModes no\nUsePAM {}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin yes\nPrintMotd no\nMaxStartups 100\nLogLevel VERBOSE\n",
        path("host_key"),
        path("authorized_keys"),
        if locked() { "yes" } else { "no" },
    );
    if !options.environment.is_empty() {
        config.push_str("SetEnv");
        for (name, value) in &options.environment {
            let _ = write!(config, " \"{name}={}\"", value.display());
        }
        config.push('\n');
    }
    config
}

/// Without PAM, sshd lets nobody in whose password is locked (`!`).
fn locked() -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    shadow
        .lines()
        .any(|line| line.starts_with(&format!("{}:!", user())))
}

fn listen(dir: &Path, port: u16, options: &Options) -> Result<Child, String> {
    if user() == "root" {
        // Where sshd has never been started by the system.
        fs::create_dir_all("/run/sshd").map_err(|error| error.to_string())?;
    }
    fs::write(dir.join("sshd_config"), config(dir, port, options))
        .map_err(|error| error.to_string())?;
    let log = dir.join("log");
    let missing = "openssh-server is not installed; `tests/run --packages` does it";
    let mut child = Command::new(program().ok_or(missing)?)
        .args(["-D", "-f"])
        .arg(dir.join("sshd_config"))
        .arg("-E")
        .arg(&log)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if greets(port) {
            return Ok(child);
        }
        if let Ok(Some(_)) = child.try_wait() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(fs::read_to_string(&log).unwrap_or_default())
}

fn greets(port: u16) -> bool {
    let mut greeting = [0; 4];
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_exact(&mut greeting)
        })
        .is_ok_and(|()| &greeting == b"SSH-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run;

    #[test]
    fn a_command_runs_there_with_the_variables_it_was_given() {
        let options = Options {
            environment: vec![("HOME".to_owned(), PathBuf::from("/nowhere/at all"))],
            ..Options::default()
        };
        let server = Sshd::start(&options);
        let seen = run(&mut server.ssh("echo \"$HOME\"; exit 7"));
        assert_eq!(
            (seen.code, seen.stdout.as_str()),
            (Some(7), "/nowhere/at all\n"),
            "{}",
            server.log()
        );
    }

    #[test]
    fn a_forced_command_runs_whatever_was_asked_for() {
        let options = Options {
            key_options: "restrict,command=\"echo forced: $SSH_ORIGINAL_COMMAND\"".to_owned(),
            ..Options::default()
        };
        let server = Sshd::start(&options);
        let seen = run(&mut server.ssh("rm everything")).ok();
        assert_eq!(seen.stdout, "forced: rm everything\n");
    }

    #[test]
    fn another_host_key_is_refused() {
        let server = Sshd::start(&Options::default());
        let key = fs::read_to_string(server.key().with_extension("pub")).expect("a key");
        fs::write(
            server.known_hosts(),
            format!("[127.0.0.1]:{} {key}", server.port()),
        )
        .expect("written");
        let seen = run(&mut server.ssh("true")).exits(255);
        assert!(
            seen.stderr.contains("HOST IDENTIFICATION HAS CHANGED"),
            "{}",
            seen.stderr
        );
    }

    #[test]
    fn it_ends_when_dropped() {
        let server = Sshd::start(&Options::default());
        let port = server.port();
        drop(server);
        assert!(!greets(port));
    }
}
