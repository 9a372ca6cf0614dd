use std::fmt;
use std::str::FromStr;

use super::kind::Kind;

/// The id of one kind of thing: 32 bytes, printed as 64 hexadecimal digits.
pub trait Id: Copy + Ord + fmt::Display {
    /// The kind of object that it names.
    const KIND: Kind;
    /// The id with these bytes.
    fn from_bytes(bytes: [u8; 32]) -> Self;
    /// The bytes.
    fn as_bytes(&self) -> &[u8; 32];
}

/// Text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 64 hexadecimal digits")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident $(, $kind:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The id with these bytes.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            $(
                /// The id of the object that has these canonical bytes.
                pub fn of(bytes: &[u8]) -> Self {
                    Self(Kind::$kind.hash(bytes))
                }
            )?

            /// The first ten digits, as people are shown it.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(10);
                text
            }
        }

        $(
            impl Id for $name {
                const KIND: Kind = Kind::$kind;

                fn from_bytes(bytes: [u8; 32]) -> Self {
                    Self(bytes)
                }

                fn as_bytes(&self) -> &[u8; 32] {
                    &self.0
                }
            }
        )?

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }
    };
}

id!(
    /// A message: the plain BLAKE3 of its bytes, so that `b3sum FILE` prints it.
    BlobId, Blob
);
id!(
    /// A node of a folder tree; a folder tree's own id is that of its root node.
    TreeId, Tree
);
id!(
    /// A map from folder paths to folder trees.
    FolderMapId, FolderMap
);
id!(
    /// A snapshot, its signatures left out.
    SnapshotId, Snapshot
);
id!(
    /// One device's signature of one snapshot: derived from those two, see [`SignatureId::of`].
    SignatureId
);
id!(
    /// A pack: the BLAKE3 of the file up to the id itself.
    PackId
);
id!(
    /// A device: derived from its public key in SSH's wire encoding.
    DeviceId
);

impl SignatureId {
    /// Where `device`'s signature of `snapshot` is stored.
    pub fn of(snapshot: SnapshotId, device: DeviceId) -> Self {
        let pair = [*snapshot.as_bytes(), *device.as_bytes()].concat();
        Self(Kind::Signature.hash(&pair))
    }
}

impl DeviceId {
    /// The device that has the public key `blob`, in SSH's wire encoding.
    pub fn of_public_key(blob: &[u8]) -> Self {
        Self(blake3::derive_key("mailvc 2026 device", blob))
    }
}

fn parse(text: &str) -> Result<[u8; 32], ParseIdError> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(ParseIdError);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

pub(super) fn digit(digit: u8) -> Result<u8, ParseIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseIdError),
    }
}

/// Computes a [`BlobId`] from bytes as they come by.
#[derive(Debug, Default)]
pub struct BlobHasher {
    hasher: blake3::Hasher,
    size: u64,
}

impl BlobHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of what was seen, and its length in bytes.
    pub fn finish(&self) -> (BlobId, u64) {
        (BlobId(*self.hasher.finalize().as_bytes()), self.size)
    }
}

impl std::io::Write for BlobHasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
