//! notmuch indexes the Maildir, with its database inside of it, and turns tags into flags: it
//! renames files as it likes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::Machine;
use mailvc_tests::mail_client::Step;
use mailvc_tests::random::Random;

use super::letters::{Model, with};
use super::scene::{FIRST, FOLDERS, Scene, deliver};
use super::{need, run};

/// What notmuch calls the flags; `unread` is the want of one.
const TAGS: [(&str, u8); 4] = [
    ("-unread", b'S'),
    ("+flagged", b'F'),
    ("+replied", b'R'),
    ("+passed", b'P'),
];

struct Notmuch {
    home: PathBuf,
    maildir: PathBuf,
    random: Random,
}

impl Notmuch {
    fn new(machine: &Machine) -> Self {
        let settings = format!(
            "[database]\npath={}\n[user]\nname=Me\nprimary_email=me@example.org\n\
             [new]\ntags=unread;inbox\n[maildir]\nsynchronize_flags=true\n",
            machine.maildir().display()
        );
        fs::write(machine.home.path().join("notmuch-config"), settings).expect("written");
        Self {
            home: machine.home.path().to_owned(),
            maildir: machine.maildir(),
            random: Random::new(72),
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("notmuch");
        command
            .args(arguments)
            .env("HOME", &self.home)
            .env("NOTMUCH_CONFIG", self.home.join("notmuch-config"))
            .env_remove("NOTMUCH_DATABASE")
            .env_remove("NOTMUCH_PROFILE");
        run(&mut command)
    }

    /// What came in is tagged with what its flags say.
    fn index(&self) {
        self.run(&["new", "--quiet"]).ok();
    }

    fn step(&mut self, model: &mut Model) {
        let folder = FOLDERS[self.random.below(3) as usize];
        deliver(&self.maildir, folder, model);
        self.index();
        for _ in 0..3 {
            self.tag(model);
        }
        if self.random.below(4) == 0 {
            self.delete(model);
        }
    }

    fn tag(&mut self, model: &mut Model) {
        let Some((letter, before)) = model.pick(model.letters.len(), &mut self.random) else {
            return;
        };
        let (tag, flag) = TAGS[self.random.below(4) as usize];
        self.run(&["tag", tag, "--", &format!("id:{}", letter.message_id)])
            .ok();
        let flags = with(&before.flags, flag);
        model.flag(before, flags);
    }

    /// As its manual says that mail is deleted.
    fn delete(&mut self, model: &mut Model) {
        let Some((letter, before)) = model.pick(FIRST, &mut self.random) else {
            return;
        };
        let query = format!("id:{}", letter.message_id);
        self.run(&["tag", "+deleted", "--", &query]).ok();
        let files = self.run(&["search", "--output=files", "tag:deleted"]).ok();
        let gone: Vec<_> = files.stdout.lines().map(fs::remove_file).collect();
        assert!(
            gone.len() == 1 && gone[0].is_ok(),
            "{}: {gone:?}",
            files.stdout
        );
        self.index();
        model.apply(vec![(Some(before), None)]);
    }

    /// The tags of each letter that it knows, as flags.
    fn flags(&self) -> BTreeMap<String, Vec<u8>> {
        let dump = self.run(&["dump", "--format=batch-tag"]).ok().stdout;
        let lines = dump.lines().filter_map(|line| line.split_once(" -- id:"));
        let flags = lines.map(|(tags, id)| {
            let is = |tag: &str| tags.split(' ').any(|it| it == tag);
            let set = TAGS.iter().filter(|(tag, _)| match *tag {
                "-unread" => !is("+unread"),
                tag => is(tag),
            });
            let mut flags: Vec<u8> = set.map(|(_, flag)| *flag).collect();
            flags.sort_unstable();
            (id.to_owned(), flags)
        });
        flags.collect()
    }
}

#[test]
fn notmuch_tags_and_deletes_mail() {
    need("notmuch");
    let mut scene = Scene::new();
    let mut notmuch = Notmuch::new(&scene.first);
    notmuch.index();
    let mut other = scene.second.client((1, 2), 71);
    let steps = [Step::Deliver, Step::Flag, Step::Flag, Step::See, Step::Move];
    scene.meanwhile(|| other.work(2, &steps), |model| notmuch.step(model));
    scene.assert_nothing_lost();
    // What the other device changed has come to notmuch as well.
    notmuch.index();
    let known = notmuch.flags();
    for letter in &scene.model.letters {
        let there = scene.model.mail.0.keys().find(|it| it.hash == letter.hash);
        let flags = there.map(|it| &it.flags);
        assert_eq!(
            known.get(&letter.message_id),
            flags,
            "{}",
            letter.message_id
        );
    }
    scene.assert_nothing_lost();
}
