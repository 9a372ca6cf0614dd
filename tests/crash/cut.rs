//! A command that is cut off everywhere, in every way.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;

use mailvc_store::graph;
use mailvc_store::object::FolderMap;
use mailvc_store::odb::ObjectRead;
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::SnapshotRequest;
use mailvc_store::tree;
use mailvc_tests::fault_fs::{Fault, FaultFs, Points, at_chosen_operations};
use mailvc_tests::maildir::{self, Messages};

use crate::stores::{lock_request, mail, open, store};

/// The faults of every kind that a store must survive.
pub(crate) const FAULTS: [Fault; 13] = [
    Fault::Fail(28),
    Fault::Fail(EIO),
    Fault::Fail(EMFILE),
    Fault::Fail(EROFS),
    Fault::Fail(EDQUOT),
    Fault::Refuse(EMFILE),
    Fault::Refuse(EIO),
    Fault::Unreadable,
    Fault::Torn,
    Fault::PowerLoss,
    Fault::Reorder(1),
    Fault::Reorder(2),
    Fault::Reorder(3),
];

/// The disk is broken.
const EIO: i32 = 5;
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
        Fault::Fail(EMFILE | EROFS | EDQUOT) | Fault::Refuse(EIO) => AT_MOST_OF_ALIKE,
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
    places: BTreeSet<Place>,
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
    let (before, end, kept) = undisturbed(command);
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
                kept.assert_there(disk, &at);
                if struck.is_some() && (command.again)(disk, subject, &at) {
                    (command.act)(disk, subject).unwrap_or_else(|e| panic!("{at}: {e}"));
                }
                assert_ended((disk, fault), &end, &at);
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
/// What is said of a folder that was told to be unreadable before.
const HIDDEN: &str = "cannot be looked into, so nothing is written to it";
/// What is said of a new pack that cannot be read again, and is not used.
const UNPROVEN: &str = "does not read as it should";

/// A command that a fault ends says what the system said.
fn assert_says_why(fault: Fault, done: Done) {
    let Err(error) = done else { return };
    let number = match fault {
        Fault::Fail(number) | Fault::Refuse(number) => number,
        Fault::Unreadable => EIO,
        _ => return,
    };
    let said = std::io::Error::from_raw_os_error(number).to_string();
    let mut cause: Option<&dyn Error> = Some(&*error);
    while let Some(error) = cause {
        let text = error.to_string();
        if [said.as_str(), THERE, HIDDEN, UNPROVEN]
            .iter()
            .any(|it| text.contains(it))
        {
            return;
        }
        cause = error.source();
    }
    panic!("{fault:?}: {error:?}");
}

/// A message in a folder: the folder's path, and the hash of its bytes.
type Place = (Vec<u8>, [u8; 32]);

/// The messages that are in the Maildir and recorded, and stay, or move at most: whatever could
/// not be read meanwhile, they are not deleted.
#[derive(Debug, Default)]
struct Kept {
    in_mail: BTreeSet<Place>,
    recorded: BTreeSet<Place>,
    /// In whatever folder.
    anywhere: BTreeSet<[u8; 32]>,
}

impl Kept {
    fn of(disk: &FaultFs) -> Self {
        let listed = maildir::listed(&mail(disk)).expect("listed");
        let in_mail = listed.into_iter().map(|(_, it)| (it.folder, it.hash));
        let in_mail: BTreeSet<Place> = in_mail.collect();
        let hashes = |places: &BTreeSet<Place>| places.iter().map(|it| it.1).collect();
        let (there, recorded): (BTreeSet<_>, _) = (hashes(&in_mail), recorded(disk));
        let known: BTreeSet<_> = hashes(&recorded);
        Self {
            anywhere: known.intersection(&there).copied().collect(),
            recorded: recorded.intersection(&in_mail).cloned().collect(),
            in_mail,
        }
    }

    fn and(&self, other: &Self) -> Self {
        let both = |a: &BTreeSet<Place>, b| a.intersection(b).cloned().collect();
        let anywhere = self.anywhere.intersection(&other.anywhere);
        Self {
            in_mail: both(&self.in_mail, &other.in_mail),
            recorded: both(&self.recorded, &other.recorded),
            anywhere: anywhere.copied().collect(),
        }
    }

    fn assert_there(&self, disk: &FaultFs, at: &str) {
        let now = Self::of(disk);
        let gone: Vec<_> = self.in_mail.difference(&now.in_mail).collect();
        assert!(gone.is_empty(), "{at}: gone from the Maildir: {gone:?}");
        let gone: Vec<_> = self.recorded.difference(&now.recorded).collect();
        assert!(gone.is_empty(), "{at}: taken for deleted: {gone:?}");
        let gone: Vec<_> = self.anywhere.difference(&now.anywhere).collect();
        assert!(gone.is_empty(), "{at}: taken for deleted: {gone:?}");
    }
}

/// What the newest snapshot has; nothing where there is none.
fn recorded(disk: &FaultFs) -> BTreeSet<Place> {
    let mut found = BTreeSet::new();
    let Ok(repo) = open(disk) else { return found };
    let Some(local) = repo.local().expect("read") else {
        return found;
    };
    for (path, folder) in repo.folders(local).expect("stored").folders {
        for entry in tree::entries(repo.odb(), folder.tree) {
            let (key, _) = entry.expect("an entry");
            let bytes = repo.odb().read(key.blob.into()).expect("a message");
            found.insert((path.as_bytes().to_vec(), *blake3::hash(&bytes).as_bytes()));
        }
    }
    found
}

/// Where the command ends if nobody disturbs it, what the Maildir was before, and what the command
/// has no reason to touch.
fn undisturbed<S>(
    command: &Command<impl Fn(&FaultFs) -> S, impl Fn(&FaultFs, &S) -> Done, impl Sized>,
) -> (Messages, End, Kept) {
    let disk = FaultFs::new();
    let subject = (command.prepare)(&disk);
    let before = maildir::read(&mail(&disk)).expect("read");
    let kept = Kept::of(&disk);
    (command.act)(&disk, &subject).unwrap_or_else(|error| panic!("{}: {error}", command.name));
    let end = look(&disk, command.name);
    assert_settled(&disk, command.name);
    (before, end, kept.and(&Kept::of(&disk)))
}

fn look(disk: &FaultFs, at: &str) -> End {
    let repo = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    let local = repo.local().expect("read").expect("something recorded");
    End {
        mail: maildir::read(&mail(disk)).expect("read"),
        places: recorded(disk),
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

fn assert_ended((disk, fault): (&FaultFs, Fault), end: &End, at: &str) {
    let found = look(disk, at);
    assert_eq!(found.mail.difference(&end.mail), "", "{at}");
    let paths = |map: &FolderMap| map.folders.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found.folders), paths(&end.folders), "{at}");
    assert_eq!(found.places, end.places, "{at}");
    if matches!(fault, Fault::Refuse(_) | Fault::Unreadable) {
        // What was not seen to be gone is not known to have come back.
        return;
    }
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
const FILES: [&str; 18] = [
    "budget",
    "config",
    "format",
    "gc",
    "guard.log",
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
