use std::ops::Range;

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
        Self::of_copies(entry.size, entry.copies.count())
    }

    pub(super) fn of_copies(size: u64, copies: u64) -> Self {
        Self {
            entries: 1,
            copies,
            bytes: size.saturating_mul(copies),
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

/// A leaf whose entries were looked over but not taken apart: of a hundred, few are wanted.
#[derive(Debug)]
pub struct Leaf {
    bytes: Vec<u8>,
    /// Each key, and where its entry lies.
    entries: Vec<(EntryKey, Range<usize>)>,
    sums: Sums,
}

impl Leaf {
    /// What it holds.
    pub fn sums(&self) -> Sums {
        self.sums
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = EntryKey> {
        self.entries.iter().map(|(key, _)| *key)
    }

    /// The place of a key.
    pub fn position(&self, key: EntryKey) -> Option<usize> {
        self.entries
            .binary_search_by_key(&key, |(key, _)| *key)
            .ok()
    }

    /// The key at a place, and the canonical bytes of its entry.
    pub fn get(&self, at: usize) -> Option<(EntryKey, &[u8])> {
        let (key, range) = self.entries.get(at)?;
        Some((*key, self.bytes.get(range.clone())?))
    }
}

/// A node that was looked over: a branch is taken apart, a leaf is not.
#[derive(Debug)]
pub enum Skimmed {
    /// See [`Node::Leaf`].
    Leaf(Leaf),
    /// See [`Node::Branch`].
    Branch(Box<[Option<Child>; 16]>),
}

impl Skimmed {
    /// Looks over canonical bytes; refuses what [`Node::decode`] refuses.
    pub fn new(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&bytes);
        if Node::decode_kind(&mut reader)? == BRANCH {
            let children = Node::decode_branch(&mut reader)?;
            reader.finish("end of node")?;
            return Ok(Self::Branch(children));
        }
        let (mut entries, mut sums) = (Vec::new(), Sums::default());
        Node::each_key(&mut reader, |key, reader| {
            let start = reader.offset();
            sums = sums + Entry::skim(reader)?;
            entries.push((key, start..reader.offset()));
            Ok(())
        })?;
        reader.finish("end of node")?;
        Ok(Self::Leaf(Leaf {
            bytes,
            entries,
            sums,
        }))
    }

    /// The same node, all of it taken apart.
    pub fn decode(self) -> Result<Node, DecodeError> {
        match self {
            Self::Leaf(leaf) => Node::decode(&leaf.bytes),
            Self::Branch(children) => Ok(Node::Branch(children)),
        }
    }
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
        let node = if Self::decode_kind(&mut reader)? == LEAF {
            let mut entries = Vec::new();
            Self::each_key(&mut reader, |key, reader| {
                entries.push((key, Entry::decode(reader)?));
                Ok(())
            })?;
            Self::Leaf(entries)
        } else {
            Self::Branch(Self::decode_branch(&mut reader)?)
        };
        reader.finish("end of node")?;
        Ok(node)
    }

    fn decode_kind(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
        if reader.array::<4>("tree magic")? != *MAGIC {
            return Err(DecodeError {
                what: "tree magic",
                offset: 0,
            });
        }
        match reader.u8("node kind")? {
            kind @ (LEAF | BRANCH) => Ok(kind),
            _ => Err(reader.error("node kind")),
        }
    }

    /// Takes the keys of a leaf in their order; `each` takes the entry behind each.
    fn each_key<'a>(
        reader: &mut Reader<'a>,
        mut each: impl FnMut(EntryKey, &mut Reader<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = reader.bounded(LEAF_MAX as u64, "leaf count")?;
        let mut last: Option<EntryKey> = None;
        for _ in 0..count {
            let previous = last.map_or(0, |key| key.day.0);
            let step = reader.bounded(u64::from(u16::MAX - previous), "day")? as u16;
            let key = EntryKey {
                day: Day(previous + step),
                blob: BlobId::new(reader.array("blob id")?),
            };
            if last.is_some_and(|last| last >= key) {
                return Err(reader.error("key order"));
            }
            last = Some(key);
            each(key, reader)?;
        }
        Ok(())
    }

    fn decode_branch(reader: &mut Reader<'_>) -> Result<Box<[Option<Child>; 16]>, DecodeError> {
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
        let sums: Sums = children.iter().flatten().map(|child| child.sums).sum();
        if sums.entries <= LEAF_MAX as u64 {
            return Err(reader.error("branch that should be a leaf"));
        }
        Ok(children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::Flags;
    use crate::object::{Copies, Keyword, MessageCopy};

    fn copy(info: &[u8], keywords: &[&str], mtime: i64) -> MessageCopy {
        let keyword = |name: &&str| Keyword::new(name.as_bytes()).expect("a keyword");
        MessageCopy {
            recent: info.is_empty(),
            flags: Flags::from_info(info),
            keywords: keywords.iter().map(keyword).collect(),
            mtime,
        }
    }

    fn leaf() -> Node {
        let copies = [
            vec![copy(b"", &[], 0)],
            vec![copy(b"FS,x=1", &[], -5)],
            vec![copy(b"RS", &["$Forwarded", "later"], 1_700_000_000)],
            vec![copy(b"S", &[], 7), copy(b"S", &[], 7), copy(b"T", &[], 9)],
            vec![copy(b"S", &[], 300); 3],
        ];
        let entry = |(number, copies): (u8, Vec<MessageCopy>)| {
            let key = EntryKey {
                day: Day(u16::from(number / 2)),
                blob: BlobId::new([number; 32]),
            };
            let copies = Copies::collect(copies).expect("copies");
            let (size, kept) = (u64::from(number) * 1_000, u64::from(number % 3));
            (key, Entry { size, copies, kept })
        };
        Node::Leaf((1..).zip(copies).map(entry).collect())
    }

    fn branch() -> Node {
        let child = |number: u8| Child {
            id: TreeId::new([number; 32]),
            sums: Sums {
                entries: 100,
                copies: 120,
                bytes: 9_999,
            },
        };
        let mut children = Box::new([None; 16]);
        children[3] = Some(child(3));
        children[15] = Some(child(15));
        Node::Branch(children)
    }

    #[test]
    fn a_node_that_was_looked_over_says_what_it_says_taken_apart() {
        for node in [Node::empty(), leaf(), branch()] {
            let skimmed = Skimmed::new(node.encode()).expect("canonical");
            if let (Skimmed::Leaf(leaf), Node::Leaf(entries)) = (&skimmed, &node) {
                assert_eq!(leaf.sums(), node.sums());
                assert!(leaf.keys().eq(entries.iter().map(|(key, _)| *key)));
                for (at, (key, entry)) in entries.iter().enumerate() {
                    assert_eq!(leaf.position(*key), Some(at));
                    let (_, bytes) = leaf.get(at).expect("an entry");
                    let decoded = Entry::decode(&mut Reader::new(bytes));
                    assert_eq!(decoded.as_ref(), Ok(entry));
                }
                assert_eq!(leaf.get(entries.len()), None);
            }
            assert_eq!(skimmed.decode(), Ok(node));
        }
    }

    #[test]
    fn what_cannot_be_taken_apart_cannot_be_looked_over() {
        for bytes in [leaf().encode(), branch().encode()] {
            for at in 0..bytes.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    let decoded = Node::decode(&changed).is_ok();
                    let skimmed = Skimmed::new(changed).is_ok();
                    assert_eq!(decoded, skimmed, "{byte:#x} at {at}");
                }
                let cut = bytes[..at].to_vec();
                assert!(Node::decode(&cut).is_err() && Skimmed::new(cut).is_err());
            }
        }
    }
}
