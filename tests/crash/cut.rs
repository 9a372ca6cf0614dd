//! A command that is cut off everywhere, in every way.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;

use mailvc_store::graph;
use mailvc_store::object::FolderMap;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::SnapshotRequest;
use mailvc_tests::fault_fs::{Fault, FaultFs, Points, at_chosen_operations};
use mailvc_tests::maildir::{self, Messages};

use crate::stores::{lock_request, mail, open, store};

/// The faults of every kind that a store must survive.
pub(crate) const FAULTS: [Fault; 10] = [
    Fault::Fail(28),
    Fault::Fail(5),
    Fault::Fail(EMFILE),
    Fault::Fail(EROFS),
    Fault::Fail(EDQUOT),
    Fault::Torn,
    Fault::PowerLoss,
    Fault::Reorder(1),
    Fault::Reorder(2),
    Fault::Reorder(3),
];

/// Too many files are open.
const EMFILE: i32 = 24;
/// The file system has become one that is only read, as after an error.
const EROFS: i32 = 30;
/// The user's share of the disk is full.
const EDQUOT: i32 = 122;

/// At how many operations each fault strikes in a short run.
const AT_MOST: u64 = 8;
/// And those that a store meets as it meets a full or a broken disk.
const AT_MOST_OF_ALIKE: u64 = 3;

fn at_most(fault: Fault) -> u64 {
    match fault {
        Fault::Fail(EMFILE | EROFS | EDQUOT) => AT_MOST_OF_ALIKE,
        _ => AT_MOST,
    }
}

/// What a command may end in.
pub(crate) type Done = Result<(), Box<dyn Error>>;

/// A command.
pub(crate) struct Command<P, A, R> {
    pub(crate) name: &'static str,
    /// Makes what it works on.
    pub(crate) prepare: P,
    /// The command itself.
    pub(crate) act: A,
    /// Looks at what a crash left, and says whether the command is to be given again: not if it
    /// had ended and is one that does something else the second time.
    pub(crate) again: R,
}

/// Where a command ends.
#[derive(Debug)]
struct End {
    mail: Messages,
    folders: FolderMap,
}

/// Cuts the command off, and compares where it ends when it is given again.
pub(crate) fn cut_off_everywhere<S>(
    command: &Command<
        impl Fn(&FaultFs) -> S,
        impl Fn(&FaultFs, &S) -> Done,
        impl Fn(&FaultFs, &S, &str) -> bool,
    >,
) {
    let (before, end) = undisturbed(command);
    let mut known = before.contents();
    known.extend(end.mail.contents());
    for fault in FAULTS {
        let points = Points::from_environment(at_most(fault));
        let (tried, operations) = at_chosen_operations(
            (fault, &points),
            |disk| (command.prepare)(disk),
            |disk, subject| assert_says_why(fault, (command.act)(disk, subject)),
            |disk, subject, struck| {
                let at = format!("{}: {fault:?} at {struck:?}", command.name);
                assert_nothing_broken(disk, &known, &at);
                if struck.is_some() && (command.again)(disk, subject, &at) {
                    (command.act)(disk, subject).unwrap_or_else(|e| panic!("{at}: {e}"));
                }
                assert_ended(disk, &end, &at);
                // What was cleared away and came back with the power, the next command clears.
                drop(open(disk).and_then(|repo| repo.lock(&lock_request()).map(drop)));
                assert_settled(disk, &at);
            },
        );
        println!(
            "{}, {fault:?}: {tried} of {operations} operations",
            command.name
        );
        assert!(operations > 5, "{operations}");
    }
}

/// What a peer says of a fault at its end; what the system said is for its own people.
const THERE: &str = "cannot be read or written";

/// A command that a fault ends says what the system said.
fn assert_says_why(fault: Fault, done: Done) {
    let (Fault::Fail(number), Err(error)) = (fault, done) else {
        return;
    };
    let said = std::io::Error::from_raw_os_error(number).to_string();
    let mut cause: Option<&dyn Error> = Some(&*error);
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains(&said) || text.contains(THERE) {
            return;
        }
        cause = error.source();
    }
    panic!("{fault:?}: {error:?}");
}

/// Where the command ends if nobody disturbs it, and what the Maildir was before.
fn undisturbed<S>(
    command: &Command<impl Fn(&FaultFs) -> S, impl Fn(&FaultFs, &S) -> Done, impl Sized>,
) -> (Messages, End) {
    let disk = FaultFs::new();
    let subject = (command.prepare)(&disk);
    let before = maildir::read(&mail(&disk)).expect("read");
    (command.act)(&disk, &subject).unwrap_or_else(|error| panic!("{}: {error}", command.name));
    let end = look(&disk, command.name);
    assert_settled(&disk, command.name);
    (before, end)
}

fn look(disk: &FaultFs, at: &str) -> End {
    let repo = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    let local = repo.local().expect("read").expect("something recorded");
    End {
        mail: maildir::read(&mail(disk)).expect("read"),
        folders: repo.folders(local).expect("stored"),
    }
}

/// Whoever looks right after the crash sees whole messages, and a store whose refs hold.
fn assert_nothing_broken(disk: &FaultFs, known: &BTreeSet<[u8; 32]>, at: &str) {
    let seen = maildir::read(&mail(disk)).expect("read").contents();
    let half: Vec<_> = seen.difference(known).collect();
    assert!(half.is_empty(), "{at}: half a message: {half:?}");
    let repo = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    for (name, id) in repo.refs().list().expect("listed") {
        graph::load(repo.odb(), id).unwrap_or_else(|error| panic!("{at}: {name}: {error}"));
    }
    let report = repo.verify(true, &NoProgress).expect("verified");
    assert!(report.findings.is_empty(), "{at}: {:?}", report.findings);
}

fn assert_ended(disk: &FaultFs, end: &End, at: &str) {
    let found = look(disk, at);
    assert_eq!(found.mail.difference(&end.mail), "", "{at}");
    let paths = |map: &FolderMap| map.folders.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found.folders), paths(&end.folders), "{at}");
    assert_eq!(found.folders, end.folders, "{at}");
}

/// Nothing of ours lies about, and the next look finds what was recorded.
pub(crate) fn assert_settled(disk: &FaultFs, at: &str) {
    let litter = maildir::in_tmp(&mail(disk)).expect("listed");
    assert!(litter.is_empty(), "{at}: {litter:?}");
    for entry in fs::read_dir(mail(disk)).expect("listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path().join("cur").is_dir();
        assert!(
            !name.starts_with('.') || folder,
            "{at}: {name} is no folder"
        );
        assert!(name == "new" || !name.ends_with("new"), "{at}: {name}");
    }
    assert_tidy(disk, at);
    let repo = open(disk).expect("opened");
    let locked = repo.lock(&lock_request()).expect("locked");
    let request = SnapshotRequest {
        thorough: true,
        ..SnapshotRequest::default()
    };
    let again = locked.snapshot(&request).expect("recorded");
    assert!(!again.new, "{at}: {:#?}", again.changes);
    drop(locked);
    let report = repo.verify(true, &NoProgress).expect("verified");
    assert!(report.findings.is_empty(), "{at}: {:?}", report.findings);
}

/// What a store's directory holds besides what is listed here is litter.
const FILES: [&str; 17] = [
    "budget",
    "config",
    "format",
    "gc",
    "incoming",
    "index.redb",
    "instance",
    "keys",
    "lock",
    "log",
    "packs",
    "refs",
    "revoked",
    "scans",
    "superseded",
    "trusted",
    "yeses",
];

fn assert_tidy(disk: &FaultFs, at: &str) {
    let litter = maildir::store_litter(&store(disk)).expect("listed");
    assert!(litter.is_empty(), "{at}: {litter:?}");
    let names = |dir: &str| {
        let entries = fs::read_dir(store(disk).join(dir)).expect("listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.map(|it| it.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let strange: Vec<_> = names("")
        .into_iter()
        .filter(|name| !FILES.contains(&name.as_str()))
        .collect();
    assert!(strange.is_empty(), "{at}: {strange:?}");
    assert_eq!(names("keys"), ["device", "device.pub"], "{at}");
    if store(disk).join("yeses").exists() {
        let whole = |name: &String| name.len() == 64;
        assert!(
            names("yeses").iter().all(whole),
            "{at}: {:?}",
            names("yeses")
        );
    }
}
