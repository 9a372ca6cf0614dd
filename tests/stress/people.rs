//! Those who work in the two Maildirs all the time: mail comes in, is read, flagged, filed and
//! deleted, and nobody asks mailvc.
//!
//! Each message is filed or deleted at most once in a phase, by one person, and only if all
//! devices had it when the phase began: then the merge has one answer, which the model knows. Two
//! stores of one Maildir record a message each for itself, and if it is filed between the two, it
//! was added in two folders: it may double (design, section 5), so nobody does that here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mailvc_tests::mail_client::{Change, MailClient, Step};
use mailvc_tests::maildir;
use mailvc_tests::random::Random;

use crate::model::Model;
use crate::scene::{FIRST, Scene, THIRD};

/// The pause between two deeds.
const PAUSE: Duration = Duration::from_millis(120);
/// So much mail comes in to one Maildir in a phase; more would only make everything slow.
const DELIVERIES: usize = 40;
/// So many messages are filed or deleted in one Maildir in a phase: the guard asks about more.
const FILED: usize = 20;
/// Where messages are filed.
const FILES: [&str; 3] = [".Archive.2009", ".Sent", ".Filed"];
/// Messages are shared out by their hash: two persons only flag, two file and delete.
const SHARES: u8 = 4;

/// What people did in a phase.
#[derive(Default)]
pub(crate) struct Deeds {
    /// In this order for each message.
    pub(crate) changes: Vec<Change>,
    /// The contents that somebody saw in a Maildir, at any moment.
    pub(crate) seen: BTreeSet<[u8; 32]>,
}

/// People at work, until told to stop.
pub(crate) struct Busy {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<Deeds>>,
}

/// Sets people to work in both Maildirs.
pub(crate) fn at_work(scene: &Scene, model: &Model, seed: u64) -> Busy {
    let stop = Arc::new(AtomicBool::new(false));
    let mut people = Vec::new();
    for (share, at) in [FIRST, THIRD].into_iter().enumerate() {
        let share = share as u8;
        let seed = seed * 2 + u64::from(share);
        let machine = &scene.machines[at];
        let root = machine.maildir();
        let client = machine.client((share, SHARES), seed);
        let clerk = Clerk::new(&root, model, (share + 2, seed));
        let mut person = Person { client, clerk };
        let stop = Arc::clone(&stop);
        people.push(std::thread::spawn(move || person.work(&stop)));
    }
    Busy { stop, people }
}

impl Busy {
    /// Lets them finish, and says what they did.
    pub(crate) fn stop(self) -> Deeds {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Deeds::default();
        for person in self.people {
            let done = person.join().expect("worked");
            all.changes.extend(done.changes);
            all.seen.extend(done.seen);
        }
        all
    }
}

struct Person {
    client: MailClient,
    clerk: Clerk,
}

impl Person {
    fn work(&mut self, stop: &AtomicBool) -> Deeds {
        let mut done = Deeds::default();
        let mut delivered = 0;
        while !stop.load(Ordering::Relaxed) {
            let steps: &[Step] = if delivered < DELIVERIES {
                &[Step::Deliver, Step::Flag, Step::See]
            } else {
                &[Step::Flag, Step::See]
            };
            let changes = self.client.work(2, steps).expect("worked");
            let new = changes.into_iter().filter(|(before, _)| before.is_none());
            let before = done.changes.len();
            done.changes.extend(new);
            delivered += done.changes.len() - before;
            self.clerk.work(&mut done);
            std::thread::sleep(PAUSE);
        }
        done
    }
}

/// Files and deletes.
struct Clerk {
    root: PathBuf,
    /// What is still to be touched.
    waiting: BTreeSet<[u8; 32]>,
    random: Random,
}

impl Clerk {
    fn new(root: &Path, model: &Model, (share, seed): (u8, u64)) -> Self {
        let mine = model.single().filter(|hash| hash[0] % SHARES == share);
        Self {
            root: root.to_owned(),
            waiting: mine.take(FILED).collect(),
            random: Random::new(seed),
        }
    }

    fn work(&mut self, done: &mut Deeds) {
        let listed = maildir::listed(&self.root).expect("listed");
        done.seen.extend(listed.iter().map(|(_, it)| it.hash));
        let found = listed
            .into_iter()
            .find(|(_, message)| self.waiting.contains(&message.hash));
        let Some((path, before)) = found else {
            return;
        };
        let after = match self.random.below(3) {
            0 => fs::remove_file(&path).map(|()| None),
            _ => self.file(&path).map(|to| {
                let folder = maildir::folder_of(&self.root, &to);
                Some(maildir::Message {
                    folder,
                    ..before.clone()
                })
            }),
        };
        // A file that mailvc renamed meanwhile is found the next time.
        if let Ok(after) = after {
            self.waiting.remove(&before.hash);
            done.changes.push((Some(before), after));
        }
    }

    fn file(&mut self, path: &Path) -> std::io::Result<PathBuf> {
        let folder = FILES[self.random.below(FILES.len() as u64) as usize];
        let dir = self.root.join(folder);
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        let sub = path.parent().and_then(Path::file_name).unwrap_or_default();
        let to = dir.join(sub).join(path.file_name().unwrap_or_default());
        fs::rename(path, &to)?;
        Ok(to)
    }
}
