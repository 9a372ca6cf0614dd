use super::{BlobId, DeviceId, SnapshotId};
use crate::codec::{DecodeError, Reader, Writer};

/// The most messages that one yes names; who allows more gives several.
pub const MAX_ALLOWED: usize = 32_768;

/// The length beyond which nothing is taken for a yes with its signature, in bytes.
pub const MAX_YES: usize = 32 * MAX_ALLOWED + (17 << 10);

const MAGIC: &[u8; 4] = b"MVY1";

/// To which removal a yes belongs. Without it a yes could be used again, for the same messages
/// lost another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// A Maildir lacks them, whose state was recorded as this snapshot: it may be recorded.
    Missing(SnapshotId),
    /// They are gone from a line of snapshots that this one is part of: it may be merged. Who has
    /// merged it has no more use for the yes.
    Line(SnapshotId),
}

impl Occasion {
    /// The snapshot that it is about.
    pub fn snapshot(self) -> SnapshotId {
        match self {
            Self::Missing(id) | Self::Line(id) => id,
        }
    }
}

/// A person's word, given on one device, that these messages may leave on this occasion; and no
/// others, and on no other. It counts for nothing without the device's signature of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yes {
    /// The occasion.
    pub occasion: Occasion,
    /// The device on which it was given.
    pub device: DeviceId,
    /// The messages: at least one, at most [`MAX_ALLOWED`], ascending.
    pub messages: Vec<BlobId>,
}

impl Yes {
    /// The canonical bytes, which are what is signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        put_occasion(&mut writer, self.occasion);
        writer.raw(self.device.as_bytes());
        writer.varint(self.messages.len() as u64);
        for id in &self.messages {
            writer.raw(id.as_bytes());
        }
        writer.finish()
    }

    /// Decodes a yes at the start of `bytes`, and gives what follows it: the signature.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>("magic of a yes")? != *MAGIC {
            return Err(DecodeError {
                what: "magic of a yes",
                offset: 0,
            });
        }
        let occasion = take_occasion(&mut reader)?;
        let device = DeviceId::new(reader.array("device")?);
        let count = reader.bounded(MAX_ALLOWED as u64, "allowed messages")?;
        let messages = take_ascending(&mut reader, count as usize)?;
        let yes = Self {
            occasion,
            device,
            messages,
        };
        Ok((yes, bytes.get(reader.offset()..).unwrap_or_default()))
    }

    /// The hash that names it: of the bytes that are signed.
    pub fn hash(&self) -> [u8; 32] {
        blake3::derive_key("mailvc 2026 yes", &self.encode())
    }
}

/// Writes an occasion: a byte, 0 missing or 1 line, and the snapshot.
pub fn put_occasion(writer: &mut Writer, occasion: Occasion) {
    let kind = match occasion {
        Occasion::Missing(_) => 0,
        Occasion::Line(_) => 1,
    };
    writer.u8(kind).raw(occasion.snapshot().as_bytes());
}

/// Reads an occasion.
pub fn take_occasion(reader: &mut Reader<'_>) -> Result<Occasion, DecodeError> {
    let kind = reader.u8("occasion")?;
    let id = SnapshotId::new(reader.array("snapshot of the occasion")?);
    match kind {
        0 => Ok(Occasion::Missing(id)),
        1 => Ok(Occasion::Line(id)),
        _ => Err(reader.error("occasion")),
    }
}

/// Reads so many ids, which must ascend; none at all are refused.
pub fn take_ascending(reader: &mut Reader<'_>, count: usize) -> Result<Vec<BlobId>, DecodeError> {
    if count == 0 || reader.remaining() / 32 < count {
        return Err(reader.error("number of messages"));
    }
    let mut ids: Vec<BlobId> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = BlobId::new(reader.array("message")?);
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(reader.error("order of messages"));
        }
        ids.push(id);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Yes {
        Yes {
            occasion: Occasion::Line(SnapshotId::new([1; 32])),
            device: DeviceId::new([2; 32]),
            messages: vec![BlobId::new([3; 32]), BlobId::new([4; 32])],
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes_and_the_signature_is_what_follows() {
        for occasion in [Occasion::Line, Occasion::Missing] {
            let yes = Yes {
                occasion: occasion(SnapshotId::new([9; 32])),
                ..example()
            };
            let bytes = [&yes.encode()[..], b"signature"].concat();
            assert_eq!(Yes::decode(&bytes), Ok((yes, &b"signature"[..])));
        }
    }

    #[test]
    fn messages_out_of_order_or_none_or_more_than_there_are_bytes_are_refused() {
        let mut yes = example();
        yes.messages.reverse();
        assert!(Yes::decode(&yes.encode()).is_err());
        yes.messages.clear();
        assert!(Yes::decode(&yes.encode()).is_err());
        let bytes = example().encode();
        for end in 0..bytes.len() {
            assert!(Yes::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn every_field_is_part_of_its_name() {
        let other = |change: fn(&mut Yes)| {
            let mut yes = example();
            change(&mut yes);
            yes.hash()
        };
        let hashes = [
            example().hash(),
            other(|yes| yes.occasion = Occasion::Missing(SnapshotId::new([1; 32]))),
            other(|yes| yes.occasion = Occasion::Line(SnapshotId::new([7; 32]))),
            other(|yes| yes.device = DeviceId::new([7; 32])),
            other(|yes| yes.messages.truncate(1)),
        ];
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "{at}");
        }
    }
}
