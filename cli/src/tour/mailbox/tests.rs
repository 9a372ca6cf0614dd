use std::path::Path;

use super::*;

fn written(mailbox: &Mailbox) -> (tempfile::TempDir, Summary) {
    let dir = tempfile::tempdir().expect("a directory");
    let summary = mailbox.write(&dir.path().join("Maildir")).expect("written");
    (dir, summary)
}

fn files(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).expect("a listing") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_seed_decides_every_byte() {
    let mailbox = Mailbox {
        messages: 150,
        ..Mailbox::default()
    };
    let (a, _) = written(&mailbox);
    let (b, _) = written(&mailbox);
    let relative = |dir: &tempfile::TempDir| -> Vec<_> {
        let strip = |path: &Path| path.strip_prefix(dir.path()).expect("below").to_owned();
        files(dir.path())
            .into_iter()
            .map(|(path, bytes)| (strip(&path), bytes))
            .collect()
    };
    assert_eq!(relative(&a), relative(&b));
    assert_ne!(message(1, 5), message(2, 5));
}

#[test]
fn the_mean_size_is_near_what_was_asked_for() {
    for mean in [3_000, 5_000, 20_000] {
        let total: usize = (0..2_000).map(|n| message::sized(3, n, mean).len()).sum();
        let measured = total as u64 / 2_000;
        assert!(
            measured * 4 > mean * 3 && measured * 3 < mean * 4,
            "{mean}: {measured}"
        );
    }
}

#[test]
fn a_few_hundred_messages_show_every_trait_of_real_mail() {
    let (dir, summary) = written(&Mailbox {
        messages: 400,
        ..Mailbox::default()
    });
    let all = files(dir.path());
    let has = |what: &str, test: &dyn Fn(&[u8]) -> bool| {
        assert!(
            all.iter().any(|(_, bytes)| test(bytes)),
            "no message {what}"
        );
    };
    let contains = |needle: &'static str| {
        move |bytes: &[u8]| {
            bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
        }
    };
    has("is empty", &<[u8]>::is_empty);
    has("is a reply", &contains("\nIn-Reply-To: "));
    has("quotes", &contains("\n> "));
    has("came by a list", &contains("\nList-Id: "));
    has(
        "has an attachment",
        &contains("\nContent-Transfer-Encoding: base64"),
    );
    has("has HTML", &contains("<html>"));
    has("has an encoded word", &contains("=?UTF-8?Q?"));
    has("has CRLF", &contains("\r\n"));
    has("is raw Latin-1", &|bytes| {
        std::str::from_utf8(bytes).is_err()
    });
    has("lacks a Message-ID", &|bytes| {
        !bytes.is_empty() && !contains("\nMessage-ID: ")(bytes)
    });
    has("lacks a date", &|bytes| {
        !bytes.is_empty() && !contains("\nDate: ")(bytes)
    });
    has("has a wild date", &contains("Date: Tue, 39 Foo 20011"));
    assert!(summary.files > 400 && summary.contents < 400, "{summary:?}");
    assert!(
        summary.recent > 0 && summary.folders.len() >= 8,
        "{summary:?}"
    );
}

#[test]
fn a_reply_quotes_what_was_said() {
    let mut quoting = 0;
    for n in 0..100 {
        let reply = String::from_utf8_lossy(&message(4, n)).into_owned();
        let Some(line) = reply.lines().find_map(|line| line.strip_prefix("> ")) else {
            continue;
        };
        let said = |m: u64| String::from_utf8_lossy(&message(4, m)).contains(line);
        assert!((0..n).any(said), "message {n} quotes nobody: {line}");
        quoting += 1;
    }
    assert!(quoting > 20, "{quoting}");
}

#[test]
fn both_layouts_hold_the_same_mail() {
    let (plus, a) = written(&Mailbox {
        messages: 100,
        ..Mailbox::default()
    });
    let (nested, b) = written(&Mailbox {
        messages: 100,
        layout: Layout::Nested,
        ..Mailbox::default()
    });
    assert_eq!(
        (a.files, a.bytes, a.contents),
        (b.files, b.bytes, b.contents)
    );
    assert!(plus.path().join("Maildir/.Lists.users/cur").is_dir());
    assert!(nested.path().join("Maildir/Lists/users/cur").is_dir());
}

#[test]
fn a_large_message_is_30_megabytes() {
    let size = large_message(1).len();
    assert!((29_000_000..32_000_000).contains(&size), "{size}");
}

#[test]
fn what_is_not_empty_is_not_written_into() {
    let dir = tempfile::tempdir().expect("a directory");
    deliver(dir.path(), Path::new(""), b"mail").expect("delivered");
    assert!(Mailbox::default().write(dir.path()).is_err());
}

#[test]
fn a_delivery_lies_in_new_and_nothing_in_tmp() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = deliver(dir.path(), Path::new(".Lists.x"), b"mail").expect("delivered");
    assert!(path.starts_with(dir.path().join(".Lists.x/new")));
    assert_eq!(files(dir.path()), [(path, b"mail".to_vec())]);
}

/// Figures measured on this mail are compared from machine to machine and from year to year.
#[test]
fn a_seed_decides_the_same_bytes_everywhere_and_always() {
    let all: Vec<u8> = (0..200).flat_map(|n| message(1, n)).collect();
    assert_eq!(mailvc_store::object::BlobId::of(&all).short(), "46f21bb004");
}
