use super::BlobId;

/// The civil date in a message's `Date:` header, in days since 1970-01-01; 0 where there is none
/// that can be read. `mime::day` computes it, from the message's bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub u16);

/// What a folder tree is ordered by: the day first, so that the mail of one time lies together,
/// then the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// The day of the message's `Date:`.
    pub day: Day,
    /// The message.
    pub blob: BlobId,
}

impl EntryKey {
    /// How many nibbles a key has.
    pub const NIBBLES: usize = 68;

    /// The key in bytes: the day, its high byte first, then the id.
    pub fn to_bytes(self) -> [u8; 34] {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&self.day.0.to_be_bytes());
        bytes[2..].copy_from_slice(self.blob.as_bytes());
        bytes
    }

    /// The nibble at `depth`, the high one of each byte first; `depth` is below [`Self::NIBBLES`].
    pub fn nibble(self, depth: usize) -> usize {
        let byte = match depth / 2 {
            0 => self.day.0.to_be_bytes()[0],
            1 => self.day.0.to_be_bytes()[1],
            at => self.blob.as_bytes()[at - 2],
        };
        usize::from(if depth.is_multiple_of(2) {
            byte >> 4
        } else {
            byte & 15
        })
    }
}
