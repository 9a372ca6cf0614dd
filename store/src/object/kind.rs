use super::id::Id;

/// The kinds of objects that packs hold. The number is the one in packs and on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A message.
    Blob = 1,
    /// A node of a folder tree.
    Tree = 2,
    /// A map from folder paths to folder trees.
    FolderMap = 3,
    /// A snapshot.
    Snapshot = 4,
    /// A device's signature of a snapshot.
    Signature = 5,
    /// A dictionary for the compression of others.
    Dictionary = 6,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Blob,
        Self::Tree,
        Self::FolderMap,
        Self::Snapshot,
        Self::Signature,
        Self::Dictionary,
    ];

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u8 == number)
    }

    /// The hash of an object of this kind. Messages hash plainly; every other kind has a context
    /// of its own, so that no message can pose as one.
    pub fn hash(self, bytes: &[u8]) -> [u8; 32] {
        let context = match self {
            Self::Blob => return *blake3::hash(bytes).as_bytes(),
            Self::Tree => "mailvc 2026 tree",
            Self::FolderMap => "mailvc 2026 folder map",
            Self::Snapshot => "mailvc 2026 snapshot",
            Self::Signature => "mailvc 2026 signature",
            Self::Dictionary => "mailvc 2026 dictionary",
        };
        blake3::derive_key(context, bytes)
    }
}

/// How many bytes at the start of a signature object name it: two ids.
const SIGNATURE_NAMES: usize = 64;

/// What an object is found by: its kind and the bytes of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The bytes of the id.
    pub hash: [u8; 32],
    /// The kind of object.
    pub kind: Kind,
}

impl ObjectKey {
    /// The key of the object with this kind and hash.
    pub fn new(kind: Kind, hash: [u8; 32]) -> Self {
        Self { hash, kind }
    }

    /// The key of the object with these bytes. A signature starts with the ids of the snapshot
    /// and of the device, and is found by those two alone.
    pub fn of(kind: Kind, bytes: &[u8]) -> Self {
        let named = match kind {
            Kind::Signature => &bytes[..bytes.len().min(SIGNATURE_NAMES)],
            _ => bytes,
        };
        Self::new(kind, kind.hash(named))
    }
}

impl<I: Id> From<I> for ObjectKey {
    fn from(id: I) -> Self {
        Self {
            hash: *id.as_bytes(),
            kind: I::KIND,
        }
    }
}

impl From<super::SignatureId> for ObjectKey {
    fn from(id: super::SignatureId) -> Self {
        Self {
            hash: *id.as_bytes(),
            kind: Kind::Signature,
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.kind {
            Kind::Blob => "blob",
            Kind::Tree => "tree",
            Kind::FolderMap => "folder map",
            Kind::Snapshot => "snapshot",
            Kind::Signature => "signature",
            Kind::Dictionary => "dictionary",
        };
        write!(f, "{name} {}", super::BlobId::new(self.hash))
    }
}

impl std::fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} {}",
            self.kind,
            super::BlobId::new(self.hash).short()
        )
    }
}
