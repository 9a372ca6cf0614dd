use std::ops::Deref;

use super::{FrameError, MAX_PLAIN};
use crate::codec::{Reader, Writer};
use crate::object::Kind;

/// A group of objects that come one by one is closed once it holds so many bytes.
pub const GROUP_TARGET: usize = 64 << 10;
/// And one of many messages that come together: a larger group is compressed faster and better, and
/// to read one message of it takes longer. A repack's groups are of a megabyte, and it must know
/// which packs it has not bettered yet.
pub const MESSAGES_TARGET: usize = 384 << 10;
/// The longest object that a group can hold, in bytes.
pub const MAX_OBJECT: usize = MAX_PLAIN - 16;
/// The most objects of a group.
pub const MAX_MEMBERS: usize = 4096;

/// The longest directory: of each object its kind and its length.
const MAX_DIRECTORY: usize = 3 + MAX_MEMBERS * 5;

/// Whole objects on their way into one frame.
#[derive(Debug, Default)]
pub struct Group {
    members: Vec<(Kind, usize)>,
    /// The objects, behind `room` bytes for what is to stand in front of them.
    bytes: Vec<u8>,
    room: usize,
}

/// A group's plain bytes: its directory and its objects.
#[derive(Debug)]
pub struct Sealed {
    bytes: Vec<u8>,
    /// Where in `bytes` they begin; before it is room.
    start: usize,
    room: usize,
}

impl Deref for Sealed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Sealed {
    /// `before` and the plain bytes, one right behind the other in memory; `None` if there is no
    /// room.
    pub(super) fn behind(&mut self, before: &[u8]) -> Option<(&[u8], &[u8])> {
        let first = self.start.checked_sub(before.len())?;
        let room = self.bytes.get_mut(first..self.start)?;
        room.copy_from_slice(before);
        self.bytes.get(first..)?.split_at_checked(before.len())
    }

    /// An empty group in the same memory.
    pub fn into_group(mut self) -> Group {
        self.bytes.truncate(self.room);
        Group {
            members: Vec::new(),
            bytes: self.bytes,
            room: self.room,
        }
    }
}

/// Where an object lies in a group's plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its kind.
    pub kind: Kind,
    /// Where it starts.
    pub start: usize,
    /// Its length.
    pub len: usize,
}

impl Group {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty group that can be compressed behind so many bytes, as a dictionary has, without
    /// being copied.
    pub fn with_room(before: usize) -> Self {
        let room = before + MAX_DIRECTORY;
        Self {
            members: Vec::new(),
            bytes: vec![0; room],
            room,
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether an object of `len` bytes should rather open the next group, where groups are to
    /// hold `target` bytes.
    pub fn is_full_for(&self, len: usize, target: usize) -> bool {
        let over = self.len() + len > target || self.members.len() == MAX_MEMBERS;
        !self.is_empty() && over
    }

    /// How many bytes of objects were added.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.room
    }

    /// Adds an object of at most [`MAX_OBJECT`] bytes.
    pub fn push(&mut self, kind: Kind, object: &[u8]) {
        self.members.push((kind, object.len()));
        self.bytes.extend_from_slice(object);
    }

    /// The bytes of the object that was added as number `at`.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let before: usize = self.members.iter().take(at).map(|(_, len)| len).sum();
        let &(_, len) = self.members.get(at)?;
        let start = self.room + before;
        self.bytes.get(start..start + len)
    }

    /// The plain bytes, and where in them each object lies.
    pub fn finish(mut self) -> (Sealed, Vec<Member>) {
        let mut writer = Writer::new();
        writer.varint(self.members.len() as u64);
        for &(kind, len) in &self.members {
            writer.u8(kind as u8).varint(len as u64);
        }
        let directory = writer.finish();
        let mut start = directory.len();
        let placed = self.members.iter().map(|&(kind, len)| {
            let member = Member { kind, start, len };
            start += len;
            member
        });
        let placed = placed.collect();
        let first = self.room.saturating_sub(directory.len());
        self.bytes.splice(first..self.room, directory);
        let sealed = Sealed {
            bytes: self.bytes,
            start: first,
            room: self.room,
        };
        (sealed, placed)
    }
}

/// The objects of a group's plain bytes, which they fill to the last byte.
pub fn members(plain: &[u8]) -> Result<Vec<Member>, FrameError> {
    let members = directory(&mut Reader::new(plain))?;
    let end = members.last().map_or(1, |last| last.start + last.len);
    if end == plain.len() {
        Ok(members)
    } else {
        Err(FrameError("object lengths"))
    }
}

/// Where the objects of a group lie by its directory, the first thing in its plain bytes.
pub(super) fn directory(reader: &mut Reader<'_>) -> Result<Vec<Member>, FrameError> {
    let count = reader.bounded(MAX_MEMBERS as u64, "number of objects")?;
    let mut members = Vec::with_capacity(count as usize);
    let mut start = 0;
    for _ in 0..count {
        let kind = Kind::from_number(reader.u8("object kind")?);
        let kind = kind.ok_or(FrameError("object kind"))?;
        let len = reader.bounded(MAX_PLAIN as u64, "object length")? as usize;
        members.push(Member { kind, start, len });
        start += len;
    }
    let length = reader.offset();
    for member in &mut members {
        member.start += length;
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_gives_back_its_objects_in_order() {
        let mut group = Group::new();
        for object in [b"one".as_slice(), b"", b"three"] {
            group.push(Kind::Blob, object);
        }
        assert_eq!(group.get(2), Some(b"three".as_slice()));
        assert_eq!(group.get(3), None);
        let (plain, placed) = group.finish();
        assert_eq!(members(&plain).expect("our own"), placed);
        let of = |it: &Member| plain[it.start..it.start + it.len].to_vec();
        let objects: Vec<_> = placed.iter().map(of).collect();
        assert_eq!(objects, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn a_group_with_room_in_front_is_the_same_and_gives_its_memory_back() {
        let (mut with, mut without) = (Group::with_room(9), Group::new());
        for object in [b"one".as_slice(), b"two"] {
            for group in [&mut with, &mut without] {
                group.push(Kind::Blob, object);
                assert_eq!(group.get(0), Some(b"one".as_slice()));
            }
            assert_eq!(with.len(), without.len());
        }
        let ((mut sealed, placed), (plain, other)) = (with.finish(), without.finish());
        assert_eq!((&*sealed, placed), (&*plain, other));
        let joined = sealed.behind(b"in front ").map(|(_, plain)| plain.to_vec());
        assert_eq!(joined.as_deref(), Some(&*plain));
        let too_long = vec![0; 9 + MAX_DIRECTORY];
        assert!(sealed.behind(&too_long).is_none());
        let again = sealed.into_group();
        assert!(again.is_empty());
        assert_eq!(again.len(), 0);
    }

    #[test]
    fn a_directory_that_does_not_fit_its_objects_is_refused() {
        let mut group = Group::new();
        group.push(Kind::Blob, b"message");
        let (plain, _) = group.finish();
        assert!(members(&plain[..plain.len() - 1]).is_err());
        assert!(members(&[&*plain, b"x"].concat()).is_err());
        assert!(members(&[0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(members(&[1, 99, 0]).is_err());
        assert!(members(b"").is_err());
    }
}
