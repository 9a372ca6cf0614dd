use std::io;

use mailvc_store::blob::{Codec, Content, Group, Help, encode};
use mailvc_store::codec::{Reader, Writer};
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{BlobId, Day, EntryKey, Kind, MAX_YES, Occasion, SnapshotId};
use mailvc_store::odb::OdbError;
use mailvc_store::repo::MAX_YESES;

use super::client::MAX_HELD;
use super::testing::*;
use super::*;
use crate::wire::{
    ErrorCode, FolderBase, FrameReader, FrameWriter, HeldPart, Item, Message, Role, Verb, WireError,
};

mod breaks;
mod lies;
mod limits;
mod rounds;
mod yeses;

use lies::{clone_from_liar, items_of, lie_in_items};

/// A server with some history: two deliveries, flags apart, a renamed folder, subscriptions.
fn server() -> TestDevice {
    let mut server = TestDevice::new("server");
    server.deliver("", &messages(0..300, 200));
    server.deliver("lists", &messages(300..420, 200));
    server.rearrange(|map| {
        let path = |path: &[u8]| FolderPath::new(path).expect("path");
        let lists = map.folders.remove(&path(b"lists")).expect("folder");
        map.folders.insert(path(b"lists/rust"), lists);
        map.subscriptions.insert(b"lists/rust".to_vec());
    });
    server.deliver("", &messages(420..430, 5000));
    server
}

#[test]
fn a_clone_brings_the_whole_history() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    let (asked, replied) = sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(client.tip, server.tip);
    assert!(asked.in_step && asked.peer.enrolled);
    assert_eq!(client.check_whole(), 430);
    assert_eq!(
        (asked.received.snapshots, asked.received.messages),
        (4, 430)
    );
    assert_eq!((replied.sent.snapshots, replied.sent.messages), (4, 430));
    assert_eq!(client.signatures.len(), 4);
}

#[test]
fn both_ends_arrive_at_one_snapshot() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    sync(&mut client, &mut server, Verb::Sync);
    client.deliver("", &messages(1000..1050, 300));
    server.deliver("work", &messages(2000..2020, 300));
    let (asked, replied) = sync(&mut client, &mut server, Verb::Sync);
    assert!(asked.in_step);
    assert_eq!(client.tip, server.tip);
    assert_eq!((client.check_whole(), server.check_whole()), (500, 500));
    // Only what the other end lacks travels.
    assert_eq!((asked.received.messages, asked.sent.messages), (20, 50));
    assert_eq!(
        (asked.received.snapshots, replied.received.snapshots),
        (1, 1)
    );
}

#[test]
fn nothing_to_do_takes_one_round_trip_and_less_than_a_kilobyte() {
    let (mut client, mut server) = (TestDevice::new("a-laptop-with-a-name"), server());
    for n in 0..40 {
        server.deliver("", &messages(5000 + n..5001 + n, 100));
    }
    sync(&mut client, &mut server, Verb::Sync);
    let mut record = Vec::new();
    let verb = (Verb::Sync, Role::Sync);
    let (asked, _) = recorded(&mut client, &mut server, verb, (SOUND, &mut record));
    let asked = asked.expect("client");
    assert!(asked.in_step && asked.done.is_none());
    let bytes = asked.sent.bytes + asked.received.bytes;
    assert!(bytes < 1024, "{bytes} bytes");
    let [Message::Welcome(welcome)] = &said(&record)[..] else {
        panic!("{:?}", said(&record));
    };
    assert_eq!(welcome.haves, [], "of no use to who has them all");
}

#[test]
fn more_than_a_pipe_holds_goes_both_ways() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    client.deliver("", &messages(0..3000, 1000));
    server.deliver("", &messages(10_000..13_000, 1000));
    sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(client.tip, server.tip);
    assert_eq!(client.check_whole(), 6000);
}

#[test]
fn equal_maildirs_with_no_common_history_exchange_no_message() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    client.deliver("", &messages(0..500, 1000));
    server.deliver("", &messages(0..500, 1000));
    let (asked, _) = sync(&mut client, &mut server, Verb::Sync);
    assert_eq!((asked.sent.messages, asked.received.messages), (0, 0));
    assert_eq!(client.tip, server.tip);
}

#[test]
fn fetch_and_push_go_one_way_and_merge_nothing() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    let tip = server.tip.expect("tip");
    let (asked, replied) = sync(&mut client, &mut server, Verb::Fetch);
    assert!(asked.settled.is_none() && replied.accepted.is_none());
    assert_eq!(client.inbox[&asked.peer.device], tip);
    assert_eq!(client.tip, None);

    client.deliver("", &messages(1000..1100, 300));
    let (asked, replied) = sync(&mut client, &mut server, Verb::Push);
    assert!(asked.accepted.is_none() && replied.settled.is_none());
    assert_eq!(server.tip, Some(tip));
    assert_eq!(server.inbox[&replied.peer.device], client.tip.expect("tip"));
    assert_eq!(server.check_whole(), 430);
}

#[test]
fn a_reader_pushes_nothing_and_still_merges_at_home() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    client.deliver("", &messages(1000..1010, 300));
    let verb = (Verb::Push, Role::Fetch);
    let (asked, replied) = session(&mut client, &mut server, verb, SOUND);
    assert!(matches!(
        asked,
        Err(ProtocolError::Session(SessionError::Told {
            code: ErrorCode::Forbidden,
            ..
        }))
    ));
    assert!(replied.is_err());

    let verb = (Verb::Sync, Role::Fetch);
    let (asked, replied) = session(&mut client, &mut server, verb, SOUND);
    assert!(replied.expect("server").accepted.is_none());
    assert!(!asked.expect("client").in_step);
    assert!(server.inbox.is_empty());
    assert_eq!(client.check_whole(), 440);
}

#[test]
fn who_is_not_welcome_is_told_so() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    server.refuses = true;
    let verb = (Verb::Sync, Role::Sync);
    let (asked, replied) = session(&mut client, &mut server, verb, SOUND);
    assert!(matches!(replied, Err(ProtocolError::Device(Refused))));
    assert!(asked.expect_err("refused").to_string().contains("not you"));
}

/// What a server said, message by message.
fn said(record: &[u8]) -> Vec<Message> {
    let mut reader = FrameReader::new(record);
    let mut messages = Vec::new();
    while let Ok((kind, payload)) = reader.take() {
        messages.push(Message::decode(kind, payload).expect("message"));
    }
    messages
}

fn bytes_of(messages: Vec<Message>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(&mut bytes);
    for message in messages {
        let (kind, payload) = message.encode();
        writer.put(kind, &payload).expect("fits");
    }
    writer.flush().expect("flush");
    drop(writer);
    bytes
}
