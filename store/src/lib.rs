//! The content-addressed store of mailvc: messages and snapshots in, any earlier state out.
//!
//! The terms are those of the field. A *blob* is a message, byte for byte. A *folder tree* is a
//! Merkle map of a folder's messages; a *folder map* names the trees of all folders; a *snapshot*
//! is one state of a Maildir with its parents and its maker. A *pack* is an immutable file of
//! objects; a *ref* names a snapshot.
//!
//! Folders are layers; each imports lower lines alone (a test reads every `use`):
//!
//! | layer | folders |
//! |---|---|
//! | 9 | `repo` |
//! | 8 | `merge` `worktree` `maintain` |
//! | 7 | `tree` `graph` |
//! | 6 | `odb` |
//! | 5 | `pack` `index` `refs` |
//! | 4 | `blob` |
//! | 3 | `object` |
//! | 2 | `maildir` `mime` `sign` |
//! | 1 | `fs` |
//! | 0 | `codec` `time` `progress` |

pub mod blob;
pub mod codec;
pub mod fs;
pub mod graph;
pub mod index;
pub mod maildir;
pub mod maintain;
pub mod merge;
pub mod mime;
pub mod object;
pub mod odb;
pub mod pack;
pub mod progress;
pub mod refs;
pub mod repo;
pub mod sign;
pub mod time;
pub mod tree;
pub mod worktree;
