use super::Sums;
use crate::codec::{DecodeError, Reader, Writer};
use crate::maildir::Flags;

/// How many copies of one message a folder may hold.
pub const MAX_COPIES: u64 = 65_535;
/// How many keywords a copy may have; Dovecot's letters name 26.
pub const MAX_KEYWORDS: u64 = 64;
const MAX_KEYWORD: usize = 255;

/// The name of a keyword, such as `$Forwarded`: printable ASCII without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword(String);

/// Bytes that are not the name of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a keyword")]
pub struct KeywordError;

impl Keyword {
    /// Checks a name.
    pub fn new(name: &[u8]) -> Result<Self, KeywordError> {
        let fits = !name.is_empty() && name.len() <= MAX_KEYWORD;
        match std::str::from_utf8(name) {
            Ok(text) if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(KeywordError),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One copy of a message in a folder: what its file says beside its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MessageCopy {
    /// Whether it lies in `new`.
    pub recent: bool,
    /// What its file name says after `:2,`.
    pub flags: Flags,
    /// Keywords by name, sorted, without repeats.
    pub keywords: Vec<Keyword>,
    /// The file's time, the date of arrival, in whole seconds since 1970.
    pub mtime: i64,
}

impl MessageCopy {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.recent));
        self.flags.encode(writer);
        writer.varint(self.keywords.len() as u64);
        for keyword in &self.keywords {
            writer.bytes(keyword.0.as_bytes());
        }
        writer.signed(self.mtime);
    }

    /// Goes over a copy that has no keywords; otherwise false.
    fn skim(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        Self::decode_recent(reader)?;
        Flags::skim(reader)?;
        if reader.bounded(MAX_KEYWORDS, "keywords")? > 0 {
            return Ok(false);
        }
        reader.signed("mtime")?;
        Ok(true)
    }

    fn decode_recent(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        match reader.u8("recent")? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(reader.error("recent")),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let recent = Self::decode_recent(reader)?;
        let flags = Flags::decode(reader)?;
        let count = reader.bounded(MAX_KEYWORDS, "keywords")?;
        let mut keywords: Vec<Keyword> = Vec::new();
        for _ in 0..count {
            let name = reader.bytes(MAX_KEYWORD, "keyword")?;
            let keyword = Keyword::new(name).map_err(|_| reader.error("keyword"))?;
            if keywords.last().is_some_and(|last| *last >= keyword) {
                return Err(reader.error("keyword order"));
            }
            keywords.push(keyword);
        }
        Ok(Self {
            recent,
            flags,
            keywords,
            mtime: reader.signed("mtime")?,
        })
    }
}

/// The copies of one message in one folder: at least one, sorted, equal ones counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copies(Vec<(MessageCopy, u64)>);

impl Copies {
    /// One copy.
    pub fn one(copy: MessageCopy) -> Self {
        Self(vec![(copy, 1)])
    }

    /// The copies that `copies` yields, in any order; `None` if there are none, or more than
    /// [`MAX_COPIES`].
    pub fn collect(copies: impl IntoIterator<Item = MessageCopy>) -> Option<Self> {
        let mut all: Vec<MessageCopy> = copies.into_iter().collect();
        all.sort_unstable();
        if all.len() as u64 > MAX_COPIES {
            return None;
        }
        // Nearly always one; there may be very many messages.
        let mut runs: Vec<(MessageCopy, u64)> = Vec::with_capacity(1);
        for copy in all {
            match runs.last_mut() {
                Some((last, count)) if *last == copy => *count += 1,
                _ => runs.push((copy, 1)),
            }
        }
        if runs.is_empty() {
            None
        } else {
            Some(Self(runs))
        }
    }

    /// How many copies there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Each distinct copy and how many there are of it, sorted.
    pub fn runs(&self) -> &[(MessageCopy, u64)] {
        &self.0
    }

    /// Every copy, equal ones as often as they are there.
    pub fn iter(&self) -> impl Iterator<Item = &MessageCopy> {
        self.0
            .iter()
            .flat_map(|(copy, count)| std::iter::repeat_n(copy, *count as usize))
    }

    fn encode(&self, writer: &mut Writer) {
        writer.varint(self.0.len() as u64);
        for (copy, count) in &self.0 {
            writer.varint(*count);
            copy.encode(writer);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let runs = reader.bounded(MAX_COPIES, "copies")?;
        let mut copies = Self(Vec::with_capacity(1));
        for _ in 0..runs {
            let count = reader.bounded(MAX_COPIES, "copies")?;
            let copy = MessageCopy::decode(reader)?;
            if count == 0 || copies.0.last().is_some_and(|(last, _)| *last >= copy) {
                return Err(reader.error("copies"));
            }
            copies.0.push((copy, count));
        }
        if (1..=MAX_COPIES).contains(&copies.count()) {
            Ok(copies)
        } else {
            Err(reader.error("copies"))
        }
    }
}

/// A message in a folder tree: all that is known of it beside its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The message's length in bytes.
    pub size: u64,
    /// Its copies in this folder.
    pub copies: Copies,
    /// Raised whenever restore, undo or checkout brought the message back; a raised count wins
    /// over a deletion.
    pub kept: u64,
}

impl Entry {
    /// Appends the canonical bytes.
    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(self.size);
        self.copies.encode(writer);
        writer.varint(self.kept);
    }

    /// Goes over an entry's canonical bytes and tells what it holds, without taking it apart.
    /// Refuses what [`decode`](Self::decode) refuses.
    pub(crate) fn skim(reader: &mut Reader<'_>) -> Result<Sums, DecodeError> {
        let start = reader.clone();
        let size = reader.varint("size")?;
        let runs = reader.bounded(MAX_COPIES, "copies")?;
        let copies = reader.bounded(MAX_COPIES, "copies")?;
        if runs != 1 || copies == 0 || !MessageCopy::skim(reader)? {
            // Rare: what has an order is compared as what it means.
            *reader = start;
            return Ok(Sums::of(&Self::decode(reader)?));
        }
        reader.varint("kept")?;
        Ok(Sums::of_copies(size, copies))
    }

    /// Takes an entry's canonical bytes.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = reader.varint("size")?;
        let copies = Copies::decode(reader)?;
        Ok(Self {
            size,
            copies,
            kept: reader.varint("kept")?,
        })
    }
}
