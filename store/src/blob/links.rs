//! Ids that a group leaves out: where an object names another one that lies in the same group
//! before it, the id can be made again from that object.
//!
//! Nothing here may take an id from anywhere but an object that is whole by then.

use std::collections::HashMap;

use super::group::directory;
use super::{FrameError, Member, frame::MAX_PLAIN};
use crate::codec::{Reader, Writer};
use crate::object::{Kind, ObjectKey};

/// The most ids that a group leaves out.
pub const MAX_LINKS: usize = 256;

const ID_LEN: usize = 32;

/// An id that was left out of a group's plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How many bytes lie between the id left out before it, or the start, and this one.
    pub gap: u32,
    /// The object that it names, counted from 0; it ends before the id stands.
    pub member: u16,
}

/// Where in a group's plain bytes objects are named that lie in the group before; `keys` are those
/// of its members. Some may be passed over, and messages are: they name nothing, and whoever writes
/// one with an id in it must not keep its group from travelling as it is.
pub(super) fn find(plain: &[u8], members: &[Member], keys: &[ObjectKey]) -> Vec<Link> {
    let mut known = Known::new();
    let (mut links, mut end) = (Vec::new(), 0);
    let numbered = members.iter().zip(keys).enumerate();
    for (number, (member, key)) in numbered.filter(|(_, (it, _))| it.kind != Kind::Blob) {
        let mut at = member.start;
        while let Some(id) = plain
            .get(at..member.start + member.len)
            .and_then(<[u8]>::first_chunk)
        {
            let Some(named) = known.get(id).filter(|_| links.len() < MAX_LINKS) else {
                at += 1;
                continue;
            };
            links.push(Link {
                gap: (at - end) as u32,
                member: named,
            });
            at += ID_LEN;
            end = at;
        }
        known.insert(key.hash, number as u16);
    }
    links
}

/// The objects that went by. Where no id stands, that is mostly known by a look at one bit.
struct Known {
    ids: HashMap<[u8; ID_LEN], u16>,
    /// A bit for each two bytes that an id may start with.
    starts: Vec<u64>,
}

impl Known {
    fn new() -> Self {
        Self {
            ids: HashMap::new(),
            starts: vec![0; (1 << 16) / 64],
        }
    }

    fn bit(id: &[u8; ID_LEN]) -> (usize, u64) {
        let start = usize::from(u16::from_le_bytes([id[0], id[1]]));
        (start / 64, 1 << (start % 64))
    }

    fn insert(&mut self, id: [u8; ID_LEN], number: u16) {
        let (word, bit) = Self::bit(&id);
        self.starts[word] |= bit;
        self.ids.entry(id).or_insert(number);
    }

    fn get(&self, id: &[u8; ID_LEN]) -> Option<u16> {
        let (word, bit) = Self::bit(id);
        if self.starts[word] & bit == 0 {
            return None;
        }
        self.ids.get(id).copied()
    }
}

/// The plain bytes without the ids.
pub(super) fn cut(plain: &[u8], links: &[Link]) -> Vec<u8> {
    let mut short = Vec::with_capacity(plain.len());
    let mut rest = plain;
    for link in links {
        let (before, after) = rest
            .split_at_checked(link.gap as usize)
            .unwrap_or((rest, &[]));
        short.extend_from_slice(before);
        rest = after.get(ID_LEN..).unwrap_or_default();
    }
    short.extend_from_slice(rest);
    short
}

/// How many bytes are left of so many plain ones.
pub(super) fn cut_len(plain_len: usize, links: &[Link]) -> Result<usize, FrameError> {
    plain_len
        .checked_sub(ID_LEN * links.len())
        .ok_or(FrameError("ids left out"))
}

/// The plain bytes again.
pub(super) fn fill(short: Vec<u8>, links: &[Link]) -> Result<Vec<u8>, FrameError> {
    if links.is_empty() {
        return Ok(short);
    }
    // No id stands in the directory, and so it is whole.
    let members = directory(&mut Reader::new(&short))?;
    let mut plain = Vec::with_capacity(short.len() + ID_LEN * links.len());
    let mut ids = vec![None; members.len()];
    let mut rest = short.as_slice();
    for link in links {
        let parts = rest.split_at_checked(link.gap as usize);
        let (before, after) = parts.ok_or(FrameError("place of an id"))?;
        plain.extend_from_slice(before);
        rest = after;
        let id = id_of(&plain, &members, &mut ids, link.member);
        plain.extend_from_slice(&id.ok_or(FrameError("an id left out"))?);
    }
    plain.extend_from_slice(rest);
    Ok(plain)
}

/// The id of a member that is whole by now. It is made once, however often the member is named.
fn id_of(
    plain: &[u8],
    members: &[Member],
    ids: &mut [Option<[u8; ID_LEN]>],
    number: u16,
) -> Option<[u8; ID_LEN]> {
    let number = usize::from(number);
    let (member, known) = (members.get(number)?, ids.get_mut(number)?);
    if known.is_none() {
        let object = plain.get(member.start..member.start.checked_add(member.len)?)?;
        *known = Some(ObjectKey::of(member.kind, object).hash);
    }
    *known
}

pub(super) fn encode(writer: &mut Writer, links: &[Link]) {
    writer.varint(links.len() as u64);
    for link in links {
        writer.varint(u64::from(link.gap));
        writer.varint(u64::from(link.member));
    }
}

pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Vec<Link>, FrameError> {
    let count = reader.bounded(MAX_LINKS as u64, "number of ids left out")?;
    let link = |_| {
        Ok(Link {
            gap: reader.bounded(MAX_PLAIN as u64, "place of an id")? as u32,
            member: reader.bounded(u64::from(u16::MAX), "an id left out")? as u16,
        })
    };
    (0..count).map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Group;

    /// Three objects, of which the second names the first, and the third both, the first twice.
    fn group() -> (Vec<u8>, Vec<Member>, Vec<ObjectKey>) {
        let (mut group, mut keys) = (Group::new(), Vec::new());
        let mut add = |kind, bytes: &[u8]| {
            group.push(kind, bytes);
            keys.push(ObjectKey::of(kind, bytes));
            ObjectKey::of(kind, bytes).hash
        };
        let one = add(Kind::Tree, b"a leaf");
        let two = add(Kind::Tree, &[b"a branch ".as_slice(), &one, b"."].concat());
        add(Kind::FolderMap, &[one, two, one].concat());
        let (plain, members) = group.finish();
        (plain.to_vec(), members, keys)
    }

    #[test]
    fn ids_of_objects_that_lie_before_are_left_out_and_come_back() {
        let (plain, members, keys) = group();
        let links = find(&plain, &members, &keys);
        let named: Vec<_> = links.iter().map(|link| link.member).collect();
        assert_eq!(named, [0, 0, 1, 0]);
        let short = cut(&plain, &links);
        assert_eq!(short.len(), plain.len() - 4 * 32);
        assert_eq!(cut_len(plain.len(), &links), Ok(short.len()));
        assert_eq!(fill(short, &links), Ok(plain));
        let mut writer = Writer::new();
        encode(&mut writer, &links);
        let bytes = writer.finish();
        assert_eq!(decode(&mut Reader::new(&bytes)), Ok(links));
    }

    #[test]
    fn an_id_may_stand_right_behind_the_object_that_it_names_and_no_byte_before_its_end() {
        let (mut group, leaf) = (Group::new(), ObjectKey::of(Kind::Tree, b"leaf"));
        group.push(Kind::Tree, b"leaf");
        group.push(Kind::Tree, &leaf.hash);
        let (plain, members) = group.finish();
        let keys = [leaf, ObjectKey::of(Kind::Tree, &leaf.hash)];
        let links = find(&plain, &members, &keys);
        let end = members[0].start + members[0].len;
        assert_eq!(
            links.as_slice(),
            &[Link {
                gap: end as u32,
                member: 0
            }]
        );
        let short = cut(&plain, &links);
        assert_eq!(fill(short.clone(), &links).as_deref(), Ok(&*plain));
        let before = Link {
            gap: end as u32 - 1,
            ..links[0]
        };
        assert!(fill(short, &[before]).is_err());
    }

    #[test]
    fn an_object_that_names_a_later_one_or_itself_keeps_the_id() {
        let mut group = Group::new();
        let later = ObjectKey::of(Kind::Tree, b"later");
        group.push(Kind::Tree, &later.hash);
        group.push(Kind::Tree, b"later");
        let (plain, members) = group.finish();
        let keys = [ObjectKey::of(Kind::Tree, &later.hash), later];
        assert_eq!(find(&plain, &members, &keys), []);
    }

    #[test]
    fn a_message_with_the_id_of_another_in_it_stays_as_it_is() {
        let (mut group, one) = (Group::new(), ObjectKey::of(Kind::Blob, b"one"));
        group.push(Kind::Blob, b"one");
        group.push(Kind::Blob, &one.hash);
        let (plain, members) = group.finish();
        let keys = [one, ObjectKey::of(Kind::Blob, &one.hash)];
        assert_eq!(find(&plain, &members, &keys), []);
    }

    #[test]
    fn links_that_lead_nowhere_are_refused() {
        let (plain, members, keys) = group();
        let links = find(&plain, &members, &keys);
        let short = cut(&plain, &links);
        let end = short.len() as u32;
        for (at, gap, member) in [
            (0, links[0].gap, 1), // the object itself
            (0, links[0].gap, 2), // a later one
            (0, links[0].gap, 3), // none
            (0, 0, 0),            // before the object was
            (0, end + 1, 0),      // beyond the end
            (1, u32::MAX, 0),
        ] {
            let mut wrong = links.clone();
            wrong[at] = Link { gap, member };
            assert!(fill(short.clone(), &wrong).is_err(), "{at}: {gap} {member}");
        }
        assert!(cut_len(127, &links).is_err());
        assert!(fill(Vec::new(), &links).is_err());
    }

    #[test]
    fn no_more_ids_are_left_out_than_a_frame_can_say() {
        let mut group = Group::new();
        group.push(Kind::Tree, b"leaf");
        let leaf = ObjectKey::of(Kind::Tree, b"leaf");
        let many = leaf.hash.repeat(MAX_LINKS + 9);
        group.push(Kind::Tree, &many);
        let keys = [leaf, ObjectKey::of(Kind::Tree, &many)];
        let (plain, members) = group.finish();
        let links = find(&plain, &members, &keys);
        assert_eq!(links.len(), MAX_LINKS);
        let filled = fill(cut(&plain, &links), &links);
        assert_eq!(filled.as_deref(), Ok(&*plain));
    }
}
