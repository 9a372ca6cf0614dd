//! What the store keeps, as values and their canonical bytes. Nothing here reads or writes a
//! file, and nothing here trusts bytes: decoding accepts the one canonical form alone.

mod entry;
mod folder_map;
mod id;
mod key;
mod kind;
mod node;
mod prefix;
mod snapshot;
mod yes;

pub use entry::{Copies, Entry, Keyword, KeywordError, MAX_COPIES, MAX_KEYWORDS, MessageCopy};
pub use folder_map::{Folder, FolderMap};
pub use id::{
    BlobHasher, BlobId, DeviceId, FolderMapId, Id, PackId, SignatureId, SnapshotId, TreeId,
};
pub use key::{Day, EntryKey};
pub use kind::{Kind, ObjectKey};
pub use node::{Child, LEAF_MAX, Leaf, Node, Skimmed, Sums};
pub use prefix::{IdPrefix, PrefixError};
pub use snapshot::{Conflict, ConflictKind, MAX_CONFLICTS, MAX_PARENTS, Snapshot, SnapshotKind};
pub use yes::{MAX_ALLOWED, MAX_YES, Occasion, Yes, put_occasion, take_ascending, take_occasion};
