//! The rules of a Maildir as pure functions over names: no file is touched here.

mod flags;
mod folder;

pub use flags::{Flags, Standard};
pub use folder::{FolderPath, FolderPathError};
