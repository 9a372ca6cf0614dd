//! Messages, and the names of their files and folders.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use mailvc_store::codec::{Reader, Writer};
use mailvc_store::maildir::{
    FileName, Flags, FolderPath, Layout, declared_size, is_message_name, strip_uid,
};
use mailvc_store::mime::{HEAD, day, display, header, message_id};
use mailvc_store::object::{Copies, Entry, MessageCopy};

/// Nothing that a terminal obeys.
fn assert_harmless(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// The header rules: no more than the head counts, a field is found wherever it stands, and what
/// is shown is harmless.
pub(super) fn message(bytes: &[u8]) {
    let head = &bytes[..bytes.len().min(HEAD)];
    assert_eq!(day(bytes), day(head));
    assert_eq!(message_id(bytes), message_id(head));
    match header(bytes, "Date") {
        Some(date) if date.len() + 6 <= HEAD => {
            assert_eq!(day(&[b"date: ", &date[..]].concat()), day(bytes));
        }
        Some(_) => {}
        None => assert_eq!(day(bytes), 0),
    }
    if let Some(id) = message_id(bytes) {
        assert!(!id.is_empty() && !id.iter().any(u8::is_ascii_whitespace));
    }
    assert_harmless(&display(head));
    for name in ["Subject", "From"] {
        let value = header(bytes, name).unwrap_or_default();
        assert!(!value.contains(&b'\n'));
        assert_harmless(&display(&value));
    }
}

/// A file's name: nothing is lost when it is taken apart, and flags survive a snapshot.
pub(super) fn file_name(bytes: &[u8]) {
    if !is_message_name(bytes) || bytes.len() > 255 {
        return;
    }
    let name = FileName::parse(bytes);
    let flags = name.flags().cloned().unwrap_or_default();
    for recent in [false, true] {
        let renamed = FileName::parse(&name.with_flags(recent, &flags));
        assert_eq!(renamed.base(), name.base());
        assert_eq!(renamed.flags().unwrap_or(&Flags::none()), &flags);
    }
    assert!(name.base().starts_with(name.unique()));
    let stripped = strip_uid(name.base());
    assert_eq!(strip_uid(&stripped), stripped);
    assert_eq!(declared_size(&stripped), declared_size(name.base()));
    let copy = MessageCopy {
        flags,
        ..MessageCopy::default()
    };
    let entry = Entry {
        size: 1,
        copies: Copies::one(copy),
        kept: 0,
    };
    let mut writer = Writer::new();
    entry.encode(&mut writer);
    let decoded = Entry::decode(&mut Reader::new(writer.as_bytes()));
    assert_eq!(decoded, Ok(entry));
    assert_harmless(&name.flags().map(ToString::to_string).unwrap_or_default());
}

/// A folder's path and its directory stand for each other, in each layout; none leads out of the
/// Maildir.
pub(super) fn folder_name(bytes: &[u8]) {
    for layout in [Layout::MaildirPlusPlus, Layout::Nested] {
        // Components are what a listing gives.
        let dir: PathBuf = Path::new(OsStr::from_bytes(bytes)).components().collect();
        if let Some(folder) = layout.folder(&dir) {
            assert_eq!(layout.dir(&folder), dir);
        }
        if let Ok(path) = FolderPath::new(bytes) {
            let dir = layout.dir(&path);
            assert_eq!(layout.folder(&dir).as_ref(), Some(&path));
            let inside = |part| matches!(part, Component::Normal(_));
            assert!(dir.components().all(inside), "{}", dir.display());
            assert_harmless(&path.to_string());
        }
    }
}
