use mailvc_store::fs::LockError;
use mailvc_store::graph::GraphError;
use mailvc_store::merge::MergeError;
use mailvc_store::odb::OdbError;
use mailvc_store::refs::RefError;
use mailvc_store::repo::RepoError;
use mailvc_store::tree::TreeError;
use mailvc_store::worktree::WorktreeError;

use super::{Failure, Problem, advice, chain};

const UNTOUCHED: &str = "nothing was changed";
const VERIFY: &str = "run `mailvc verify --full` to see what is hit; a `fetch` from a device that \
                      has it whole mends it";

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        let (what, advice) = (chain(&error), advice(&error));
        let fail = |meaning: &str, next: &str| {
            Self::new(Problem::Error, what.clone())
                .meaning(meaning)
                .next(next)
        };
        match error {
            RepoError::NoStore(_) => fail(
                "no mail was looked at",
                "`mailvc init` puts a Maildir under mailvc; `-a ACCOUNT` or `--store DIR` names \
                 another store",
            ),
            RepoError::Exists(_) => fail(
                "the Maildir is under mailvc already, or this store belongs to another one",
                "`mailvc status` shows it; `--store DIR` or `-a ACCOUNT` makes a second store",
            ),
            RepoError::StoreInMaildir { .. } => fail(UNTOUCHED, "name another place with --store"),
            RepoError::NewerFormat { .. } => fail(UNTOUCHED, "install that newer mailvc here"),
            RepoError::Config { .. } => {
                fail(UNTOUCHED, "correct the file, or take it from a backup")
            }
            RepoError::Copied(_) => fail(
                "the store can be read, but records nothing until it is a device of its own",
                "`mailvc key renew`, if this copy is to live on beside the other; else go on with \
                 the other",
            ),
            RepoError::NoRoom { .. } => fail(
                "nothing was changed",
                "make room on the store's disk: the old packs go only when the new ones are checked",
            ),
            RepoError::NoMaildir => fail(UNTOUCHED, "this command needs a store that has one"),
            RepoError::Empty => fail(
                "there is no earlier state yet",
                "`mailvc snapshot` records one",
            ),
            RepoError::UnknownFolder(_) => {
                fail(UNTOUCHED, "`mailvc show` lists the folders of a snapshot")
            }
            RepoError::UnknownSnapshot(_) => fail(UNTOUCHED, "`mailvc log` lists the snapshots"),
            RepoError::AmbiguousSnapshot { .. } => fail(UNTOUCHED, "give more digits"),
            RepoError::WrongYes { actual, .. } => Self::new(Problem::Guard, what)
                .meaning("nothing was removed")
                .next(format!(
                    "look with --dry-run -v; `--yes-delete {actual}` allows exactly that"
                )),
            RepoError::WouldRemove(_) => Self::new(Problem::Guard, what)
                .meaning("nothing was changed")
                .next("look with --dry-run -v"),
            RepoError::Unseen { .. } => fail(
                "nothing was changed in the Maildir, and nothing taken for deleted",
                "run it again; if it stays so, is the disk sound?",
            ),
            RepoError::NothingToUndo => {
                fail(UNTOUCHED, "`mailvc undo --list` shows what there was")
            }
            RepoError::UnknownSigner { .. } => fail(
                "what was received is not used",
                "if you know that device: `mailvc trust add`",
            ),
            RepoError::Revoked { .. } => fail(
                "what was received is not used",
                "only `mailvc trust add` makes a revoked device count again",
            ),
            RepoError::BadSignature(_) | RepoError::WrongMerge(_) => fail(
                "what was received is not used; your mail is as it was",
                "somebody changed it on the way, or the other device has a fault: verify there",
            ),
            RepoError::OtherDevice { .. } => fail(
                "nothing was exchanged",
                "if that is right, remove the remote and add it again",
            ),
            RepoError::UnknownDevice(_) => fail(UNTOUCHED, "`mailvc trust list` lists them"),
            RepoError::UnknownRemote(_) => fail(UNTOUCHED, "`mailvc remote list` lists them"),
            RepoError::Lock(error) => error.into(),
            RepoError::Worktree(error) => error.into(),
            RepoError::Odb(error) => error.into(),
            RepoError::Tree(error) => error.into(),
            RepoError::Graph(error) => error.into(),
            RepoError::Merge(error) => error.into(),
            RepoError::Ref(error) => error.into(),
            _ => fail(UNTOUCHED, advice),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let (what, advice) = (chain(&error), advice(&error));
        match error {
            LockError::Busy { .. } => Self::new(Problem::Busy, what)
                .meaning("nothing was changed, and the other command goes on undisturbed")
                .next("try again when it is done"),
            LockError::Io { .. } => Self::new(Problem::Error, what)
                .meaning(UNTOUCHED)
                .next(advice),
        }
    }
}

impl From<WorktreeError> for Failure {
    fn from(error: WorktreeError) -> Self {
        let (what, advice) = (chain(&error), advice(&error));
        let fail = |meaning: &str, next: &str| {
            Self::new(Problem::Error, what.clone())
                .meaning(meaning)
                .next(next)
        };
        match error {
            WorktreeError::NoMaildir(_) => fail(
                "nothing was taken for deleted",
                "is a disk not mounted? If the Maildir moved: `mailvc init --maildir DIR` in its \
                 new place",
            ),
            WorktreeError::NotAMaildir(_) => fail(
                "nothing was taken for deleted",
                "name the directory that holds `cur`",
            ),
            WorktreeError::AnchorGone(_) => fail(
                "nothing was taken for deleted",
                "is another disk mounted there? If it was restored or moved and is the right one: \
                 `mailvc init --maildir DIR`",
            ),
            WorktreeError::NotEmpty(_) | WorktreeError::NotVacant(_) => fail(
                "nothing was written",
                "name a directory that is empty or not there yet",
            ),
            WorktreeError::TooLong(_) => fail(
                "nothing was changed",
                "give the folder a shorter name, or the message fewer flags, on the other device",
            ),
            WorktreeError::Cancelled => fail("what was begun is finished by the next command", ""),
            WorktreeError::Odb(error) => error.into(),
            WorktreeError::Tree(error) => error.into(),
            WorktreeError::Io { .. } => fail(
                "no message was lost; what was begun is finished by the next command",
                advice,
            ),
            _ => fail("no message was lost", advice),
        }
    }
}

impl From<OdbError> for Failure {
    fn from(error: OdbError) -> Self {
        let (what, advice) = (chain(&error), advice(&error));
        match error {
            OdbError::Missing(_) | OdbError::Damaged { .. } => damage(what),
            _ => Self::new(Problem::Error, what)
                .meaning(UNTOUCHED)
                .next(advice),
        }
    }
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Odb(error) => error.into(),
            other => damage(chain(&other)),
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Odb(error) => error.into(),
            other => damage(chain(&other)),
        }
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Odb(error) => error.into(),
            MergeError::Tree(error) => error.into(),
            MergeError::Graph(error) => error.into(),
            other => Self::new(Problem::Error, chain(&other)).meaning(UNTOUCHED),
        }
    }
}

impl From<RefError> for Failure {
    fn from(error: RefError) -> Self {
        let (what, advice) = (chain(&error), advice(&error));
        match error {
            RefError::Damaged { .. } => damage(what),
            RefError::Moved { .. } => Self::new(Problem::Busy, what)
                .meaning("another command was quicker; nothing was lost")
                .next("run it again"),
            _ => Self::new(Problem::Error, what)
                .meaning(UNTOUCHED)
                .next(advice),
        }
    }
}

fn damage(what: String) -> Failure {
    Failure::new(Problem::Damage, what)
        .meaning("part of the store is damaged; the Maildir was not touched")
        .next(VERIFY)
}
