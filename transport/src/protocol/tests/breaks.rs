use super::*;

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
fn what_a_login_script_prints_is_not_taken_for_the_protocol() {
    let mut client = TestDevice::new("client");
    let stream = (&b"Last login: Sun Jun 28 16:30\n"[..], io::sink());
    match run_client(&mut client, stream, &request(Verb::Sync)) {
        Err(ProtocolError::Session(SessionError::Wire(WireError::Length(_)))) => {}
        other => panic!("{other:?}"),
    }
}
