//! What mail clients and deliveries do to a Maildir, always the same.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Puts a message there, in a folder that is made if there is none.
pub(crate) fn put(root: &Path, folder: &str, name: &str, text: &str) {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(root.join(folder).join(sub)).expect("a folder");
    }
    let path = root.join(folder).join(name);
    fs::write(&path, format!("Subject: {text}\n\n{text}\n")).expect("a message");
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(time).expect("set");
}

/// Moves the message that says `text` to `to`, a path below the root.
pub(crate) fn carry(root: &Path, text: &str, to: &str) {
    let bytes = format!("Subject: {text}\n\n{text}\n");
    fs::rename(find(root, &bytes), root.join(to)).expect("moved");
}

/// Removes the message that says `text`.
pub(crate) fn remove(root: &Path, text: &str) {
    fs::remove_file(find(root, &format!("Subject: {text}\n\n{text}\n"))).expect("removed");
}

fn find(root: &Path, bytes: &str) -> std::path::PathBuf {
    let all = mailvc_tests::maildir::listed(root).expect("listed");
    let hash = *blake3::hash(bytes.as_bytes()).as_bytes();
    let found = all.into_iter().find(|(_, message)| message.hash == hash);
    found.expect("the message").0
}

/// Twelve messages in four folders.
pub(crate) fn first(root: &Path) {
    put(root, "", "cur/1:2,", "flagged later");
    put(root, "", "new/2", "seen later");
    put(root, "", "cur/3:2,S", "removed later");
    put(root, "", "cur/8:2,S", "flagged there");
    put(root, "", "new/9", "seen there");
    put(root, "", "cur/10:2,S", "removed there");
    put(root, "", "cur/11:2,S", "twice");
    put(root, ".Lists", "cur/4:2,", "moved later");
    put(root, ".Lists", "cur/11:2,S", "twice");
    put(root, ".Lists", "cur/12:2,F", "moved there");
    put(root, ".Gone", "cur/5:2,", "in a folder that goes");
    put(root, ".Leaves", "cur/13:2,", "in a folder that goes there");
    fs::write(root.join("subscriptions"), "Lists\n").expect("written");
}

/// A change of every kind.
pub(crate) fn second(root: &Path) {
    carry(root, "flagged later", "cur/1:2,F");
    carry(root, "seen later", "cur/2:2,S");
    remove(root, "removed later");
    put(root, ".Archive", "cur/6:2,", "new one");
    carry(root, "moved later", ".Archive/cur/4:2,S");
    fs::remove_dir_all(root.join(".Gone")).expect("removed");
    put(root, "", "new/7", "another new one");
    fs::write(root.join("subscriptions"), "Lists\nArchive\n").expect("written");
}

/// A change of every kind, on another device that has the same mail.
pub(crate) fn elsewhere(root: &Path) {
    carry(root, "flagged there", "cur/20:2,FS");
    carry(root, "seen there", "cur/21:2,S");
    carry(root, "flagged later", "cur/22:2,R");
    remove(root, "removed there");
    put(root, ".Filed", "cur/23:2,S", "new there");
    carry(root, "moved there", ".Filed/cur/24:2,FS");
    fs::remove_dir_all(root.join(".Leaves")).expect("removed");
    put(root, "", "new/25", "delivered there");
    fs::write(root.join("subscriptions"), "Lists\nFiled\n").expect("written");
}
