use super::*;
use crate::protocol::rounds::MAX_ROUNDS;

/// A round that holds so many snapshots.
fn rounds_of(most: u64) -> Line {
    Line { most, ..SOUND }
}

/// A device with so many deliveries, of one message each.
fn with_history(name: &str, deliveries: std::ops::Range<usize>) -> TestDevice {
    let mut device = TestDevice::new(name);
    for n in deliveries {
        device.deliver("", &messages(n..n + 1, 100));
    }
    device
}

#[test]
fn a_history_that_is_too_long_for_one_round_goes_in_several() {
    let (mut client, mut server) = (TestDevice::new("client"), with_history("server", 0..23));
    let verb = (Verb::Sync, Role::Sync);
    let (asked, replied) = session(&mut client, &mut server, verb, rounds_of(5));
    let (asked, replied) = (asked.expect("client"), replied.expect("server"));
    assert!(asked.in_step && asked.peer.enrolled && replied.peer.enrolled);
    assert_eq!(client.tip, server.tip);
    assert_eq!(client.check_whole(), 23);
    assert_eq!(client.accepts, [false, false, false, false, true]);
    assert_eq!(
        (asked.received.snapshots, asked.received.messages),
        (23, 23)
    );
    assert_eq!((replied.sent.snapshots, replied.sent.messages), (23, 23));
    assert_eq!(asked.received.bytes, replied.sent.bytes);
}

#[test]
fn both_ends_may_have_more_to_tell_than_a_round_holds() {
    for (ours, theirs) in [(12, 31), (31, 12)] {
        let mut client = with_history("client", 100..100 + ours);
        let mut server = with_history("server", 0..theirs);
        let verb = (Verb::Sync, Role::Sync);
        let (asked, replied) = session(&mut client, &mut server, verb, rounds_of(5));
        assert!(asked.expect("client").in_step);
        replied.expect("server");
        assert_eq!(client.tip, server.tip);
        assert_eq!((client.check_whole(), server.check_whole()), (43, 43));
    }
}

#[test]
fn only_the_last_round_moves_a_ref_or_merges() {
    for verb in [Verb::Fetch, Verb::Push] {
        let (mut client, mut server) = (
            with_history("client", 100..108),
            with_history("server", 0..8),
        );
        let before = (client.tip, server.tip);
        let (asked, replied) = session(&mut client, &mut server, (verb, Role::Sync), rounds_of(3));
        asked.expect("client");
        let from_client = replied.expect("server").peer.device;
        assert_eq!((client.tip, server.tip), before);
        if verb == Verb::Push {
            assert_eq!(server.inbox.get(&from_client), client.tip.as_ref());
            assert_eq!(server.accepts, [false, false, true]);
        } else {
            assert_eq!(
                client.inbox.values().copied().collect::<Vec<_>>(),
                Vec::from_iter(server.tip)
            );
            assert_eq!(client.accepts, [false, false, true]);
        }
    }
}

#[test]
fn lines_that_ran_side_by_side_go_in_rounds_as_well() {
    let mut devices = [
        with_history("one", 0..9),
        with_history("two", 20..29),
        with_history("three", 40..49),
    ];
    for _ in 0..2 {
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let [one, two] = devices.get_disjoint_mut([a, b]).expect("two of them");
            sync(one, two, Verb::Sync);
        }
    }
    let mut client = TestDevice::new("client");
    let verb = (Verb::Sync, Role::Sync);
    let (asked, _) = session(&mut client, &mut devices[0], verb, rounds_of(2));
    assert!(asked.expect("client").in_step);
    assert_eq!(client.tip, devices[0].tip);
    assert_eq!(client.check_whole(), 27);
}

#[test]
fn a_line_that_breaks_between_rounds_leaves_both_ends_whole() {
    for down in (0..12_000).step_by(997) {
        let (mut client, mut server) = (TestDevice::new("client"), with_history("server", 0..12));
        let line = Line {
            down,
            ..rounds_of(3)
        };
        let verb = (Verb::Sync, Role::Sync);
        let (asked, _) = session(&mut client, &mut server, verb, line);
        if asked.is_err() {
            assert_eq!((client.tip, client.inbox.len()), (None, 0));
        }
        client.reopen();
        client.check_whole();
        let (asked, _) = session(&mut client, &mut server, verb, rounds_of(3));
        assert!(asked.expect("client").in_step);
        assert_eq!(client.check_whole(), 12);
    }
}

/// What a server said in a fetch whose only round ends as if there were more.
fn told_in_part(lie: impl Fn(&mut Vec<Message>)) -> (TestDevice, SessionError) {
    clone_from_liar(|messages| {
        lie(messages);
        for message in messages {
            if *message == Message::GraphEnd {
                *message = Message::GraphPart;
            }
        }
    })
}

#[test]
fn a_part_must_be_a_part() {
    let whole = told_in_part(|_| {});
    let nothing = told_in_part(|messages| messages.retain(|it| !matches!(it, Message::Graph(_))));
    for (client, error) in [whole, nothing] {
        assert!(matches!(error, SessionError::OutOfTurn { .. }), "{error}");
        assert_eq!((client.tip, client.inbox.len()), (None, 0));
    }
}

#[test]
fn a_server_that_goes_on_for_ever_is_left() {
    let first_only = lie_in_items(|items| {
        let end = items.iter().position(|item| *item == Item::End);
        items.truncate(end.expect("end") + 1);
    });
    let (client, error) = clone_from_liar(|messages| {
        first_only(messages);
        for message in &mut *messages {
            if *message == Message::GraphEnd {
                *message = Message::GraphPart;
            }
        }
        let round = messages.clone();
        messages.clear();
        for _ in 0..MAX_ROUNDS {
            messages.extend(round.iter().cloned());
        }
    });
    assert!(matches!(error, SessionError::Limit("rounds")), "{error}");
    assert_eq!((client.tip, client.inbox.len()), (None, 0));
}
