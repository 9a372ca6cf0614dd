//! Dovecot serves the Maildir by IMAP, keeps its own lists in it, and appends, flags, copies,
//! moves and expunges at a client's word.

use std::time::Duration;

use mailvc_tests::mail_client::Step;
use mailvc_tests::maildir::Message;
use mailvc_tests::random::Random;

use super::imap::{Dovecot, Imap};
use super::letters::{Letter, Model, with};
use super::scene::{FIRST, Scene};
use super::soon;

/// The folders: their names for IMAP, and in the model.
const FOLDERS: [(&str, &str); 3] = [
    ("INBOX", ""),
    ("Sent", "Sent"),
    ("Archive.2009", "Archive/2009"),
];
/// When all that the client appends has arrived, for IMAP and in seconds since 1970.
const ARRIVED: (&str, i64) = ("02-Mar-2026 09:00:00 +0000", 1_772_442_000);
/// Between two steps, so that the Maildir holds still now and then.
const PAUSE: Duration = Duration::from_millis(100);
/// After so many steps the session begins anew.
const SESSION: usize = 15;

/// Somebody who works with the mail by IMAP.
struct Client<'a> {
    dovecot: &'a Dovecot,
    session: Imap,
    steps: usize,
    random: Random,
}

impl<'a> Client<'a> {
    fn new(dovecot: &'a Dovecot) -> Self {
        Self {
            dovecot,
            session: dovecot.session(),
            steps: 0,
            random: Random::new(74),
        }
    }

    fn step(&mut self, model: &mut Model) {
        self.steps += 1;
        if self.steps.is_multiple_of(SESSION) {
            self.session = self.dovecot.session();
        }
        self.append(model);
        self.flag(model);
        self.copy_or_move(model);
        if self.random.below(3) == 0 {
            self.expunge(model);
        }
        std::thread::sleep(PAUSE);
    }

    fn folder(&mut self) -> (&'static str, &'static str) {
        FOLDERS[self.random.below(3) as usize]
    }

    fn append(&mut self, model: &mut Model) {
        let letter = model.write();
        let (name, folder) = self.folder();
        let text = String::from_utf8_lossy(&letter.bytes).replace('\n', "\r\n");
        let append = format!("APPEND {name} (\\Seen) \"{}\"", ARRIVED.0);
        self.session.command_with(&append, text.as_bytes());
        model.add(Message {
            folder: folder.into(),
            hash: letter.hash,
            flags: b"S".to_vec(),
            recent: false,
            mtime: ARRIVED.1,
        });
    }

    /// Opens the folder where a letter of the model lies, and finds its number there.
    fn open(&mut self, letter: &Letter, message: &Message) -> u32 {
        let known = FOLDERS
            .iter()
            .find(|(_, it)| it.as_bytes() == message.folder);
        let (name, _) = known.expect("a folder");
        self.session.command(&format!("SELECT {name}"));
        let search = format!("HEADER Message-ID <{}>", letter.message_id);
        match self.session.search(&search)[..] {
            [only] => only,
            ref others => panic!("{} in {name}: {others:?}", letter.message_id),
        }
    }

    fn flag(&mut self, model: &mut Model) {
        let Some((letter, before)) = model.pick(model.letters.len(), &mut self.random) else {
            return;
        };
        let (name, flag) =
            [("Seen", b'S'), ("Flagged", b'F'), ("Answered", b'R')][self.random.below(3) as usize];
        let number = self.open(&letter, &before);
        let store = format!("UID STORE {number} +FLAGS (\\{name})");
        self.session.command(&store);
        let flags = with(&before.flags, flag);
        model.flag(before, flags);
    }

    fn copy_or_move(&mut self, model: &mut Model) {
        let Some((letter, before)) = model.pick(model.letters.len(), &mut self.random) else {
            return;
        };
        let (name, folder) = self.folder();
        if folder.as_bytes() == before.folder {
            return;
        }
        let copy = self.random.below(2) == 0;
        let number = self.open(&letter, &before);
        let verb = if copy { "COPY" } else { "MOVE" };
        self.session.command(&format!("UID {verb} {number} {name}"));
        let after = Message {
            folder: folder.into(),
            ..before.clone()
        };
        let old = Some(before).filter(|_| !copy);
        model.apply(vec![(old, Some(after))]);
    }

    /// One of the first letters, which mailvc has recorded.
    fn expunge(&mut self, model: &mut Model) {
        let Some((letter, before)) = model.pick(FIRST, &mut self.random) else {
            return;
        };
        let number = self.open(&letter, &before);
        let store = format!("UID STORE {number} +FLAGS (\\Deleted)");
        self.session.command(&store);
        self.session.command("EXPUNGE");
        model.apply(vec![(Some(before), None)]);
    }

    /// The numbers by which clients know a folder's messages stay what they are.
    fn validity(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for (name, _) in FOLDERS {
            let status = format!("STATUS {name} (UIDVALIDITY)");
            all.extend(self.session.command(&status).into_iter().take(1));
        }
        all
    }

    /// How many messages a new session sees.
    ///
    /// A session reads the list of folders once; one that another program makes later it does
    /// not list, until somebody opens it by its name (`mailbox_list_index_refresh_force` in
    /// Dovecot's `mailbox-list-index.c`).
    fn count(&mut self) -> usize {
        self.session = self.dovecot.session();
        let mut count = 0;
        for (name, _) in [("Lists.maildir", ""), ("Drafts", ""), ("Later", "")]
            .iter()
            .chain(&FOLDERS)
        {
            let listed = self.session.command(&format!("LIST \"\" {name}"));
            if listed.len() > 1 {
                self.session.command(&format!("SELECT {name}"));
                count += self.session.search("ALL").len();
            }
        }
        count
    }
}

#[test]
fn dovecot_appends_flags_copies_moves_and_expunges() {
    let mut scene = Scene::new();
    let dovecot = Dovecot::of(&scene.first);
    let mut client = Client::new(&dovecot);
    let validity = client.validity();
    let mut other = scene.second.client((1, 2), 71);
    let steps = [Step::Deliver, Step::Flag, Step::Flag, Step::See, Step::Move];
    scene.meanwhile(|| other.work(2, &steps), |model| client.step(model));
    scene.assert_nothing_lost();
    assert_eq!(client.validity(), validity);
    let all = scene.model.mail.files();
    // A change of a directory in the same tick in which it was listed is looked for only when the
    // listing is two seconds old (`MAILDIR_SYNC_SECS` in Dovecot's `maildir-sync.c`).
    assert!(
        soon(|| client.count() == all),
        "{} of {all}",
        client.count()
    );
    drop(client);
    dovecot.assert_content();
    scene.assert_nothing_lost();
}
