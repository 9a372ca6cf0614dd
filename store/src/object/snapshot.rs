use super::{Day, DeviceId, EntryKey, FolderMapId, SnapshotId, Sums, TreeId};
use crate::codec::{DecodeError, Reader, Writer};
use crate::maildir::FolderPath;
use crate::time::Timestamp;

/// The most parents that a snapshot may have.
pub const MAX_PARENTS: usize = 16;
/// The most conflicts that a merge snapshot names; it counts the rest.
pub const MAX_CONFLICTS: usize = 1000;

const MAGIC: &[u8; 4] = b"MVS1";
const MAX_NAME: usize = 255;
const MAX_MESSAGE: usize = 4096;
const MAX_PATH: usize = 1024;

/// How a snapshot came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SnapshotKind {
    /// A Maildir was looked at.
    Snapshot = 0,
    /// Two lines were merged; the snapshot is a function of its parents.
    Merge = 1,
    /// A Maildir was set to an earlier state.
    Checkout = 2,
    /// The last change was taken back.
    Undo = 3,
    /// Messages were brought back.
    Restore = 4,
}

impl SnapshotKind {
    const ALL: [Self; 5] = [
        Self::Snapshot,
        Self::Merge,
        Self::Checkout,
        Self::Undo,
        Self::Restore,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Merge => "merge",
            Self::Checkout => "checkout",
            Self::Undo => "undo",
            Self::Restore => "restore",
        }
    }
}

/// What a merge had to decide where both sides had changed the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConflictKind {
    /// One side deleted the message, the other changed or moved it: it was kept.
    DeletedAndChanged = 1,
    /// The sides moved it to two folders: it is in one of them.
    MovedTwice = 2,
    /// Each side removed another copy: both are kept.
    LastCopies = 3,
    /// One side deleted the folder, the other changed it: it was kept. The key is all zero.
    FolderDeletedAndChanged = 4,
}

impl ConflictKind {
    const ALL: [Self; 4] = [
        Self::DeletedAndChanged,
        Self::MovedTwice,
        Self::LastCopies,
        Self::FolderDeletedAndChanged,
    ];
}

/// One decision of a merge that a person may want to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conflict {
    /// The folder in which the message now is.
    pub folder: FolderPath,
    /// The message.
    pub key: EntryKey,
    /// What was decided.
    pub kind: ConflictKind,
}

/// One state of a Maildir, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How it came to be.
    pub kind: SnapshotKind,
    /// One more than the highest of its parents; 1 if it has none.
    pub generation: u64,
    /// Sorted, without repeats, at most [`MAX_PARENTS`].
    pub parents: Vec<SnapshotId>,
    /// The folders.
    pub folders: FolderMapId,
    /// The tags, once they are part of snapshots.
    pub tags: Option<TreeId>,
    /// The device that made it; none for a merge, which any device makes alike.
    pub device: Option<DeviceId>,
    /// The device's name, for people; empty for a merge.
    pub device_name: String,
    /// When, by the device's own clock; for a merge the latest of its parents' times.
    pub time: Timestamp,
    /// What the folders hold, for people.
    pub sums: Sums,
    /// The version of the rules by which a merge was made; 0 for other kinds.
    pub merge_rules: u64,
    /// The first [`MAX_CONFLICTS`] conflicts of a merge, sorted.
    pub conflicts: Vec<Conflict>,
    /// How many conflicts there were in all.
    pub conflicts_total: u64,
    /// What the person who made it said of it.
    pub message: String,
}

impl Snapshot {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .raw(MAGIC)
            .u8(self.kind as u8)
            .varint(self.generation);
        writer.varint(self.parents.len() as u64);
        for parent in &self.parents {
            writer.raw(parent.as_bytes());
        }
        writer.raw(self.folders.as_bytes());
        optional(&mut writer, self.tags.as_ref().map(TreeId::as_bytes));
        optional(&mut writer, self.device.as_ref().map(DeviceId::as_bytes));
        writer
            .bytes(self.device_name.as_bytes())
            .signed(self.time.0);
        self.sums.encode(&mut writer);
        writer.varint(self.merge_rules).varint(self.conflicts_total);
        writer.varint(self.conflicts.len() as u64);
        for conflict in &self.conflicts {
            writer
                .u8(conflict.kind as u8)
                .bytes(conflict.folder.as_bytes());
            writer.raw(&conflict.key.to_bytes());
        }
        writer.bytes(self.message.as_bytes());
        writer.finish()
    }

    /// The id of this snapshot.
    pub fn id(&self) -> SnapshotId {
        SnapshotId::of(&self.encode())
    }

    /// Decodes canonical bytes. What a kind must and must not have is checked here; whether the
    /// parents' generations fit is for the graph to check.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("snapshot magic")? != *MAGIC {
            return Err(DecodeError {
                what: "snapshot magic",
                offset: 0,
            });
        }
        let kind = reader.u8("snapshot kind")?;
        let kind = SnapshotKind::ALL
            .into_iter()
            .find(|&known| known as u8 == kind)
            .ok_or_else(|| reader.error("snapshot kind"))?;
        let generation = reader.varint("generation")?;
        let mut parents = Vec::new();
        for _ in 0..reader.bounded(MAX_PARENTS as u64, "parents")? {
            parents.push(SnapshotId::new(reader.array("parent")?));
        }
        let snapshot = Self {
            kind,
            generation,
            parents,
            folders: FolderMapId::new(reader.array("folder map id")?),
            tags: take_optional(&mut reader, "tags")?.map(TreeId::new),
            device: take_optional(&mut reader, "device")?.map(DeviceId::new),
            device_name: text(&mut reader, MAX_NAME, "device name")?,
            time: Timestamp(reader.signed("time")?),
            sums: Sums::decode(&mut reader)?,
            merge_rules: reader.varint("merge rules")?,
            conflicts_total: reader.varint("conflicts")?,
            conflicts: decode_conflicts(&mut reader)?,
            message: text(&mut reader, MAX_MESSAGE, "message")?,
        };
        let end = reader.clone();
        reader.finish("end of snapshot")?;
        if snapshot.is_well_formed() {
            Ok(snapshot)
        } else {
            Err(end.error("snapshot fields"))
        }
    }

    fn is_well_formed(&self) -> bool {
        let sorted = self.parents.windows(2).all(|pair| pair[0] < pair[1]);
        let generation = if self.parents.is_empty() {
            self.generation == 1
        } else {
            self.generation > 1
        };
        let listed = self.conflicts.len() as u64;
        let conflicts = if self.conflicts.len() < MAX_CONFLICTS {
            self.conflicts_total == listed
        } else {
            self.conflicts_total >= listed
        };
        let ordered = self.conflicts.windows(2).all(|pair| pair[0] < pair[1]);
        let kind = if self.kind == SnapshotKind::Merge {
            self.parents.len() >= 2
                && self.device.is_none()
                && self.device_name.is_empty()
                && self.message.is_empty()
                && self.merge_rules > 0
        } else {
            self.device.is_some() && self.merge_rules == 0 && self.conflicts_total == 0
        };
        sorted && generation && conflicts && ordered && kind
    }
}

fn optional(writer: &mut Writer, id: Option<&[u8; 32]>) {
    match id {
        None => writer.u8(0),
        Some(id) => writer.u8(1).raw(id),
    };
}

fn take_optional(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Option<[u8; 32]>, DecodeError> {
    match reader.u8(what)? {
        0 => Ok(None),
        1 => Ok(Some(reader.array(what)?)),
        _ => Err(reader.error(what)),
    }
}

fn text(reader: &mut Reader<'_>, max: usize, what: &'static str) -> Result<String, DecodeError> {
    let bytes = reader.bytes(max, what)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| reader.error(what))
}

fn decode_conflicts(reader: &mut Reader<'_>) -> Result<Vec<Conflict>, DecodeError> {
    let count = reader.bounded(MAX_CONFLICTS as u64, "conflicts")?;
    let mut conflicts = Vec::new();
    for _ in 0..count {
        let kind = reader.u8("conflict kind")?;
        let kind = ConflictKind::ALL
            .into_iter()
            .find(|&known| known as u8 == kind)
            .ok_or_else(|| reader.error("conflict kind"))?;
        let folder = FolderPath::new(reader.bytes(MAX_PATH, "conflict folder")?)
            .map_err(|_| reader.error("conflict folder"))?;
        let day = Day(u16::from_be_bytes(reader.array("conflict day")?));
        let blob = super::BlobId::new(reader.array("conflict blob")?);
        conflicts.push(Conflict {
            folder,
            key: EntryKey { day, blob },
            kind,
        });
    }
    Ok(conflicts)
}
