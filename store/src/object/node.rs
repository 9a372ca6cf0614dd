use super::{BlobId, Day, Entry, EntryKey, TreeId};
use crate::codec::{DecodeError, Reader, Writer};

/// A subtree with at most so many entries is one leaf; one with more is a branch.
pub const LEAF_MAX: usize = 128;

const MAGIC: &[u8; 4] = b"MVT1";
const LEAF: u8 = 0;
const BRANCH: u8 = 1;

/// What a subtree holds in sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Sums {
    /// Distinct messages.
    pub entries: u64,
    /// Copies, that is files in a Maildir.
    pub copies: u64,
    /// The length of all copies, in bytes.
    pub bytes: u64,
}

impl Sums {
    /// The sums of one entry.
    pub fn of(entry: &Entry) -> Self {
        let copies = entry.copies.count();
        Self {
            entries: 1,
            copies,
            bytes: entry.size.saturating_mul(copies),
        }
    }

    pub(crate) fn encode(self, writer: &mut Writer) {
        writer
            .varint(self.entries)
            .varint(self.copies)
            .varint(self.bytes);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entries: reader.varint("entries")?,
            copies: reader.varint("copies")?,
            bytes: reader.varint("bytes")?,
        })
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            copies: self.copies.saturating_add(other.copies),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl std::iter::Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), |a, b| a + b)
    }
}

/// A branch's word of one of its subtrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// The subtree's root.
    pub id: TreeId,
    /// What it holds.
    pub sums: Sums,
}

/// A node of a folder tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// At most [`LEAF_MAX`] entries, sorted by key. Only the root may have none.
    Leaf(Vec<(EntryKey, Entry)>),
    /// More than [`LEAF_MAX`] entries, by the key's nibble at the node's depth.
    Branch(Box<[Option<Child>; 16]>),
}

impl Node {
    /// The tree of an empty folder.
    pub fn empty() -> Self {
        Self::Leaf(Vec::new())
    }

    /// What the subtree holds.
    pub fn sums(&self) -> Sums {
        match self {
            Self::Leaf(entries) => entries.iter().map(|(_, entry)| Sums::of(entry)).sum(),
            Self::Branch(children) => children.iter().flatten().map(|child| child.sums).sum(),
        }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        match self {
            Self::Leaf(entries) => {
                writer.u8(LEAF).varint(entries.len() as u64);
                let mut previous = 0;
                for (key, entry) in entries {
                    writer
                        .varint(u64::from(key.day.0 - previous))
                        .raw(key.blob.as_bytes());
                    previous = key.day.0;
                    entry.encode(&mut writer);
                }
            }
            Self::Branch(children) => {
                let present = children
                    .iter()
                    .enumerate()
                    .filter(|(_, child)| child.is_some());
                let bitmap = present.fold(0u16, |bits, (at, _)| bits | 1 << at);
                writer.u8(BRANCH).raw(&bitmap.to_le_bytes());
                for child in children.iter().flatten() {
                    writer.raw(child.id.as_bytes());
                    child.sums.encode(&mut writer);
                }
            }
        }
        writer.finish()
    }

    /// Decodes canonical bytes. That keys fit the node's place in the tree is for the reader of
    /// the tree to check.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("tree magic")? != *MAGIC {
            return Err(DecodeError {
                what: "tree magic",
                offset: 0,
            });
        }
        let node = match reader.u8("node kind")? {
            LEAF => Self::decode_leaf(&mut reader)?,
            BRANCH => Self::decode_branch(&mut reader)?,
            _ => return Err(reader.error("node kind")),
        };
        reader.finish("end of node")?;
        Ok(node)
    }

    fn decode_leaf(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.bounded(LEAF_MAX as u64, "leaf count")?;
        let mut entries: Vec<(EntryKey, Entry)> = Vec::with_capacity(count as usize);
        let mut previous = 0u16;
        for _ in 0..count {
            let step = reader.bounded(u64::from(u16::MAX - previous), "day")? as u16;
            previous += step;
            let blob = BlobId::new(reader.array("blob id")?);
            let key = EntryKey {
                day: Day(previous),
                blob,
            };
            if entries.last().is_some_and(|(last, _)| *last >= key) {
                return Err(reader.error("key order"));
            }
            entries.push((key, Entry::decode(reader)?));
        }
        Ok(Self::Leaf(entries))
    }

    fn decode_branch(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bitmap = u16::from_le_bytes(reader.array("branch bitmap")?);
        let mut children = Box::new([None; 16]);
        for (at, slot) in children.iter_mut().enumerate() {
            if bitmap & 1 << at == 0 {
                continue;
            }
            let id = TreeId::new(reader.array("child id")?);
            let sums = Sums::decode(reader)?;
            if sums.entries == 0 || sums.copies < sums.entries {
                return Err(reader.error("child sums"));
            }
            *slot = Some(Child { id, sums });
        }
        let node = Self::Branch(children);
        if node.sums().entries <= LEAF_MAX as u64 {
            return Err(reader.error("branch that should be a leaf"));
        }
        Ok(node)
    }
}
