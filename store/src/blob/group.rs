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

/// Whole objects on their way into one frame.
#[derive(Debug, Default)]
pub struct Group {
    members: Vec<(Kind, usize)>,
    bytes: Vec<u8>,
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

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether an object of `len` bytes should rather open the next group, where groups are to
    /// hold `target` bytes.
    pub fn is_full_for(&self, len: usize, target: usize) -> bool {
        let over = self.bytes.len() + len > target || self.members.len() == MAX_MEMBERS;
        !self.is_empty() && over
    }

    /// How many bytes of objects were added.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an object of at most [`MAX_OBJECT`] bytes.
    pub fn push(&mut self, kind: Kind, object: &[u8]) {
        self.members.push((kind, object.len()));
        self.bytes.extend_from_slice(object);
    }

    /// The bytes of the object that was added as number `at`.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let start = self.members.iter().take(at).map(|(_, len)| len).sum();
        let &(_, len) = self.members.get(at)?;
        self.bytes.get(start..start + len)
    }

    /// The plain bytes, and where in them each object lies.
    pub fn finish(self) -> (Vec<u8>, Vec<Member>) {
        let mut writer = Writer::new();
        writer.varint(self.members.len() as u64);
        for &(kind, len) in &self.members {
            writer.u8(kind as u8).varint(len as u64);
        }
        let mut start = writer.len();
        let placed = self.members.iter().map(|&(kind, len)| {
            let member = Member { kind, start, len };
            start += len;
            member
        });
        let placed = placed.collect();
        writer.raw(&self.bytes);
        (writer.finish(), placed)
    }
}

/// The objects of a group's plain bytes, which they fill to the last byte.
pub fn members(plain: &[u8]) -> Result<Vec<Member>, FrameError> {
    let mut reader = Reader::new(plain);
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
    if start != reader.remaining() {
        return Err(FrameError("object lengths"));
    }
    let directory = reader.offset();
    for member in &mut members {
        member.start += directory;
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
    fn a_directory_that_does_not_fit_its_objects_is_refused() {
        let mut group = Group::new();
        group.push(Kind::Blob, b"message");
        let (plain, _) = group.finish();
        assert!(members(&plain[..plain.len() - 1]).is_err());
        assert!(members(&[plain.as_slice(), b"x"].concat()).is_err());
        assert!(members(&[0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(members(&[1, 99, 0]).is_err());
        assert!(members(b"").is_err());
    }
}
