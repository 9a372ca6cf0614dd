use super::*;

pub(super) fn items_of(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    while reader.remaining() > 0 {
        items.push(Item::decode(&mut reader).expect("item"));
    }
    items
}

/// Has a fresh client clone from a server that says what an honest one would, but for one change.
pub(super) fn clone_from_liar(lie: impl Fn(&mut Vec<Message>)) -> (TestDevice, SessionError) {
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
pub(super) fn lie_in_items(change: impl Fn(&mut Vec<Item>)) -> impl Fn(&mut Vec<Message>) {
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
