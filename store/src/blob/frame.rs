use super::{Dictionary, Link, Member, Sealed, links, zstd};
use crate::codec::{DecodeError, Reader, Writer};
use crate::object::{BlobId, Kind, ObjectKey};

/// The first bytes of every frame, by which one is found again behind damage.
pub const MAGIC: [u8; 4] = *b"MVF1";
/// The length of the header, in bytes.
pub const HEADER_LEN: usize = 32;
/// The longest plain content of a frame, in bytes.
pub const MAX_PLAIN: usize = 2 << 20;
/// The plain length of every part but the last, and the longest message of a group, in bytes.
pub const PART_LEN: usize = 1 << 20;
/// The most objects that a frame's prefix is made of.
pub const MAX_BASES: usize = 32;
/// The most frames that have to be decoded to decode one, itself counted.
pub const MAX_WEIGHT: u8 = 16;
/// The same of one with links.
pub const MAX_LINKED_WEIGHT: u8 = 32;
/// The longest frame, in bytes.
pub const MAX_FRAME: usize = HEADER_LEN + MAX_EXTRA + MAX_PLAIN;

const MAX_EXTRA: usize = 2048;
const SUMMED: std::ops::Range<usize> = 4..16;

const GROUP: u8 = 1;
const PART: u8 = 2;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
const DICTIONARY: u8 = 2;
const PREFIX: u8 = 3;
const LINKED: u8 = 4;
/// How much of a base's id stands in a frame with links, in bytes.
const NAME_LEN: usize = 16;

/// Bytes that are no frame, or not the frame that they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FrameError(pub &'static str);

impl From<DecodeError> for FrameError {
    fn from(error: DecodeError) -> Self {
        Self(error.what)
    }
}

/// What a frame's plain bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A directory, then whole objects; see [`Group`](super::Group).
    Group,
    /// A piece of one long message.
    Part(Part),
}

/// Which piece of which message a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The message.
    pub blob: BlobId,
    /// Where in the message the part starts, in bytes: a multiple of [`PART_LEN`].
    pub offset: u64,
    /// The message's length in bytes, more than [`PART_LEN`].
    pub total: u64,
}

impl Part {
    /// The length that this part has, in bytes.
    pub fn length(&self) -> u64 {
        (self.total - self.offset).min(PART_LEN as u64)
    }

    /// Whether no part follows.
    pub fn is_last(&self) -> bool {
        self.offset + self.length() == self.total
    }
}

/// How a frame's plain bytes became the stored ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// As they are.
    Raw,
    /// One zstd frame.
    Zstd,
    /// One zstd frame that needs the dictionary object with this hash.
    Dictionary([u8; 32]),
    /// One zstd frame that needs the bytes of other objects, in this order, as its prefix.
    Prefix {
        /// How many frames have to be decoded to decode this one, itself counted.
        weight: u8,
        /// Folder tree nodes or folder maps.
        bases: Vec<ObjectKey>,
    },
    /// The same, the bases named shortly, and ids of the group's own objects left out. In packs of
    /// version 2 alone.
    Linked {
        /// How many frames have to be decoded to decode this one, itself counted.
        weight: u8,
        /// Folder tree nodes or folder maps.
        bases: Vec<BaseName>,
        /// The ids that were left out.
        links: Vec<Link>,
    },
}

impl Codec {
    /// Whether no other object but perhaps a dictionary is needed to decode the frame: only such
    /// frames may travel as they are.
    pub fn stands_alone(&self) -> bool {
        !matches!(self, Self::Prefix { .. } | Self::Linked { .. })
    }
}

/// What a base is called in a frame: so much of its id that no other has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseName {
    /// Tree or folder map.
    pub kind: Kind,
    /// What its id starts with.
    pub start: [u8; NAME_LEN],
}

impl From<ObjectKey> for BaseName {
    fn from(key: ObjectKey) -> Self {
        let mut start = [0; NAME_LEN];
        start.copy_from_slice(&key.hash[..NAME_LEN]);
        Self {
            kind: key.kind,
            start,
        }
    }
}

/// What a codec needs beside the stored bytes.
#[derive(Clone, Copy)]
pub enum Help<'a> {
    /// Nothing.
    None,
    /// The dictionary.
    Dictionary(&'a Dictionary),
    /// The bases' bytes, one after the other.
    Prefix(&'a [u8]),
}

impl<'a> Help<'a> {
    /// The bytes that stand in front of those that are compressed.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Dictionary(dictionary) => dictionary.bytes(),
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// A frame whose checksum is right.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What the plain bytes are.
    pub content: Content,
    /// How they were stored.
    pub codec: Codec,
    /// Their length.
    pub plain_len: usize,
    stored: &'a [u8],
}

/// The length of the whole frame that starts with this header, in bytes.
pub fn frame_len(header: &[u8; HEADER_LEN]) -> Result<usize, FrameError> {
    let mut reader = Reader::new(header);
    if reader.array::<4>("frame magic")? != MAGIC {
        return Err(FrameError("frame magic"));
    }
    reader.raw(2, "frame type")?;
    let extra = usize::from(u16::from_le_bytes(reader.array("extra length")?));
    let plain = u32::from_le_bytes(reader.array("plain length")?) as usize;
    let stored = u32::from_le_bytes(reader.array("stored length")?) as usize;
    if extra > MAX_EXTRA || plain > MAX_PLAIN || stored > plain {
        return Err(FrameError("frame lengths"));
    }
    Ok(HEADER_LEN + extra + stored)
}

/// The plain length of the group that starts with this header, in bytes; `None` if it is a part.
pub fn group_len(header: &[u8; HEADER_LEN]) -> Option<usize> {
    let plain = header.get(8..12).and_then(<[u8]>::first_chunk);
    let plain = plain.map(|bytes| u32::from_le_bytes(*bytes) as usize);
    plain.filter(|_| header.get(4) == Some(&GROUP))
}

/// Makes a frame; where the codec saves nothing it is stored raw. `plain` is bounded by the
/// caller, and `help` is what `codec` needs.
pub fn encode(content: &Content, codec: Codec, plain: &[u8], help: Help<'_>) -> Vec<u8> {
    let packed = match &codec {
        Codec::Raw => None,
        Codec::Linked { links, .. } => zstd::compress(&links::cut(plain, links), help),
        _ => zstd::compress(plain, help),
    };
    assemble(content, codec, plain, packed)
}

/// Like [`encode`], of a group that need not be copied. `thorough` is for one that is to be kept:
/// in a fifth of the bytes less, and five times the time.
pub fn encode_group(group: &mut Sealed, codec: Codec, help: Help<'_>, thorough: bool) -> Vec<u8> {
    let packed = zstd::compress_group(group, help, thorough);
    assemble(&Content::Group, codec, group, packed)
}

/// Makes the frame of a group with links, of objects with these keys, upon these bases; `before`
/// are the bases' bytes, `weight` as in [`Codec::Linked`].
pub fn encode_linked(
    (plain, members): (&[u8], &[Member]),
    keys: &[ObjectKey],
    (weight, bases, before): (u8, &[ObjectKey], &[u8]),
) -> Vec<u8> {
    let links = links::find(plain, members, keys);
    if links.is_empty() && bases.is_empty() {
        return encode(&Content::Group, Codec::Zstd, plain, Help::None);
    }
    let bases = bases.iter().map(|&base| base.into()).collect();
    let codec = Codec::Linked {
        weight,
        bases,
        links,
    };
    encode(&Content::Group, codec, plain, Help::Prefix(before))
}

fn assemble(content: &Content, codec: Codec, plain: &[u8], packed: Option<Vec<u8>>) -> Vec<u8> {
    debug_assert!(plain.len() <= MAX_PLAIN);
    let packed = packed.filter(|packed| packed.len() < plain.len());
    let codec = if packed.is_some() { codec } else { Codec::Raw };
    let stored = packed.as_deref().unwrap_or(plain);
    let extra = encode_extra(content, &codec);
    let mut writer = Writer::new();
    writer.raw(&MAGIC);
    writer.u8(match content {
        Content::Group => GROUP,
        Content::Part(_) => PART,
    });
    writer.u8(match codec {
        Codec::Raw => RAW,
        Codec::Zstd => ZSTD,
        Codec::Dictionary(_) => DICTIONARY,
        Codec::Prefix { .. } => PREFIX,
        Codec::Linked { .. } => LINKED,
    });
    writer.raw(&(extra.len() as u16).to_le_bytes());
    writer.raw(&(plain.len() as u32).to_le_bytes());
    writer.raw(&(stored.len() as u32).to_le_bytes());
    writer.raw(&[0; 16]).raw(&extra).raw(stored);
    let mut bytes = writer.finish();
    let sum = checksum(&bytes);
    bytes[SUMMED.end..HEADER_LEN].copy_from_slice(&sum);
    bytes
}

fn encode_extra(content: &Content, codec: &Codec) -> Vec<u8> {
    let mut writer = Writer::new();
    if let Content::Part(part) = content {
        writer.raw(part.blob.as_bytes());
        writer.raw(&part.offset.to_le_bytes());
        writer.raw(&part.total.to_le_bytes());
    }
    match codec {
        Codec::Raw | Codec::Zstd => {}
        Codec::Dictionary(hash) => {
            writer.raw(hash);
        }
        Codec::Prefix { weight, bases } => {
            writer.u8(*weight).u8(bases.len() as u8);
            for &base in bases {
                encode_key(&mut writer, base);
            }
        }
        Codec::Linked {
            weight,
            bases,
            links,
        } => {
            writer.u8(*weight);
            encode_names(&mut writer, bases);
            links::encode(&mut writer, links);
        }
    }
    writer.finish()
}

fn encode_key(writer: &mut Writer, key: ObjectKey) {
    writer.u8(key.kind as u8).raw(&key.hash);
}

/// How many, then of each a bit that tells its kind, then the names.
fn encode_names(writer: &mut Writer, bases: &[BaseName]) {
    writer.u8(bases.len() as u8);
    for eight in bases.chunks(8) {
        let bit = |(at, base): (usize, &BaseName)| u8::from(base.kind == Kind::FolderMap) << at;
        writer.u8(eight.iter().enumerate().map(bit).sum());
    }
    for base in bases {
        writer.raw(&base.start);
    }
}

fn decode_names(fields: &mut Reader<'_>) -> Result<Vec<BaseName>, FrameError> {
    let count = usize::from(fields.u8("bases")?);
    if count > MAX_BASES {
        return Err(FrameError("bases"));
    }
    let bits = fields.raw(count.div_ceil(8), "kinds of bases")?;
    let unused = bits
        .last()
        .is_some_and(|&last| count % 8 > 0 && last >> (count % 8) != 0);
    if unused {
        return Err(FrameError("kinds of bases"));
    }
    let name = |at: usize| {
        let is_map = bits
            .get(at / 8)
            .is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        Ok(BaseName {
            kind: if is_map { Kind::FolderMap } else { Kind::Tree },
            start: fields.array("name of a base")?,
        })
    };
    (0..count).map(name).collect()
}

/// Over everything but the magic and the checksum itself.
fn checksum(frame: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&frame[SUMMED]).update(&frame[HEADER_LEN..]);
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

impl<'a> Frame<'a> {
    /// Takes apart the bytes of exactly one frame, checking bounds and checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let header = bytes.first_chunk().ok_or(FrameError("frame header"))?;
        if frame_len(header)? != bytes.len() {
            return Err(FrameError("frame length"));
        }
        if checksum(bytes) != header[SUMMED.end..] {
            return Err(FrameError("frame checksum"));
        }
        let mut reader = Reader::new(bytes);
        reader.raw(4, "frame magic")?;
        let content = reader.u8("frame type")?;
        let codec = reader.u8("frame codec")?;
        let extra = usize::from(u16::from_le_bytes(reader.array("extra length")?));
        let plain_len = u32::from_le_bytes(reader.array("plain length")?) as usize;
        reader.raw(HEADER_LEN - 12, "frame header")?;
        let mut fields = Reader::new(reader.raw(extra, "frame fields")?);
        let frame = Self {
            content: decode_content(content, &mut fields)?,
            codec: decode_codec(codec, &mut fields)?,
            plain_len,
            stored: reader.raw(reader.remaining(), "stored bytes")?,
        };
        fields.finish("end of frame fields")?;
        frame.check()?;
        Ok(frame)
    }

    fn check(&self) -> Result<(), FrameError> {
        if self.codec == Codec::Raw && self.stored.len() != self.plain_len {
            return Err(FrameError("raw length"));
        }
        let Content::Part(part) = self.content else {
            return Ok(());
        };
        if !self.codec.stands_alone() {
            return Err(FrameError("codec of a part"));
        }
        let placed = part.total > PART_LEN as u64
            && part.offset < part.total
            && part.offset.is_multiple_of(PART_LEN as u64);
        if placed && part.length() == self.plain_len as u64 {
            Ok(())
        } else {
            Err(FrameError("place of a part"))
        }
    }

    /// The plain bytes, exactly as many as the header says.
    pub fn plain(&self, help: Help<'_>) -> Result<Vec<u8>, FrameError> {
        match (&self.codec, help) {
            (Codec::Raw, _) => Ok(self.stored.to_vec()),
            (Codec::Zstd, _) => zstd::decompress(self.stored, self.plain_len, Help::None),
            (Codec::Dictionary(hash), Help::Dictionary(found)) if found.hash() == hash => {
                zstd::decompress(self.stored, self.plain_len, help)
            }
            (Codec::Prefix { .. }, Help::Prefix(_)) => {
                zstd::decompress(self.stored, self.plain_len, help)
            }
            (Codec::Linked { links, .. }, Help::Prefix(_)) => {
                let len = links::cut_len(self.plain_len, links)?;
                links::fill(zstd::decompress(self.stored, len, help)?, links)
            }
            _ => Err(FrameError("what the frame was compressed with")),
        }
    }
}

fn decode_content(number: u8, fields: &mut Reader<'_>) -> Result<Content, FrameError> {
    match number {
        GROUP => Ok(Content::Group),
        PART => Ok(Content::Part(Part {
            blob: BlobId::new(fields.array("part of a message")?),
            offset: u64::from_le_bytes(fields.array("part offset")?),
            total: u64::from_le_bytes(fields.array("message length")?),
        })),
        _ => Err(FrameError("frame type")),
    }
}

fn decode_codec(number: u8, fields: &mut Reader<'_>) -> Result<Codec, FrameError> {
    match number {
        RAW => Ok(Codec::Raw),
        ZSTD => Ok(Codec::Zstd),
        DICTIONARY => Ok(Codec::Dictionary(fields.array("dictionary")?)),
        PREFIX => {
            let weight = fields.u8("frame weight")?;
            let count = usize::from(fields.u8("bases")?);
            if weight > MAX_WEIGHT || count > MAX_BASES {
                return Err(FrameError("bases"));
            }
            let bases = (0..count).map(|_| decode_base(fields));
            Ok(Codec::Prefix {
                weight,
                bases: bases.collect::<Result<_, _>>()?,
            })
        }
        LINKED => {
            let weight = fields.u8("frame weight")?;
            if weight > MAX_LINKED_WEIGHT {
                return Err(FrameError("bases"));
            }
            Ok(Codec::Linked {
                weight,
                bases: decode_names(fields)?,
                links: links::decode(fields)?,
            })
        }
        _ => Err(FrameError("frame codec")),
    }
}

/// Only kinds that never start as a dictionary of zstd does, which would not be taken as plain
/// bytes.
fn decode_base(fields: &mut Reader<'_>) -> Result<ObjectKey, FrameError> {
    let key = decode_key(fields)?;
    match key.kind {
        Kind::Tree | Kind::FolderMap => Ok(key),
        _ => Err(FrameError("kind of a base")),
    }
}

fn decode_key(fields: &mut Reader<'_>) -> Result<ObjectKey, FrameError> {
    let kind = Kind::from_number(fields.u8("object kind")?).ok_or(FrameError("object kind"))?;
    Ok(ObjectKey::new(kind, fields.array("object hash")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Group;

    const TEXT: &[u8] = b"Received: by one\nReceived: by one\nReceived: by one\nReceived: by one\n";

    fn part(offset: u64, total: u64) -> Content {
        let blob = BlobId::of(b"any");
        Content::Part(Part {
            blob,
            offset,
            total,
        })
    }

    #[test]
    fn a_frame_gives_back_what_went_in() {
        let base = ObjectKey::of(Kind::Tree, TEXT);
        let prefix = Codec::Prefix {
            weight: 2,
            bases: vec![base],
        };
        let codecs = [(Codec::Raw, Help::None), (Codec::Zstd, Help::None)];
        for (codec, help) in codecs.into_iter().chain([(prefix, Help::Prefix(TEXT))]) {
            let bytes = encode(&Content::Group, codec.clone(), TEXT, help);
            let frame = Frame::parse(&bytes).expect("our own");
            assert_eq!(frame.codec, codec);
            assert_eq!(frame.content, Content::Group);
            assert_eq!(frame.plain(help).expect("whole"), TEXT);
        }
    }

    /// Two nodes, of which the second names the first, upon a base of each kind.
    fn linked() -> (Vec<u8>, Vec<u8>) {
        let (mut group, leaf) = (Group::new(), ObjectKey::of(Kind::Tree, TEXT));
        let branch = [TEXT, &leaf.hash, TEXT].concat();
        group.push(Kind::Tree, TEXT);
        group.push(Kind::Tree, &branch);
        let keys = [leaf, ObjectKey::of(Kind::Tree, &branch)];
        let (plain, members) = group.finish();
        let bases = [Kind::Tree, Kind::FolderMap].map(|kind| ObjectKey::of(kind, b"base"));
        let frame = encode_linked((&plain, &members), &keys, (7, &bases, TEXT));
        (frame, plain.to_vec())
    }

    #[test]
    fn a_frame_with_links_gives_back_what_went_in() {
        let (bytes, plain) = linked();
        let frame = Frame::parse(&bytes).expect("our own");
        assert_eq!(frame.plain(Help::Prefix(TEXT)).as_ref(), Ok(&plain));
        assert_eq!(frame.plain_len, plain.len());
        assert!(frame.plain(Help::None).is_err());
        let Codec::Linked {
            weight,
            bases,
            links,
        } = frame.codec
        else {
            panic!("{:?}", frame.codec);
        };
        let kinds: Vec<_> = bases.iter().map(|base| base.kind).collect();
        assert_eq!((weight, kinds), (7, vec![Kind::Tree, Kind::FolderMap]));
        assert_eq!(links.len(), 1);
    }

    #[test]
    fn fields_of_links_that_say_too_much_are_refused() {
        let good = linked().0;
        // Behind the header: weight, number of bases, their kinds, their names, number of links.
        let links = HEADER_LEN + 3 + 2 * NAME_LEN;
        for (at, value) in [
            (HEADER_LEN, MAX_LINKED_WEIGHT + 1),
            (HEADER_LEN + 1, MAX_BASES as u8 + 1),
            (HEADER_LEN + 1, 3),
            (HEADER_LEN + 2, 0b110),
            (links, 2),
            (links, 0),
        ] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let sum = checksum(&bytes);
            bytes[SUMMED.end..HEADER_LEN].copy_from_slice(&sum);
            assert!(Frame::parse(&bytes).is_err(), "{value} at {at}");
        }
    }

    #[test]
    fn what_does_not_shrink_is_stored_raw() {
        let bytes = encode(&Content::Group, Codec::Zstd, b"xyz", Help::None);
        assert_eq!(Frame::parse(&bytes).expect("ours").codec, Codec::Raw);
        let empty = encode(&Content::Group, Codec::Zstd, b"", Help::None);
        assert_eq!(Frame::parse(&empty).expect("ours").plain_len, 0);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let bytes = encode(&Content::Group, Codec::Zstd, TEXT, Help::None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert!(Frame::parse(&changed).is_err(), "byte {at}");
            assert!(Frame::parse(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_plain_length_that_lies_is_refused() {
        let zstd = encode(&Content::Group, Codec::Zstd, TEXT, Help::None);
        let (linked, plain) = linked();
        for (good, len) in [(zstd, TEXT.len()), (linked, plain.len())] {
            for lie in [len - 1, len + 1, MAX_PLAIN] {
                let mut bytes = good.clone();
                bytes[8..12].copy_from_slice(&(lie as u32).to_le_bytes());
                let sum = checksum(&bytes);
                bytes[16..32].copy_from_slice(&sum);
                let frame = Frame::parse(&bytes).expect("a lie that the header cannot tell");
                assert!(frame.plain(Help::Prefix(TEXT)).is_err());
            }
        }
    }

    #[test]
    fn a_part_lies_where_it_must() {
        let total = PART_LEN as u64 + TEXT.len() as u64;
        let good = encode(&part(PART_LEN as u64, total), Codec::Zstd, TEXT, Help::None);
        assert!(Frame::parse(&good).is_ok());
        for (offset, total) in [
            (0, total),
            (1, total),
            (0, 5),
            (total, total),
            (u64::MAX, 1),
        ] {
            let bytes = encode(&part(offset, total), Codec::Zstd, TEXT, Help::None);
            assert!(Frame::parse(&bytes).is_err(), "{offset} of {total}");
        }
    }
}
