//! mbsync keeps the first device's Maildir in step with the one of a third device, which mailvc
//! records as well. It names files after its own numbers, adds a header to what it copies, and
//! removes at both ends what is marked at one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailvc_tests::cli::Run;
use mailvc_tests::machine::Machine;
use mailvc_tests::random::Random;

use super::imap::Dovecot;
use super::letters::{Letter, Model, with};
use super::person::{Person, all, folder_of, rename};
use super::scene::{FIRST, FOLDERS, Scene, assert_recorded, deliver, record, unguard};
use super::{need, run, soon};

struct Mbsync {
    first: PathBuf,
    third: Machine,
    random: Random,
    /// Runs that others' changes cut short.
    disturbed: usize,
}

impl Mbsync {
    /// With the third device's mail being all of the first one's.
    fn new(first: &Machine, far: &str) -> Self {
        let third = Machine::new("third");
        let home = third.home.path().display().to_string();
        fs::create_dir(format!("{home}/state")).expect("a directory");
        let settings = format!(
            "FSync yes\n\n{far}\n\n\
             MaildirStore near\nInbox {home}/Maildir\nSubFolders Maildir++\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove None\n\
             Expunge Both\nCopyArrivalDate yes\nSyncState {home}/state/\n",
        );
        fs::write(format!("{home}/mbsyncrc"), settings).expect("written");
        let mbsync = Self {
            first: first.maildir(),
            third,
            random: Random::new(73),
            disturbed: 0,
        };
        fs::create_dir(mbsync.third.maildir()).expect("a directory");
        mbsync.run().ok();
        mbsync.third.run(&["init", "--name", "third"]).ok();
        unguard(&mbsync.third);
        mbsync
    }

    fn run(&self) -> Run {
        let home = self.third.home.path();
        let mut command = Command::new("mbsync");
        command.args(["-q", "-c"]).arg(home.join("mbsyncrc"));
        run(command.arg("all").env("HOME", home))
    }

    fn step(&mut self, model: &mut Model) {
        let third = self.third.maildir();
        for root in [&self.first, &third] {
            let folder = FOLDERS[self.random.below(3) as usize];
            deliver(root, folder, model);
        }
        // What has not yet come to where somebody would change it waits for another time.
        for root in [self.first.clone(), third] {
            self.flag(&root, model);
            if self.random.below(3) == 0 {
                self.expunge(&root, model);
            }
        }
        let run = self.run();
        if run.code != Some(0) {
            println!("{}", run.stderr.trim_end());
            self.disturbed += 1;
        }
        record(&self.third, &["snapshot"]);
    }

    fn flag(&mut self, root: &Path, model: &mut Model) {
        let flag = b"FRS"[self.random.below(3) as usize];
        if let Some((letter, before)) = model.pick(model.letters.len(), &mut self.random) {
            let flags = with(&before.flags, flag);
            if mark(root, &letter, &flags) {
                model.flag(before, flags);
            }
        }
    }

    /// Marks one of the first letters as trash.
    fn expunge(&mut self, root: &Path, model: &mut Model) {
        if let Some((letter, before)) = model.pick(FIRST, &mut self.random)
            && mark(root, &letter, &with(&before.flags, b'T'))
        {
            model.apply(vec![(Some(before), None)]);
        }
    }

    /// Runs until nothing is left to be done, and nothing hinders it: it puts off to the next run
    /// what changed under its hands, and Dovecot may notice late what changed while it looked.
    fn finish(&self, scene: &Scene) {
        let machines = [&scene.first, &scene.second, &self.third];
        let step = || {
            scene.second.sync();
            self.run().ok();
        };
        soon(|| {
            step();
            machines.into_iter().all(|machine| scene.has_all(machine))
        });
        // It stays so, or never was: the caller looks.
        step();
        self.third.run(&["snapshot"]).ok();
    }
}

/// Gives a letter other flags, where it lies; whether it is there.
fn mark(root: &Path, letter: &Letter, flags: &[u8]) -> bool {
    let found = all(root).expect("a Maildir");
    let found = found.iter().find(|(_, it)| it.hash == letter.hash);
    found.is_some_and(|(path, _)| rename(path, folder_of(path), flags).is_ok())
}

fn works_beside(scene: &mut Scene, mut mbsync: Mbsync) {
    let mut person = Person::new(&scene.second.maildir(), 75);
    scene.meanwhile(|| person.work(), |model| mbsync.step(model));
    println!("{} runs disturbed", mbsync.disturbed);
    mbsync.finish(scene);
    // The letters that were expunged are all among those.
    let first: BTreeSet<_> = scene.model.letters[..FIRST]
        .iter()
        .map(|it| it.hash)
        .collect();
    assert_recorded(&scene.first, &first);
    assert_recorded(&scene.second, &first);
    // What mbsync copied has a header more, so its hash is another.
    for machine in [&scene.first, &scene.second, &mbsync.third] {
        assert_recorded(machine, &machine.messages().contents());
        scene.assert_has_all(machine);
    }
    scene.assert_in_step();
}

#[test]
fn mbsync_between_two_maildirs() {
    need("mbsync");
    let mut scene = Scene::new();
    let inbox = scene.first.maildir().display().to_string();
    let far = format!("MaildirStore far\nInbox {inbox}\nSubFolders Maildir++");
    let mbsync = Mbsync::new(&scene.first, &far);
    works_beside(&mut scene, mbsync);
}

#[test]
fn mbsync_through_dovecot() {
    need("mbsync");
    let mut scene = Scene::new();
    let dovecot = Dovecot::of(&scene.first);
    let tunnel = dovecot.program().display().to_string();
    let far = format!("IMAPStore far\nTunnel \"{tunnel}\"");
    let mbsync = Mbsync::new(&scene.first, &far);
    works_beside(&mut scene, mbsync);
    dovecot.assert_content();
}
