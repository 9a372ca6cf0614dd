//! The small parts of which all JSON documents are made.

use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{EntryKey, MessageCopy};
use mailvc_store::time::Timestamp;
use serde_json::{Map, Value, json};

use super::format::rfc3339;
use crate::error::Failure;

/// A time: in UTC, and in seconds since 1970.
pub(crate) fn time(time: Timestamp) -> Value {
    json!({ "utc": rfc3339(time), "unix": time.0 })
}

/// A folder: its portable path, empty for the Maildir's root; and the path's bytes in hexadecimal
/// where it is not UTF-8.
pub(crate) fn folder(path: &FolderPath) -> Value {
    let bytes = path.as_bytes();
    let text = String::from_utf8_lossy(bytes);
    if text.as_bytes() == bytes {
        return json!({ "path": text });
    }
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "path": text, "bytes": hex.concat() })
}

/// A message in a folder: what stands before all that a list says of it.
pub(crate) fn entry(path: &FolderPath, key: EntryKey) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("folder".to_owned(), folder(path));
    map.insert("id".to_owned(), key.blob.to_string().into());
    map
}

/// What a file says of its message.
pub(super) fn copy(copy: &MessageCopy) -> Value {
    json!({
        "new": copy.recent,
        "flags": copy.flags.to_string(),
        "arrived": time(Timestamp(copy.mtime)),
    })
}

/// Why a command failed.
pub(super) fn failure(failure: &Failure) -> Value {
    json!({
        "error": {
            "kind": failure.problem.name(),
            "exit": failure.problem as u8,
            "what": failure.what,
            "meaning": failure.meaning,
            "next": failure.next,
        }
    })
}
