//! The server's end of the line: `mailvc serve --listen`, and what ssh on the laptop must know.

#![allow(clippy::disallowed_methods)] // the settings of ssh, as a person writes them

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::Child;

use mailvc_store::fs::{OsFs, write_durable};
use mailvc_store::sign::{KeyFile, Signer};
use rustix::process::{Pid, Signal, kill_process};

use super::machine::Machine;

/// The command, as a person would type it.
pub(super) const COMMAND: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A server that listens; ends when dropped.
#[derive(Debug)]
pub(super) struct Listening(Child);

impl Listening {
    /// Lets the laptop's new key in, starts the server, and tells the laptop's ssh where it is.
    pub(super) fn start(server: &Machine, laptop: &Machine) -> io::Result<Self> {
        let ssh = laptop.home.join(".ssh");
        fs::create_dir_all(&ssh)?;
        let key = KeyFile::generate(&OsFs, &ssh.join("id_ed25519"), laptop.name);
        let key = key.map_err(io::Error::other)?.public_key().to_openssh();
        let line = format!("restrict,role=\"sync\" {key} {}\n", laptop.name);
        write_durable(
            &OsFs,
            &server.store().join("authorized_keys"),
            line.as_bytes(),
        )?;
        let mut listening = Self(server.start(&COMMAND)?);
        let (port, known) = listening.greeting()?;
        fs::write(ssh.join("known_hosts"), known)?;
        fs::write(laptop.ssh_config(), config(laptop, &port))?;
        Ok(listening)
    }

    /// The port and the line for `known_hosts` that the server tells.
    fn greeting(&mut self) -> io::Result<(String, String)> {
        let unexpected = || io::Error::other("the server does not say where it listens");
        let mut lines = BufReader::new(self.0.stderr.take().ok_or_else(unexpected)?).lines();
        let mut after = |word: &str| -> io::Result<String> {
            let line = lines.next().ok_or_else(unexpected)??;
            let (_, rest) = line.split_once(word).ok_or_else(unexpected)?;
            Ok(rest.to_owned())
        };
        let port = after("listening on 127.0.0.1:")?;
        let known = after("known_hosts: ")?;
        let port = port.split(';').next().unwrap_or_default().to_owned();
        // Nobody reads on; what it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((port, known + "\n"))
    }
}

fn config(laptop: &Machine, port: &str) -> String {
    let ssh = laptop.home.join(".ssh");
    format!(
        "Host server\n  HostName 127.0.0.1\n  Port {port}\n  User mail\n  IdentityFile \"{}\"\n  \
         IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile \"{}\"\n  \
         GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
        ssh.join("id_ed25519").display(),
        ssh.join("known_hosts").display(),
    )
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It ends in its own time if it is asked, and has nothing to lose if it is not.
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
