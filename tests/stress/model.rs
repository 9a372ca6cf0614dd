//! What people did, and so what must be there.

use std::collections::{BTreeMap, BTreeSet};

use mailvc_tests::maildir::{self, Message, Messages};

use crate::people::Deeds;
use crate::scene::Scene;

/// How many messages one command is asked for.
const AT_ONCE: usize = 2000;

/// The mail at the last quiet time, and all that there ever was.
pub(crate) struct Model {
    mail: Messages,
    known: BTreeSet<[u8; 32]>,
    delivered: usize,
    filed: usize,
    deleted: usize,
}

/// Where each message lies, and how often; flags may meet in one message and are left out.
fn places(messages: &Messages) -> Messages {
    messages.without(|message| *message = place(message))
}

fn place(message: &Message) -> Message {
    Message {
        folder: message.folder.clone(),
        hash: message.hash,
        flags: Vec::new(),
        recent: false,
        mtime: 0,
    }
}

/// How many copies there are of each content, wherever they lie.
fn copies(messages: &Messages) -> BTreeMap<[u8; 32], usize> {
    let mut copies = BTreeMap::new();
    for (message, count) in &messages.0 {
        *copies.entry(message.hash).or_default() += count;
    }
    copies
}

impl Model {
    /// Begins with what is there.
    pub(crate) fn new(mail: &Messages) -> Self {
        let known = mail.contents();
        Self {
            delivered: known.len(),
            mail: places(mail),
            known,
            filed: 0,
            deleted: 0,
        }
    }

    /// The contents that lie in one place only.
    pub(crate) fn single(&self) -> impl Iterator<Item = [u8; 32]> {
        let single = copies(&self.mail)
            .into_iter()
            .filter(|(_, count)| *count == 1);
        single.map(|(hash, _)| hash)
    }

    /// Learns which messages there are now, and that nobody saw any other.
    fn learn(&mut self, done: &Deeds) {
        for (before, after) in &done.changes {
            match (before, after) {
                (None, _) => self.delivered += 1,
                (_, None) => self.deleted += 1,
                _ => self.filed += 1,
            }
            self.known.extend(after.as_ref().map(|it| it.hash));
        }
        let altered: Vec<_> = done.seen.difference(&self.known).collect();
        assert!(altered.is_empty(), "nobody wrote these: {altered:?}");
    }

    /// After a plain phase: each message is where people put it, and what they deleted is gone.
    pub(crate) fn check_exactly(&mut self, done: &Deeds, found: &Messages) {
        self.learn(done);
        for (before, after) in &done.changes {
            let places = (before.as_ref().map(place), after.as_ref().map(place));
            self.mail.apply(&[places]);
        }
        let difference = places(found).difference(&self.mail);
        assert!(difference.is_empty(), "against the model:\n{difference}");
    }

    /// After a phase of going back: nothing that nobody wrote, no copy too many. What is there
    /// now is what the next phase begins with.
    pub(crate) fn check_bounds(&mut self, done: &Deeds, found: &Messages) {
        // People filed and deleted what others brought back meanwhile: the number counts alone.
        let mut most = copies(&self.mail);
        for (before, after) in &done.changes {
            if let (None, Some(new)) = (before, after) {
                *most.entry(new.hash).or_default() += 1;
            }
        }
        self.learn(done);
        for (hash, count) in copies(found) {
            let allowed = most.get(&hash).copied().unwrap_or(0);
            let id = blake3::Hash::from_bytes(hash);
            let known = self.known.contains(&hash);
            // What earlier phases deleted may come back with an undo, once.
            assert!(known && count <= allowed.max(1), "{count} of {id}");
        }
        self.mail = places(found);
    }

    /// Every message that ever was can be had from every store, byte for byte.
    pub(crate) fn assert_all_in_history(&self, scene: &Scene) {
        let ids: Vec<String> = self
            .known
            .iter()
            .map(|hash| blake3::Hash::from_bytes(*hash).to_string())
            .collect();
        for machine in &scene.machines {
            let mut found = BTreeSet::new();
            for (number, ids) in ids.chunks(AT_ONCE).enumerate() {
                let dir = machine.home.path().join(format!("history-{number}"));
                let text = dir.display().to_string();
                let mut arguments = vec!["restore", "--to", &text];
                arguments.extend(ids.iter().map(String::as_str));
                machine.run(&arguments).ok();
                found.extend(maildir::read(&dir).expect("read").contents());
            }
            let lost: Vec<_> = self.known.difference(&found).collect();
            assert!(lost.is_empty(), "{} lacks {lost:?}", machine.name);
            assert_eq!(found.len(), self.known.len(), "{}", machine.name);
        }
    }

    /// The counts, once all checks have passed.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} messages delivered, {} filed, {} deleted; 0 lost, 0 doubled, 0 altered",
            self.delivered, self.filed, self.deleted
        )
    }
}
