//! What mailvc does between machines: real processes, a real SSH server, real Maildirs. Each file
//! is one thing that a person does with it.
//!
//! Suites that need many rounds to prove anything take their number from a variable:
//! `MAILVC_ROUNDS` for two syncs at a time, `MAILVC_KILLS` for killed commands.

#![allow(clippy::print_stdout)] // a run by hand tells its figures

mod adoption;
mod at_the_same_time;
mod beside;
mod collecting;
mod disasters;
mod guard;
mod guard_answers;
mod killed;
mod large;
mod server_and_laptop;
mod several_devices;
mod waiting;
