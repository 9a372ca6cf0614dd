//! A laptop, cloned from a server that has since been taken over. The laptop is called by it, and
//! calls it; either way it is given little memory and limited time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mailvc_store::blob::{Codec, Content, Group, Help, encode};
use mailvc_store::object::{Kind, SnapshotId};
use mailvc_store::sign::Signer;
use mailvc_tests::cli::{Run, run};
use mailvc_tests::machine::{Machine, rounds};
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::maildir::Messages;
use mailvc_transport::wire::{
    Capabilities, Done, FrameReader, FrameWriter, Hello, Item, Message, Role, VERSIONS, Verb,
    Welcome,
};

use crate::forge::{Forger, MESSAGE, encoded};

/// What a process may have of memory beside its code, in KiB. A session needs a tenth of it.
const MEMORY: u32 = 256 << 10;
/// When it is ended, in seconds, if `MAILVC_TIME` does not say otherwise; then its exit code is 124.
const TIME: usize = 120;

pub(crate) struct Scene {
    pub(crate) laptop: Machine,
    pub(crate) forger: Forger,
    pub(crate) server: Machine,
}

/// What there is to see of the laptop that no peer may change.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    store: BTreeMap<PathBuf, Vec<u8>>,
    mail: Messages,
}

impl Seen {
    /// All but packs, which harm nobody as long as nothing names what is in them.
    pub(crate) fn but_packs(mut self) -> Self {
        let is_pack = |path: &Path| path.parent().is_some_and(|dir| dir.ends_with("packs"));
        self.store.retain(|path, _| !is_pack(path));
        self
    }
}

/// What a peer says of its snapshots, and the frames in which it sends messages.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) tip: Option<SnapshotId>,
    pub(crate) graph: Vec<Vec<u8>>,
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Story {
    /// One with the message that is made up.
    pub(crate) fn new(tip: SnapshotId, graph: Vec<u8>) -> Self {
        Self {
            tip: Some(tip),
            graph: vec![graph],
            frames: vec![frame(MESSAGE)],
        }
    }

    fn told(&self) -> impl Iterator<Item = Message> {
        let graph = self.graph.iter().cloned().map(Message::Graph);
        graph.chain([Message::GraphEnd])
    }

    fn sent(&self) -> impl Iterator<Item = Message> {
        let frames = self.frames.iter().cloned().map(Message::Blobs);
        frames.chain([Message::BlobsEnd { missing: 0 }])
    }
}

/// A frame of a pack with one message.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let mut group = Group::new();
    group.push(Kind::Blob, message);
    encode(&Content::Group, Codec::Raw, &group.finish().0, Help::None)
}

/// Messages as they go over the line.
pub(crate) fn bytes_of(messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes);
    for message in messages {
        let (kind, payload) = message.encode();
        writer.put(kind, &payload).expect("a frame");
    }
    writer.flush().expect("memory");
    drop(writer);
    bytes
}

/// The last message that came over a line.
pub(crate) fn last_of(bytes: &[u8]) -> Option<Message> {
    let mut reader = FrameReader::new(bytes);
    let mut last = None;
    while let Ok((kind, payload)) = reader.take() {
        last = Some(Message::decode(kind, payload).expect("a message"));
    }
    last
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mailbox = Mailbox {
            messages: 8,
            ..Mailbox::default()
        };
        let server = Machine::initialised("server", &mailbox);
        let mut laptop = Machine::cloned_by_path("laptop", &server);
        laptop.run(&["remote", "remove", "origin"]).ok();
        laptop.run(&["remote", "add", "origin", "far"]).ok();
        let script = laptop.home.path().join("ssh");
        fs::write(&script, "cat \"${0%/*}/says\"\nexec cat >/dev/null\n").expect("a script");
        let command = format!("sh {}", script.display());
        laptop.home.set("MAILVC_SSH", command);
        let forger = Forger::with_key_of(&server);
        Self {
            laptop,
            forger,
            server,
        }
    }

    pub(crate) fn welcome(&self, tip: Option<SnapshotId>) -> Welcome {
        Welcome {
            version: 1,
            capabilities: Capabilities::default(),
            public_key: self.forger.key.public_key().wire_bytes(),
            name: "server".to_owned(),
            role: Role::Sync,
            tip,
            haves: Vec::new(),
            enrolled: false,
            holds: false,
            rules: 1,
            extra: Vec::new(),
        }
    }

    pub(crate) fn hello(&self, tip: Option<SnapshotId>) -> Hello {
        Hello {
            versions: VERSIONS,
            capabilities: Capabilities::default(),
            verb: Verb::Push,
            account: Vec::new(),
            public_key: self.forger.key.public_key().wire_bytes(),
            name: "server".to_owned(),
            tip,
            haves: Vec::new(),
            rules: 1,
            extra: Vec::new(),
        }
    }

    /// A history as a server tells it to the laptop that fetches, so many items in a round.
    pub(crate) fn in_rounds(&self, story: &Story, items: &[Item], most: usize) -> Vec<u8> {
        let mut said = Vec::new();
        for (at, round) in items.chunks(most).enumerate() {
            let is_last = (at + 1) * most >= items.len();
            let end = if is_last {
                Message::GraphEnd
            } else {
                Message::GraphPart
            };
            let graph = round
                .chunks(1_000)
                .map(|part| Message::Graph(encoded(part)));
            said.push(Message::Welcome(self.welcome(story.tip)));
            said.extend(graph.chain([end]).chain(story.sent()));
            said.push(Message::WantEnd { all: false });
            said.push(Message::Done(Done {
                tip: story.tip,
                ..Done::default()
            }));
        }
        bytes_of(said)
    }

    /// A story as a server tells it to the laptop that fetches.
    pub(crate) fn as_server(&self, story: &Story) -> Vec<u8> {
        let messages = [Message::Welcome(self.welcome(story.tip))].into_iter();
        let done = Message::Done(Done {
            tip: story.tip,
            ..Done::default()
        });
        let messages = messages.chain(story.told()).chain(story.sent());
        bytes_of(messages.chain([Message::WantEnd { all: false }, done]))
    }

    /// A story as a client tells it to the laptop that serves.
    pub(crate) fn as_client(&self, story: &Story) -> Vec<u8> {
        let messages = [
            Message::Hello(self.hello(story.tip)),
            Message::WantEnd { all: false },
        ];
        let messages = messages.into_iter().chain(story.told());
        bytes_of(messages.chain(story.sent()))
    }

    /// The laptop fetches from a server that says this.
    pub(crate) fn fetch(&self, says: &[u8]) -> Run {
        self.call("fetch", says)
    }

    /// The laptop runs a command with a server that says this.
    pub(crate) fn call(&self, command: &str, says: &[u8]) -> Run {
        fs::write(self.laptop.home.path().join("says"), says).expect("written");
        run(&mut self.bounded(&[command, "origin"]))
    }

    /// The laptop serves a client that says this; what it answers is left in `answer`.
    pub(crate) fn serve(&self, says: &[u8], answer: &mut Vec<u8>) -> Run {
        self.serve_with(&[], says, answer)
    }

    /// As [`serve`](Self::serve), with more options.
    pub(crate) fn serve_with(&self, options: &[&str], says: &[u8], answer: &mut Vec<u8>) -> Run {
        let path = self.laptop.home.path().join("says");
        fs::write(&path, says).expect("written");
        let mut command = self.bounded(&[&["serve", "--stdio"], options].concat());
        let output = command.stdin(File::open(path).expect("a file")).output();
        let output = output.expect("mailvc started");
        answer.clone_from(&output.stdout);
        Run::from(output)
    }

    /// The program, with bounded memory and time.
    fn bounded(&self, arguments: &[&str]) -> Command {
        let inner = self.laptop.home.command(arguments);
        let mut command = Command::new("sh");
        let time = rounds("MAILVC_TIME", TIME);
        let limits = format!("ulimit -d {MEMORY} && exec timeout {time} \"$0\" \"$@\"");
        command
            .args(["-c", &limits])
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(self.laptop.home.path())
            .env_clear()
            .envs(
                inner
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            // One thread's stack counts as memory on a machine with many processors.
            .env("RAYON_NUM_THREADS", "2")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The laptop's truth: packs, refs, logs, trust, settings, keys; and its mail.
    pub(crate) fn seen(&self) -> Seen {
        let mut store = BTreeMap::new();
        let root = self.laptop.store();
        for name in [
            "packs", "refs", "log", "keys", "trusted", "revoked", "config",
        ] {
            gather(&root.join(name), &mut store);
        }
        Seen {
            store,
            mail: self.laptop.messages(),
        }
    }

    /// A story is refused at both ends, for a reason that has these words, and nothing remains of
    /// it.
    pub(crate) fn refuses(&self, story: &Story, words: &str) {
        let before = self.seen();
        let run = self.fetch(&self.as_server(story));
        assert_clear(&run, words);
        assert_eq!(self.seen(), before, "{words}");
        let mut answer = Vec::new();
        let run = self.serve(&self.as_client(story), &mut answer);
        assert_clear(&run, words);
        assert_eq!(self.seen(), before, "{words}");
        match last_of(&answer) {
            Some(Message::Error { text, .. }) => assert!(text.contains(words), "{text}"),
            other => panic!("{words}: {other:?}"),
        }
    }

    /// After all that, the laptop is sound.
    pub(crate) fn assert_sound(&self) {
        self.laptop.assert_clean();
    }
}

/// A run failed with a clear error: an exit code of its own, and harmless text with these words.
#[track_caller]
pub(crate) fn assert_clear(run: &Run, words: &str) {
    assert!(matches!(run.code, Some(1 | 4)), "{run:?}");
    assert!(run.stderr.contains(words), "not {words:?}: {run:?}");
    assert_harmless(&run.stderr);
}

/// Nothing in a text would be obeyed by a terminal.
#[track_caller]
pub(crate) fn assert_harmless(text: &str) {
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(obeyed), "{text:?}");
}

fn gather(path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            gather(&entry.expect("an entry").path(), found);
        }
    } else if path.exists() {
        found.insert(path.to_owned(), fs::read(path).expect("a file"));
    }
}
