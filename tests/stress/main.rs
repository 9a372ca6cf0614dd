//! P4 with real processes: two stores that share one Maildir, and a third device with a Maildir of
//! its own. Random pairs of commands start in the same instant, while mail is delivered and mail
//! clients are at work. A model knows what people did; in the end each message that nobody deleted
//! is there once for each copy in the model, unaltered, and every message ever delivered can be
//! had from every store's history.
//!
//! It runs in phases with a quiet time after each. In a *plain* phase nobody goes back to an
//! earlier state, and the model predicts both Maildirs exactly. In a phase of *going back*, with
//! checkout, restore and undo in every pair, it only knows what may be there and what history must
//! have; afterwards the model is read again.
//!
//! `MAILVC_SECONDS` says how long it runs (by hand, 1800), `MAILVC_SEED` repeats its choices.

#![allow(clippy::disallowed_methods)] // mail clients write without asking us
#![allow(clippy::print_stdout)] // it tells its counts

mod commands;
mod model;
mod pairs;
mod people;
mod scene;
mod tally;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailvc_tests::machine::rounds;
use mailvc_tests::random::Random;

use crate::model::Model;
use crate::pairs::{Pairs, Phase};
use crate::scene::Scene;
use crate::tally::Tally;

/// A phase is so long, or a third of the whole run if that is shorter: the quiet times are long.
const PHASE: Duration = Duration::from_secs(20);
/// In so much time every pair comes to pass, on a slow machine as well.
const EVERY_PAIR: Duration = Duration::from_mins(10);

fn seed() -> u64 {
    let given = std::env::var("MAILVC_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    })
}

#[test]
fn any_two_commands_at_once_lose_double_and_alter_nothing() {
    let seconds = rounds("MAILVC_SECONDS", 15) as u64;
    let whole = Duration::from_secs(seconds);
    let seed = seed();
    println!("MAILVC_SECONDS={seconds} MAILVC_SEED={seed}");
    let scene = Scene::new();
    let mut model = Model::new(&scene.settle());
    let mut random = Random::new(seed);
    let mut pairs = Pairs::new();
    let mut tally = Tally::default();
    let start = Instant::now();
    for (number, phase) in [Phase::Plain, Phase::GoingBack]
        .into_iter()
        .cycle()
        .enumerate()
    {
        if start.elapsed() >= whole {
            break;
        }
        scene.mark();
        let end = Instant::now() + PHASE.min(whole / 3);
        let busy = people::at_work(&scene, &model, seed + number as u64);
        while Instant::now() < end {
            let pair = pairs.next(phase, &mut random);
            tally.count(&commands::together(&scene, pair, &mut random));
        }
        let done = busy.stop();
        match phase {
            Phase::Plain => model.check_exactly(&done, &scene.settle()),
            Phase::GoingBack => model.check_bounds(&done, &scene.settle_after_going_back()),
        }
        scene.assert_no_litter();
    }
    scene.assert_sound();
    model.assert_all_in_history(&scene);
    println!("{tally}\n{}", model.summary());
    let missed = pairs.missed();
    assert!(
        whole < EVERY_PAIR || missed.is_empty(),
        "not tried: {missed:?}"
    );
}
