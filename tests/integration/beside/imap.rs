//! Dovecot 2.3 for one Maildir (2.4 wants other settings), and a client that speaks just enough IMAP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mailvc_tests::machine::Machine;

/// What serves one session; Debian's `dovecot-imapd` has it.
const PROGRAM: &str = "/usr/lib/dovecot/imap";
/// It touches no mail as root. Where root runs the tests, it is another user who may do with
/// root's mail what root may; a container has these rights, and has no user namespaces.
const NOT_ROOT: &str = "setpriv --reuid=1000 --regid=1000 --clear-groups \
    --securebits=+no_setuid_fixup --inh-caps=+chown,+dac_override,+fowner \
    --ambient-caps=+chown,+dac_override,+fowner ";

/// Dovecot for one Maildir. No server runs, and nothing listens: each session is a process of its
/// own, which ends with its input.
pub(super) struct Dovecot {
    home: PathBuf,
}

impl Dovecot {
    /// For a machine's mail.
    ///
    /// # Panics
    /// If it is not installed, or lets nobody in.
    pub(super) fn of(machine: &Machine) -> Self {
        let installed = Path::new(PROGRAM).exists();
        assert!(installed, "no {PROGRAM}: {}", super::INSTALLS);
        let home = machine.home.path().to_owned();
        let dovecot = Self { home };
        dovecot.set_up();
        drop(dovecot.session());
        dovecot
    }

    fn set_up(&self) {
        let home = self.home.display();
        let of = fs::metadata(&self.home).expect("a home");
        let (id, group, prefix) = match (of.uid(), of.gid()) {
            (0, _) => (1000, 1000, NOT_ROOT),
            (id, group) => (id, group, ""),
        };
        let settings = format!(
            "base_dir = {home}/dovecot\nstate_dir = {home}/dovecot\n\
             mail_location = maildir:{home}/Maildir\nmail_home = {home}\n\
             first_valid_uid = {id}\nfirst_valid_gid = {group}\n\
             mail_uid = {id}\nmail_gid = {group}\nssl = no\n\
             namespace inbox {{\n  inbox = yes\n  separator = .\n}}\n"
        );
        fs::create_dir_all(self.home.join("dovecot")).expect("a directory");
        fs::write(self.home.join("dovecot.conf"), settings).expect("written");
        let script = format!(
            "#!/bin/sh\nUSER=me HOME={home} exec {prefix}{PROGRAM} -c {home}/dovecot.conf \
             2>>{home}/dovecot.log\n"
        );
        fs::write(self.program(), script).expect("written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.program(), mode).expect("a program");
    }

    /// What speaks IMAP at its standard input and output.
    pub(super) fn program(&self) -> PathBuf {
        self.home.join("imap")
    }

    /// A new session with it.
    pub(super) fn session(&self) -> Imap {
        Imap::start(&mut Command::new(self.program())).unwrap_or_else(|said| {
            let log = self.log();
            panic!("Dovecot lets nobody in: {said:?}, {log}")
        })
    }

    /// Without a server it goes to standard error, whatever the settings say.
    fn log(&self) -> String {
        fs::read_to_string(self.home.join("dovecot.log")).unwrap_or_default()
    }

    /// It found nothing amiss in its Maildir.
    pub(super) fn assert_content(&self) {
        let log = self.log();
        assert!(log.contains("Info: "), "that is not Dovecot's log: {log:?}");
        let amiss = [
            "Error",
            "Warning",
            "Panic",
            "Fatal",
            "orrupt",
            "UIDVALIDITY",
        ];
        let found = amiss.iter().any(|word| log.contains(word));
        assert!(!found, "Dovecot's log:\n{log}");
    }
}

/// A session with a server that was started for it.
pub(super) struct Imap {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    commands: usize,
}

impl Imap {
    /// Starts the server; what it said instead, if it lets nobody in.
    fn start(command: &mut Command) -> Result<Self, String> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = piped.spawn().map_err(|error| error.to_string())?;
        let (to, from) = (server.stdin.take(), server.stdout.take());
        let mut imap = Self {
            to: to.expect("its input"),
            from: BufReader::new(from.expect("its output")),
            server,
            commands: 0,
        };
        let greeting = imap.line();
        if greeting.starts_with("* PREAUTH") {
            Ok(imap)
        } else {
            Err(greeting)
        }
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.from.read_until(b'\n', &mut line).expect("its answer");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Has one command done, and gives the lines that come before its end.
    pub(super) fn command(&mut self, command: &str) -> Vec<String> {
        self.command_with(command, b"")
    }

    /// The same with a message at the command's end.
    pub(super) fn command_with(&mut self, command: &str, literal: &[u8]) -> Vec<String> {
        self.commands += 1;
        let tag = format!("t{} ", self.commands);
        let mut sent = format!("{tag}{command}").into_bytes();
        if !literal.is_empty() {
            sent.extend(format!(" {{{}+}}\r\n", literal.len()).bytes());
            sent.extend(literal);
        }
        sent.extend(b"\r\n");
        self.to.write_all(&sent).expect("sent");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            match line.strip_prefix(&tag) {
                Some(end) => {
                    assert!(end.starts_with("OK"), "{command}: {end}");
                    lines.push(end.to_owned());
                    return lines;
                }
                None => assert!(!line.is_empty(), "{command}: the server hung up"),
            }
            lines.push(line);
        }
    }

    /// The numbers that a search finds in the folder which is open.
    pub(super) fn search(&mut self, what: &str) -> Vec<u32> {
        let lines = self.command(&format!("UID SEARCH {what}"));
        let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH"));
        let numbers = found.unwrap_or_default().split_whitespace();
        numbers.filter_map(|it| it.parse().ok()).collect()
    }
}

impl Drop for Imap {
    fn drop(&mut self) {
        // It ends when nobody speaks any more; a test that fails does not wait for that.
        if std::thread::panicking() {
            let _ = self.server.kill();
        } else {
            let _ = self.to.write_all(b"bye LOGOUT\r\n");
        }
        let _ = self.server.wait();
    }
}
