//! What a merge had to decide.

use mailvc_store::object::{Conflict, ConflictKind};
use serde_json::Value;

use super::json as parts;

/// For people.
pub(crate) fn line(conflict: &Conflict) -> String {
    let Conflict { folder, key, kind } = conflict;
    let id = key.blob.short();
    match kind {
        ConflictKind::DeletedAndChanged => {
            format!("  {folder}  {id}: deleted on one side, changed on the other: kept")
        }
        ConflictKind::MovedTwice => format!("  {folder}  {id}: moved to two folders: it is here"),
        ConflictKind::LastCopies => {
            format!("  {folder}  {id}: each side removed another copy: both are kept")
        }
        ConflictKind::FolderDeletedAndChanged => {
            format!("  {folder}: deleted on one side, changed on the other: kept")
        }
    }
}

/// For programs.
pub(crate) fn json(conflict: &Conflict) -> Value {
    let word = match conflict.kind {
        ConflictKind::DeletedAndChanged => "deleted-and-changed",
        ConflictKind::MovedTwice => "moved-twice",
        ConflictKind::LastCopies => "last-copies",
        ConflictKind::FolderDeletedAndChanged => "folder-deleted-and-changed",
    };
    let mut map = parts::entry(&conflict.folder, conflict.key);
    if conflict.kind == ConflictKind::FolderDeletedAndChanged {
        map.insert("id".to_owned(), Value::Null);
    }
    map.insert("kind".to_owned(), word.into());
    Value::Object(map)
}
