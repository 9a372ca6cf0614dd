//! Checking and mending what is stored. Nothing here deletes.

mod finding;
mod history;
mod trees;
mod verify;

pub use finding::{Finding, Place};
pub use verify::{Verifier, VerifyReport};
