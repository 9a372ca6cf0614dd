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

/// Runs sessions between new devices over lines that break later and later, until one holds out;
/// returns how many broke.
fn break_at_every(step: usize, line: impl Fn(usize) -> Line) -> usize {
    for n in 0.. {
        let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
        server.deliver("", &messages(0..4, 150));
        server.deliver("new", &messages(4..8, 150));
        client.deliver("", &messages(100..104, 150));
        let verb = (Verb::Sync, Role::Sync);
        let (asked, replied) = session(&mut client, &mut server, verb, line(n * step));
        if asked.is_ok() && replied.is_ok() {
            return n;
        }
        for error in [asked.err(), replied.err()].into_iter().flatten() {
            assert!(error.is_retryable(), "break {n}: {error:?}");
        }
        client.check_whole();
        server.check_whole();
        sync(&mut client, &mut server, Verb::Sync);
        assert_eq!(client.tip, server.tip, "break {n}");
        assert_eq!(client.check_whole(), 12);
    }
    0
}

#[test]
fn a_line_that_breaks_at_any_byte_leaves_both_ends_whole() {
    assert!(break_at_every(71, |up| Line { up, ..SOUND }) > 10);
    assert!(break_at_every(71, |down| Line { down, ..SOUND }) > 10);
}

#[test]
fn what_came_before_the_line_broke_need_not_come_again() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    server.deliver("", &messages(0..2000, 1000));
    let verb = (Verb::Fetch, Role::Fetch);
    let line = Line {
        down: 700_000,
        ..SOUND
    };
    let (asked, _) = session(&mut client, &mut server, verb, line);
    assert!(asked.expect_err("broken").is_retryable());
    assert_eq!(client.inbox.len(), 0);
    client.reopen();
    let (asked, _) = sync(&mut client, &mut server, Verb::Fetch);
    let again = asked.received.messages;
    assert!((1..1900).contains(&again), "{again} messages");
    client.check_whole();
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

fn items_of(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    while reader.remaining() > 0 {
        items.push(Item::decode(&mut reader).expect("item"));
    }
    items
}

/// Has a fresh client clone from a server that says what an honest one would, but for one change.
fn clone_from_liar(lie: impl Fn(&mut Vec<Message>)) -> (TestDevice, SessionError) {
    let mut honest = TestDevice::new("server");
    honest.deliver("", &messages(0..3, 150));
    honest.deliver("", &messages(3..6, 150));
    let mut record = Vec::new();
    let verb = (Verb::Fetch, Role::Fetch);
    let mut witness = TestDevice::new("client");
    let (asked, _) = recorded(&mut witness, &mut honest, verb, (SOUND, &mut record));
    asked.expect("honest");
    let mut messages = said(&record);
    lie(&mut messages);
    let bytes = bytes_of(messages);
    let mut client = TestDevice::new("client");
    let stream = (&bytes[..], io::sink());
    match run_client(&mut client, stream, &request(Verb::Fetch)) {
        Err(ProtocolError::Session(error)) => (client, error),
        other => panic!("believed: {other:?}"),
    }
}

/// Changes the items of the first frame of them.
fn lie_in_items(change: impl Fn(&mut Vec<Item>)) -> impl Fn(&mut Vec<Message>) {
    move |messages| {
        for message in messages {
            if let Message::Graph(bytes) = message {
                let mut items = items_of(bytes);
                change(&mut items);
                let mut writer = Writer::new();
                for item in &items {
                    item.encode(&mut writer);
                }
                *bytes = writer.finish();
            }
        }
    }
}

fn flaw_of(lie: impl Fn(&mut Vec<Item>)) -> Flaw {
    let (client, error) = clone_from_liar(lie_in_items(lie));
    assert!(client.inbox.is_empty());
    match error {
        SessionError::Flawed { flaw, .. } | SessionError::Message { flaw, .. } => flaw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_that_lies_is_refused() {
    let left_out = |items: &mut Vec<Item>| {
        let at = items.iter().position(|item| matches!(item, Item::Put(..)));
        items.remove(at.expect("an entry"));
    };
    assert_eq!(flaw_of(left_out), Flaw::Folders);

    let first_only = |items: &mut Vec<Item>| {
        let end = items.iter().position(|item| *item == Item::End);
        items.truncate(end.expect("end") + 1);
    };
    assert_eq!(flaw_of(first_only), Flaw::NoTip);

    let second_only = |items: &mut Vec<Item>| {
        let end = items.iter().position(|item| *item == Item::End);
        items.drain(..=end.expect("end"));
    };
    assert!(matches!(flaw_of(second_only), Flaw::UnknownParent(_)));

    let twice = |items: &mut Vec<Item>| {
        let end = items.iter().position(|item| *item == Item::End);
        let first = items[..=end.expect("end")].to_vec();
        items.splice(0..0, first);
    };
    assert_eq!(flaw_of(twice), Flaw::Twice);

    let unfinished = |items: &mut Vec<Item>| {
        items.pop();
    };
    assert!(matches!(flaw_of(unfinished), Flaw::OutOfPlace(_)));

    let swapped = |items: &mut Vec<Item>| {
        let at = items.iter().position(|item| matches!(item, Item::Put(..)));
        let at = at.expect("an entry");
        items.swap(at, at + 1);
    };
    assert!(matches!(flaw_of(swapped), Flaw::Order(_)));

    let foreign = |items: &mut Vec<Item>| {
        if let Some(Item::Snapshot { signatures, .. }) = items.first_mut() {
            *signatures = vec![vec![0; 200]];
        }
    };
    assert_eq!(flaw_of(foreign), Flaw::ForeignSignature);
}

/// What a client says to the snapshot of a device that files a message as it likes.
fn filed(key: EntryKey, size: u64) -> Flaw {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    server.file("", &[(key, size, messages(0..1, 150).remove(0))]);
    let verb = (Verb::Fetch, Role::Fetch);
    let (asked, _) = session(&mut client, &mut server, verb, SOUND);
    assert!(client.inbox.is_empty());
    match asked {
        Err(ProtocolError::Session(SessionError::Message { flaw, .. })) => flaw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_whose_day_or_size_is_not_the_messages_own_is_refused() {
    let message = messages(0..1, 150).remove(0);
    let (key, size) = (key_of(&message), message.len() as u64);
    let (claimed, found) = (key.day.0 + 1, key.day.0);
    let (day, blob) = (Day(claimed), key.blob);
    assert_eq!(
        filed(EntryKey { day, blob }, size),
        Flaw::Day { claimed, found }
    );
    let (claimed, found) = (size + 1, size);
    assert_eq!(filed(key, claimed), Flaw::Size { claimed, found });
}

#[test]
fn a_message_that_is_stored_already_is_no_excuse_for_a_wrong_key() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    let message = messages(0..1, 150).remove(0);
    client.deliver("", &messages(0..1, 150));
    let key = EntryKey {
        day: Day(1),
        blob: BlobId::of(&message),
    };
    server.file("", &[(key, message.len() as u64, message)]);
    let verb = (Verb::Sync, Role::Sync);
    let (asked, replied) = session(&mut client, &mut server, verb, SOUND);
    assert!(asked.is_err() && client.inbox.is_empty());
    let told = replied.expect_err("told").to_string();
    assert!(told.contains("filed under day 1"), "{told}");
}

#[test]
fn a_generation_that_does_not_follow_is_refused() {
    let (mut client, mut server) = (TestDevice::new("client"), server());
    server.forge(|snapshot| snapshot.generation += 7);
    let verb = (Verb::Fetch, Role::Fetch);
    let (asked, _) = session(&mut client, &mut server, verb, SOUND);
    assert!(asked.is_err() && client.inbox.is_empty());
}

#[test]
fn messages_that_were_lost_are_missed_and_the_rest_is_kept() {
    let lost = |messages: &mut Vec<Message>| {
        messages.retain(|message| !matches!(message, Message::Blobs(_)));
    };
    let (client, error) = clone_from_liar(lost);
    assert!(matches!(error, SessionError::Lost { missing: 6 }));
    assert!(client.inbox.is_empty());
}

#[test]
fn no_message_is_given_out_that_was_not_offered() {
    let mut server = server();
    let hello = |tip| {
        let mut client = TestDevice::new("client");
        client.tip = tip;
        let mut sent = Vec::new();
        let stream = (io::empty(), &mut sent);
        run_client(&mut client, stream, &request(Verb::Fetch)).expect_err("no answer");
        said(&sent).remove(0)
    };
    let stray = BlobId::of(b"another account's");
    let mut said = Vec::new();
    let asks = bytes_of(vec![hello(None), Message::Want(vec![stray])]);
    let stream = (&asks[..], &mut said);
    match run_server(&mut server, stream, &policy(Role::Fetch)) {
        Err(ProtocolError::Session(SessionError::NotOffered(id))) => assert_eq!(id, stray),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_login_script_prints_is_not_taken_for_the_protocol() {
    let mut client = TestDevice::new("client");
    let stream = (&b"Last login: Sun Jun 28 16:30\n"[..], io::sink());
    match run_client(&mut client, stream, &request(Verb::Sync)) {
        Err(ProtocolError::Session(SessionError::Wire(WireError::Length(_)))) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_damage_on_the_way_is_ever_believed() {
    let mut honest = server();
    let mut record = Vec::new();
    let verb = (Verb::Fetch, Role::Fetch);
    let mut witness = TestDevice::new("client");
    let (asked, _) = recorded(&mut witness, &mut honest, verb, (SOUND, &mut record));
    asked.expect("honest");
    let mut state = 1u64;
    for _ in 0..300 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut bytes = record.clone();
        let at = (state >> 20) as usize % bytes.len();
        bytes[at] ^= 1 << (state >> 60 & 7);
        let mut client = TestDevice::new("client");
        let stream = (&bytes[..], io::sink());
        let _ = run_client(&mut client, stream, &request(Verb::Fetch));
        client.check_whole();
    }
}

#[test]
fn limits_are_kept() {
    let mut server = server();
    let limits = [
        Limits {
            snapshots: 3,
            ..Limits::default()
        },
        Limits {
            snapshot_bytes: 1000,
            ..Limits::default()
        },
        Limits {
            items: 400,
            ..Limits::default()
        },
        Limits {
            messages: 429,
            ..Limits::default()
        },
        Limits {
            message_bytes: 10_000,
            ..Limits::default()
        },
    ];
    for limits in limits {
        let mut client = TestDevice::new("client");
        let mut record = Vec::new();
        let verb = (Verb::Fetch, Role::Fetch);
        let mut witness = TestDevice::new("client");
        let (asked, _) = recorded(&mut witness, &mut server, verb, (SOUND, &mut record));
        asked.expect("honest");
        let request = Request {
            limits,
            ..request(Verb::Fetch)
        };
        let asked = run_client(&mut client, (&record[..], io::sink()), &request);
        let limited = matches!(asked, Err(ProtocolError::Session(SessionError::Limit(_))));
        assert!(limited, "{limits:?}");
    }
}

#[test]
fn no_snapshot_may_name_folders_without_end() {
    let grows: [fn(u32) -> Item; 2] = [
        |n| Item::Subscribe(n.to_le_bytes().repeat(200)),
        |n| Item::Folder {
            path: FolderPath::new(format!("{n:0>900}").as_bytes()).expect("path"),
            base: FolderBase::Empty,
        },
    ];
    for grow in grows {
        let lie = lie_in_items(|items| drop(items.splice(1..1, (0..6000).map(grow))));
        let (client, error) = clone_from_liar(|messages| {
            lie(messages);
            split_graph(messages);
        });
        assert!(client.inbox.is_empty());
        assert!(matches!(error, SessionError::Limit(_)), "{error:?}");
    }
}

/// Cuts what does not fit into one frame into several.
fn split_graph(messages: &mut Vec<Message>) {
    let split = |message| match message {
        Message::Graph(bytes) => {
            let pieces = items_of(&bytes);
            let frame = |items: &[Item]| {
                let mut writer = Writer::new();
                for item in items {
                    item.encode(&mut writer);
                }
                Message::Graph(writer.finish())
            };
            pieces.chunks(1000).map(frame).collect()
        }
        other => vec![other],
    };
    *messages = messages.drain(..).flat_map(split).collect();
}

#[test]
fn a_long_message_goes_in_parts_and_a_cut_between_them_leaves_nothing_of_it() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    server.deliver("", &messages(0..5, 200));
    server.deliver("", &messages(5..6, 5 << 20));
    let verb = (Verb::Fetch, Role::Fetch);
    for down in [100_000, 1 << 20, 2 << 20] {
        let line = Line { down, ..SOUND };
        let (asked, _) = session(&mut client, &mut server, verb, line);
        assert!(asked.expect_err("broken").is_retryable());
        client.reopen();
        client.check_whole();
    }
    sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(client.check_whole(), 6);
}

#[test]
fn nothing_but_messages_comes_among_the_messages() {
    for kind in [Kind::Tree, Kind::FolderMap, Kind::Snapshot, Kind::Signature] {
        let smuggle = |messages: &mut Vec<Message>| {
            let mut group = Group::new();
            group.push(kind, &[7; 100]);
            let (plain, _) = group.finish();
            let frame = encode(&Content::Group, Codec::Raw, &plain, Help::None);
            let at = messages
                .iter()
                .position(|message| matches!(message, Message::Blobs(_)));
            messages.insert(at.expect("messages"), Message::Blobs(frame));
        };
        let (client, error) = clone_from_liar(smuggle);
        let refused = matches!(error, SessionError::Odb(OdbError::Refused(_)));
        assert!(refused, "{kind:?}: {error:?}");
        let stored = client.odb().ids(kind).expect("ids");
        assert!(stored.is_empty(), "{kind:?}");
    }
}

fn held(number: u8) -> HeldPart {
    HeldPart {
        occasion: Occasion::Missing(SnapshotId::new([number; 32])),
        messages: vec![BlobId::new([number; 32])],
    }
}

#[test]
fn yeses_go_both_ways_where_they_may() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    server.deliver("", &messages(0..3, 100));
    (client.yeses, server.yeses) = (vec![vec![1; 99]], vec![vec![2; 98], vec![3; 97]]);
    sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(client.given, server.yeses);
    assert!(
        server.given.is_empty(),
        "nothing else came from a client without a tip"
    );
    client.deliver("", &messages(3..4, 100));
    sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(server.given, client.yeses);
    // One that may only read gives none.
    server.given.clear();
    client.deliver("", &messages(4..5, 100));
    let (asked, replied) = session(&mut client, &mut server, (Verb::Sync, Role::Fetch), SOUND);
    asked.expect("client");
    replied.expect("server");
    assert!(server.given.is_empty());
}

#[test]
fn what_is_held_is_told_even_if_both_have_the_same_tip() {
    let (mut client, mut server) = (TestDevice::new("client"), TestDevice::new("server"));
    server.deliver("", &messages(0..3, 100));
    sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(client.tip, server.tip);
    server.holds = vec![held(1), held(2)];
    client.yeses = vec![vec![9; 50]];
    let (report, _) = sync(&mut client, &mut server, Verb::Sync);
    assert_eq!(report.held, server.holds);
    assert_eq!(server.given, client.yeses);
    let done = report.done.expect("there was something to do");
    assert_eq!((done.held, done.may_answer), (2, true));
    // Who does not ask the other end to merge is told nothing of it, and it takes one round trip.
    let (report, _) = sync(&mut client, &mut server, Verb::Fetch);
    assert!(report.done.is_none() && report.held.is_empty());
}

#[test]
fn too_many_yeses_or_one_too_long_end_the_session() {
    for yeses in [vec![vec![0; 9]; MAX_YESES + 1], vec![vec![0; MAX_YES + 1]]] {
        let (client, error) = clone_from_liar(|messages| {
            for bytes in &yeses {
                messages.insert(1, Message::Yes(bytes.clone()));
            }
        });
        assert!(matches!(error, SessionError::Limit("yeses")), "{error}");
        assert!(client.given.is_empty());
    }
}

#[test]
fn a_yes_out_of_turn_ends_the_session() {
    let (client, error) = clone_from_liar(|messages| {
        let end = messages.iter().position(|it| *it == Message::GraphEnd);
        messages.insert(end.expect("an end"), Message::Yes(vec![0; 9]));
    });
    assert!(matches!(error, SessionError::OutOfTurn { .. }), "{error}");
    assert!(client.given.is_empty());
}

#[test]
fn held_parts_without_end_end_the_session() {
    let (_, error) = clone_from_liar(|messages| {
        let done = messages.pop().expect("done");
        messages.extend((0..=MAX_HELD).map(|n| Message::Held(held(n as u8))));
        messages.push(done);
    });
    assert!(
        matches!(error, SessionError::Limit("held messages")),
        "{error}"
    );
}
