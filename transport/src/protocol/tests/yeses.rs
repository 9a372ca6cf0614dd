use super::*;

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
