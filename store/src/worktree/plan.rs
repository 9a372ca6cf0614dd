//! What it takes to get from one state to another: printable, countable, and executed by `apply`.

use std::collections::{BTreeMap, BTreeSet};

use super::WorktreeError;
use crate::maildir::{FolderPath, Layout};
use crate::object::{BlobId, EntryKey, FolderMap, MessageCopy, TreeId};
use crate::odb::ObjectRead;
use crate::tree;

/// The longest name of a file or directory on any disk that mail lies on, in bytes.
const NAME_MAX: usize = 255;
/// The longest name of ours without what follows `:2,`, and these three bytes.
const OUR_NAME: usize = 203;

/// A copy that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// Where.
    pub folder: FolderPath,
    /// The message.
    pub key: EntryKey,
    /// Its length in bytes.
    pub size: u64,
    /// What its file is to say.
    pub copy: MessageCopy,
}

/// A copy whose flags, place in `new`, or time are to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub folder: FolderPath,
    /// The message.
    pub key: EntryKey,
    /// As it is.
    pub from: MessageCopy,
    /// As it is to be.
    pub to: MessageCopy,
}

/// A copy that goes to another folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The folder that it leaves.
    pub from: FolderPath,
    /// The folder that it goes to.
    pub to: FolderPath,
    /// The message.
    pub key: EntryKey,
    /// As it is.
    pub before: MessageCopy,
    /// As it is to be.
    pub after: MessageCopy,
}

/// A copy that is to leave the Maildir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove {
    /// Where.
    pub folder: FolderPath,
    /// The message.
    pub key: EntryKey,
    /// Its length in bytes.
    pub size: u64,
    /// As it is.
    pub copy: MessageCopy,
}

/// A file that was emptied, zero-filled or cut short in place, to be replaced by the whole message.
/// Both states have the copy: no comparison of them finds it, only a scan does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// Where.
    pub folder: FolderPath,
    /// The damaged file: `cur/NAME` or `new/NAME`.
    pub name: Vec<u8>,
    /// The message that it should hold.
    pub key: EntryKey,
    /// The whole message's length in bytes.
    pub size: u64,
    /// What the new file is to say: what the damaged one says, but for the time, which is the
    /// message's.
    pub copy: MessageCopy,
    /// What the file holds instead, which the scan has stored: only that may be unlinked.
    pub found: BlobId,
    /// Whether an interrupted run has written the whole message already: then the damaged file
    /// has but to leave.
    pub written: bool,
}

/// All steps from one state to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Folders to make.
    pub make: Vec<FolderPath>,
    /// Messages to write.
    pub add: Vec<Add>,
    /// Damaged files to mend.
    pub mend: Vec<Mend>,
    /// Flags, recent bits and times to set.
    pub change: Vec<Change>,
    /// Messages to move between folders.
    pub moves: Vec<Move>,
    /// Messages to remove.
    pub remove: Vec<Remove>,
    /// Folders to remove once they are empty, inner ones first.
    pub drop: Vec<FolderPath>,
    /// The lines that `subscriptions` is to have, if they change.
    pub subscriptions: Option<BTreeSet<Vec<u8>>>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The folders that it touches, some of them more than once.
    pub fn folders(&self) -> impl Iterator<Item = &FolderPath> {
        let steps = self.add.iter().map(|step| &step.folder);
        let steps = steps.chain(self.mend.iter().map(|step| &step.folder));
        let steps = steps.chain(self.change.iter().map(|step| &step.folder));
        let steps = steps.chain(self.moves.iter().flat_map(|step| [&step.from, &step.to]));
        let steps = steps.chain(self.remove.iter().map(|step| &step.folder));
        steps.chain(&self.make).chain(&self.drop)
    }

    /// A folder that cannot be made, or a message in it whose flags cannot be told, because the
    /// name would be longer than a disk has names: who began with this would never be done.
    pub fn too_long(&self, layout: Layout) -> Option<&FolderPath> {
        let length = |copy: &MessageCopy| copy.flags.to_info().len();
        let added = self
            .add
            .iter()
            .map(|add| (&add.folder, 0, length(&add.copy)));
        let changed = self.change.iter();
        let changed = changed.map(|it| (&it.folder, length(&it.from), length(&it.to)));
        let moved = self.moves.iter();
        let moved = moved.map(|it| (&it.to, length(&it.before), length(&it.after)));
        let mut told = added.chain(changed).chain(moved);
        // What a file's name already holds, it can go on to hold.
        let too_long = |before: usize, after: usize| after > before && after > NAME_MAX - OUR_NAME;
        let mut made = self.make.iter().filter(|folder| {
            let dir = layout.dir(folder);
            dir.components()
                .any(|part| part.as_os_str().len() > NAME_MAX)
        });
        let made = made.next();
        made.or_else(|| Some(told.find(|(_, before, after)| too_long(*before, *after))?.0))
    }

    /// How many bytes are to be written.
    pub fn bytes_added(&self) -> u64 {
        self.add.iter().map(|add| add.size).sum()
    }
}

/// Compares two states. The cost is that of their differences.
pub fn plan(odb: &dyn ObjectRead, from: &FolderMap, to: &FolderMap) -> Result<Plan, WorktreeError> {
    let mut plan = Plan::default();
    let paths: BTreeSet<&FolderPath> = from.folders.keys().chain(to.folders.keys()).collect();
    for path in paths {
        let before = from.folders.get(path).map(|folder| folder.tree);
        let after = to.folders.get(path).map(|folder| folder.tree);
        match (before, after) {
            (None, _) => plan.make.push(path.clone()),
            (_, None) => plan.drop.push(path.clone()),
            _ => {}
        }
        compare_folder(odb, path, (before, after), &mut plan)?;
    }
    plan.drop.reverse();
    pair_moves(&mut plan);
    if from.subscriptions != to.subscriptions {
        plan.subscriptions = Some(to.subscriptions.clone());
    }
    Ok(plan)
}

fn compare_folder(
    odb: &dyn ObjectRead,
    path: &FolderPath,
    trees: (Option<TreeId>, Option<TreeId>),
    plan: &mut Plan,
) -> Result<(), WorktreeError> {
    match trees {
        (before, after) if before == after => Ok(()),
        (Some(before), Some(after)) => {
            for change in tree::diff(odb, before, after) {
                let change = change?;
                let size = change
                    .before
                    .as_ref()
                    .or(change.after.as_ref())
                    .map_or(0, |e| e.size);
                let copies = |entry: Option<crate::object::Entry>| -> Vec<MessageCopy> {
                    entry.map_or_else(Vec::new, |entry| entry.copies.iter().cloned().collect())
                };
                let sides = (copies(change.before), copies(change.after));
                compare_copies(path, (change.key, size), sides, plan);
            }
            Ok(())
        }
        (Some(tree), None) => {
            for entry in tree::entries(odb, tree) {
                let (key, entry) = entry?;
                let copies = entry.copies.iter().cloned().collect();
                compare_copies(path, (key, entry.size), (copies, Vec::new()), plan);
            }
            Ok(())
        }
        (None, Some(tree)) => {
            for entry in tree::entries(odb, tree) {
                let (key, entry) = entry?;
                let copies = entry.copies.iter().cloned().collect();
                compare_copies(path, (key, entry.size), (Vec::new(), copies), plan);
            }
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// Copies that both sides have stay; of the rest the first become the first, and what is over on
/// one side is removed or written.
fn compare_copies(
    folder: &FolderPath,
    (key, size): (EntryKey, u64),
    (before, after): (Vec<MessageCopy>, Vec<MessageCopy>),
    plan: &mut Plan,
) {
    let mut target = after;
    let mut over = Vec::new();
    for copy in before {
        match target.iter().position(|wanted| *wanted == copy) {
            Some(at) => drop(target.remove(at)),
            None => over.push(copy),
        }
    }
    let pairs = over.len().min(target.len());
    let surplus = over.split_off(pairs);
    let missing = target.split_off(pairs);
    for (from, to) in over.into_iter().zip(target) {
        plan.change.push(Change {
            folder: folder.clone(),
            key,
            from,
            to,
        });
    }
    for copy in surplus {
        plan.remove.push(Remove {
            folder: folder.clone(),
            key,
            size,
            copy,
        });
    }
    for copy in missing {
        plan.add.push(Add {
            folder: folder.clone(),
            key,
            size,
            copy,
        });
    }
}

/// A copy that leaves one folder while another gains one is moved: nothing is written.
fn pair_moves(plan: &mut Plan) {
    if plan.remove.is_empty() {
        return;
    }
    let mut leaving: BTreeMap<EntryKey, Vec<Remove>> = BTreeMap::new();
    let wanted: BTreeSet<EntryKey> = plan.add.iter().map(|add| add.key).collect();
    plan.remove.retain(|remove| {
        let moves = wanted.contains(&remove.key);
        if moves {
            leaving.entry(remove.key).or_default().push(remove.clone());
        }
        !moves
    });
    plan.add.retain(|add| {
        let Some(candidates) = leaving.get_mut(&add.key) else {
            return true;
        };
        let best = candidates
            .iter()
            .position(|remove| remove.copy == add.copy)
            .unwrap_or(0);
        if candidates.is_empty() {
            return true;
        }
        let remove = candidates.remove(best);
        plan.moves.push(Move {
            from: remove.folder,
            to: add.folder.clone(),
            key: add.key,
            before: remove.copy,
            after: add.copy.clone(),
        });
        false
    });
    plan.remove.extend(leaving.into_values().flatten());
}
