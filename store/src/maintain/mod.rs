//! Checking, mending and repacking what is stored. Nothing here gives up an object.

mod finding;
mod gc;
mod history;
mod trees;
mod verify;

pub use finding::{Finding, Place};
pub use gc::{Collector, GRACE, GcPlan, Repacked, Superseded};
pub use verify::{Verifier, VerifyReport};
