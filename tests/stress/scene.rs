//! The three devices, and what they are when everything is quiet.

use std::os::unix::fs::symlink;

use mailvc_tests::machine::{Machine, assert_in_step};
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::maildir::{self, Messages};

/// The tag of the state that a phase begins with; all checkouts and restores go there.
pub(crate) const MARK: &str = "tags/mark";
/// How often devices that nobody touches may have to sync until they are in step.
const PATIENCE: usize = 8;

/// `first` and `second` have one Maildir, `third` its own. The third reaches the first by SSH
/// where there is an sshd, all else goes by paths.
pub(crate) struct Scene {
    pub(crate) machines: [Machine; 3],
}

/// Those who share a Maildir, and the one who has another.
pub(crate) const FIRST: usize = 0;
pub(crate) const THIRD: usize = 2;

/// A machine whose Maildir is that of `other`.
fn sharing(name: &str, other: &Machine) -> Machine {
    let machine = Machine::new(name);
    symlink(other.maildir(), machine.maildir()).expect("a link");
    let maildir = other.maildir().display().to_string();
    let init = ["init", "--maildir", &maildir, "--name", name];
    machine.run(&init).ok();
    machine
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mailbox = Mailbox {
            messages: 150,
            ..Mailbox::default()
        };
        let mut first = Machine::initialised("first", &mailbox);
        let second = sharing("second", &first);
        first.listen();
        let third = Machine::cloned("third", &first);
        first.add_path_of(&second);
        first.add_path_of(&third);
        second.add_path_of(&first);
        second.add_path_of(&third);
        third.add_path_of(&second);
        Self {
            machines: [first, second, third],
        }
    }

    /// Names the state that all are in.
    pub(crate) fn mark(&self) {
        for machine in &self.machines {
            machine.run(&["tag", "mark", "--force"]).ok();
        }
    }

    fn in_step(&self) -> bool {
        let tips = self.machines.each_ref().map(Machine::tip);
        tips.iter().all(|tip| *tip == tips[0])
    }

    /// Syncs everybody until all are in step, and gives the mail that all have then.
    pub(crate) fn settle(&self) -> Messages {
        self.settle_by(|machine| {
            machine.sync();
        })
    }

    /// The same after somebody went back, where the guard asks: what would leave is kept.
    pub(crate) fn settle_after_going_back(&self) -> Messages {
        self.settle_by(|machine| {
            if machine.run(&["sync"]).code == Some(3) {
                machine.run(&["sync", "--keep-newer"]);
            }
        })
    }

    fn settle_by(&self, sync: impl Fn(&Machine)) -> Messages {
        for machine in &self.machines {
            machine.await_callers();
        }
        for _ in 0..PATIENCE {
            self.machines.iter().for_each(&sync);
            if self.in_step() {
                break;
            }
        }
        for machine in &self.machines {
            machine.sync();
        }
        assert_in_step(&self.machines.each_ref());
        self.machines[FIRST].messages()
    }

    /// Nothing of ours lies about.
    pub(crate) fn assert_no_litter(&self) {
        for machine in &self.machines {
            machine.await_callers();
            let litter = maildir::store_litter(&machine.store()).expect("listed");
            assert!(litter.is_empty(), "{}: {litter:?}", machine.name);
            let litter = maildir::in_tmp(&machine.maildir()).expect("listed");
            assert!(litter.is_empty(), "{}: {litter:?}", machine.name);
        }
    }

    /// And every store holds what it should.
    pub(crate) fn assert_sound(&self) {
        for machine in &self.machines {
            machine.assert_clean();
        }
    }
}
