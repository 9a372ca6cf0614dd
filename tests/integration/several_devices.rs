//! More than two devices, in any arrangement: when changes stop, all reach one snapshot.

use mailvc_tests::machine::{Machine, assert_in_step, assert_is, settle};
use mailvc_tests::mail_client::EVERYTHING;
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::random::Random;

fn mailbox() -> Mailbox {
    Mailbox {
        messages: 200,
        ..Mailbox::default()
    }
}

/// People work everywhere, and machines sync in an order that a seed decides.
fn work_and_sync_at_random(machines: &[&Machine], seed: u64) {
    let mut random = Random::new(seed);
    let shares = machines.len() as u8;
    let mut model = machines[0].messages();
    let mut clients: Vec<_> = (0u8..)
        .zip(machines)
        .map(|(share, machine)| machine.client((share, shares), seed * 10 + u64::from(share)))
        .collect();
    for _ in 0..24 {
        let at = random.below(shares.into()) as usize;
        if random.below(2) == 0 {
            machines[at].sync();
        } else {
            let steps = 1 + random.below(8) as usize;
            model.apply(&clients[at].work(steps, &EVERYTHING).expect("worked"));
        }
    }
    settle(machines);
    for machine in machines {
        assert_is(machine, &model);
    }
    assert_in_step(machines);
    let histories: Vec<_> = machines.iter().map(|machine| machine.history()).collect();
    settle(machines);
    let later: Vec<_> = machines.iter().map(|machine| machine.history()).collect();
    assert_eq!(histories, later, "syncs without changes made snapshots");
    for machine in machines {
        machine.assert_clean();
    }
}

#[test]
fn two_laptops_and_their_server_reach_one_state_by_paths() {
    for seed in 0..3 {
        let server = Machine::initialised("server", &mailbox());
        let one = Machine::cloned_by_path("one", &server);
        let two = Machine::cloned_by_path("two", &server);
        work_and_sync_at_random(&[&server_of(&[&one, &two], server), &one, &two], seed);
    }
}

/// The server has no remotes in most people's lives; here it may begin a sync as well.
fn server_of(laptops: &[&Machine], server: Machine) -> Machine {
    for laptop in laptops {
        server.add_path_of(laptop);
    }
    server
}

#[test]
fn two_laptops_and_their_server_reach_one_state_by_ssh() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let mut one = Machine::cloned("one", &server);
    let two = Machine::cloned("two", &server);
    one.listen();
    server.add(&one);
    work_and_sync_at_random(&[&server, &one, &two], 7);
}

#[test]
fn a_ring_of_three_reaches_one_state_by_paths() {
    for seed in 20..23 {
        let one = Machine::initialised("one", &mailbox());
        let two = Machine::cloned_by_path("two", &one);
        let three = Machine::cloned_by_path("three", &two);
        one.add_path_of(&three);
        work_and_sync_at_random(&[&one, &two, &three], seed);
    }
}

#[test]
fn a_ring_of_three_reaches_one_state_by_ssh() {
    let mut one = Machine::initialised("one", &mailbox());
    one.listen();
    let mut two = Machine::cloned("two", &one);
    two.listen();
    let mut three = Machine::cloned("three", &two);
    three.listen();
    one.add(&three);
    work_and_sync_at_random(&[&one, &two, &three], 30);
}
