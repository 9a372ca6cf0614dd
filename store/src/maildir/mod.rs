//! The rules of a Maildir as pure functions over names: no file is touched here.

mod flags;
mod folder;
mod layout;
mod name;
mod unique;

pub use flags::{Flags, Standard};
pub use folder::{FolderPath, FolderPathError};
pub use layout::{Layout, LayoutError};
pub use name::{FileName, declared_size, is_message_name, strip_uid};
pub use unique::UniqueNames;
