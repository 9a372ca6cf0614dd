//! The merge, checked against a model of it: written from the table of rules and sharing no code
//! with it, slow and plain. Devices work, fall behind, meet in any order and merge what others made
//! of several lines at once; the two must agree in every byte of every merge snapshot, conflicts
//! included.
//!
//! `MAILVC_STEPS=N` makes at least N merges, `MAILVC_MINUTES=N` as many as fit; `MAILVC_SEED=N`
//! makes those of one history alone. A failure prints its seed. Long runs are for cargo itself,
//! which stops no test for taking long:
//!
//!     MAILVC_MINUTES=30 cargo test -p mailvc-tests --test properties oracle -- --nocapture

mod change;
mod history;
mod merge;
mod rows;
mod state;
mod storing;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mailvc_store::merge::merge_maps;
use mailvc_store::object::SnapshotId;
use mailvc_store::odb::MemoryOdb;
use mailvc_tests::random::Random;

use change::change;
use state::State;
use world::{Met, World};

/// So many merges are made where nobody asks for more.
const STEPS: u64 = 4_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs histories, each of a seed, until so many merges were made.
fn run(what: &str, history: impl Fn(u64) -> Met) {
    let steps = number("MAILVC_STEPS").unwrap_or(STEPS);
    let minutes = number("MAILVC_MINUTES").unwrap_or(0);
    let start = std::time::Instant::now();
    let mut all = Met::default();
    for seed in number("MAILVC_SEED").unwrap_or(0).. {
        let met = catch_unwind(AssertUnwindSafe(|| history(seed)));
        all.add(met.unwrap_or_else(|panic| {
            println!("the seed is MAILVC_SEED={seed}");
            resume_unwind(panic)
        }));
        let enough = all.merges >= steps && start.elapsed().as_secs() >= 60 * minutes;
        if enough || number("MAILVC_SEED").is_some() {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {all:?} in {seconds:.1} s");
}

#[test]
fn merges_of_any_history_are_those_of_the_model() {
    run("histories", |seed| {
        let mut world = World::new(seed);
        for _ in 0..20 + world.random.below(40) {
            world.step();
        }
        world.met
    });
}

/// Laws that hold for any states, whoever made them of each other.
fn laws(seed: u64) -> Met {
    let odb = MemoryOdb::new();
    let mut random = Random::new(seed);
    let mut base = State::default();
    for _ in 0..random.below(8) {
        let older = base.clone();
        change(&mut random, &mut base, &older);
    }
    let [mut a, mut b] = [base.clone(), base.clone()];
    change(&mut random, &mut a, &base);
    change(&mut random, &mut b, &base);
    let over = (random.below(6) != 0).then_some(&base);
    let ids = [&base, &a, &b].map(|state| storing::id(&storing::store(&odb, state)));
    let merge = |base, a, b| merge_maps(&odb, base, a, b).expect("a merge");

    let base_id = over.map(|_| ids[0]);
    let made = merge(base_id, ids[1], ids[2]);
    assert_eq!(made, merge(base_id, ids[2], ids[1]), "commutative");
    let nothing = State::default();
    let over = over.unwrap_or(&nothing);
    let (expected, decisions) = merge::merge(over, &a, &b);
    let expected_map = storing::store(&odb, &expected);
    assert!(
        made.map == expected_map,
        "over {over:#?}\nof {a:#?}\nand {b:#?}\nthe store makes\n{}\nthe model\n{}",
        storing::describe(&odb, made.folders),
        storing::describe(&odb, storing::id(&expected_map)),
    );
    let mut conflicts: Vec<_> = decisions.iter().map(storing::conflict).collect();
    conflicts.sort();
    assert_eq!(made.conflicts, conflicts);
    assert!(merge::nothing_is_lost([over, &a, &b], &expected));

    let quiet = |base, a, b| {
        let merged = merge(base, a, b);
        assert_eq!(merged.conflicts, [], "nothing to decide");
        merged.folders
    };
    assert_eq!(quiet(base_id, ids[1], ids[1]), ids[1], "idempotent");
    assert_eq!(quiet(None, ids[1], ids[1]), ids[1], "without a base, too");
    let again = [ids[1], ids[2]].map(|side| quiet(Some(side), made.folders, side));
    assert_eq!(again, [made.folders; 2], "a second time changes nothing");
    Met {
        merges: 1,
        conflicts: decisions.len() as u64,
        ..Met::default()
    }
}

#[test]
fn merges_of_any_three_states_are_those_of_the_model_and_obey_the_laws() {
    run("states", laws);
}

#[test]
fn more_than_sixteen_bases_are_no_base() {
    for bases in [15, 16, 17, 19] {
        let mut world = World::new(bases);
        let ids: Vec<SnapshotId> = (0..bases).map(|_| world.apart()).collect();
        let tops = [world.gather(&ids), world.gather(&ids)];
        world.merge(tops[0], tops[1]);
        let lost = u64::from(bases > 16);
        let several = 1 - lost;
        let met = (world.met.over_a_lost_base, world.met.over_several_bases);
        assert_eq!(met, (lost, several), "{bases} bases");
    }
}
