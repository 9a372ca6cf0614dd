use super::*;

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
