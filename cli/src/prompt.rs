//! Questions to a person at a terminal. Nobody is asked where there is none.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailvc_store::mime::printable;
use mailvc_transport::ssh::{Prompt, UnknownHost};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The terminal of this process, whatever its standard streams are.
#[derive(Debug)]
pub(crate) struct TerminalPrompt {
    terminal: Arc<Mutex<()>>,
}

impl TerminalPrompt {
    /// Asks at the terminal, if there is one and somebody is likely to sit at it, and while nobody
    /// else has it.
    pub(crate) fn new(terminal: &Arc<Mutex<()>>) -> Option<Self> {
        use std::io::IsTerminal as _;
        (std::io::stderr().is_terminal() && open().is_some()).then(|| Self {
            terminal: Arc::clone(terminal),
        })
    }

    fn wait(&self) -> MutexGuard<'_, ()> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open() -> Option<File> {
    File::options().read(true).write(true).open("/dev/tty").ok()
}

fn ask(question: &str) -> Option<String> {
    let mut tty = open()?;
    tty.write_all(question.as_bytes()).ok()?;
    let mut answer = String::new();
    BufReader::new(tty).read_line(&mut answer).ok()?;
    Some(answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for what must not be seen.
fn ask_unseen(question: &str) -> Option<String> {
    let mut tty = open()?;
    let before = tcgetattr(&tty).ok()?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&tty, OptionalActions::Flush, &silent).ok()?;
    let answer = ask(question);
    let _ = tcsetattr(&tty, OptionalActions::Flush, &before);
    let _ = tty.write_all(b"\n");
    answer
}

impl Prompt for TerminalPrompt {
    fn trust_host(&self, host: &UnknownHost) -> bool {
        let _ours = self.wait();
        let question = format!(
            "The host key of {} is not known: {} {}.\nIs that the right one? (yes/no) ",
            printable(&host.host),
            printable(&host.algorithm),
            printable(&host.fingerprint),
        );
        ask(&question).is_some_and(|answer| answer.eq_ignore_ascii_case("yes"))
    }

    fn passphrase(&self, key_file: &Path) -> Option<String> {
        let _ours = self.wait();
        let name = key_file.display().to_string();
        ask_unseen(&format!("Passphrase for {}: ", printable(&name)))
    }
}
