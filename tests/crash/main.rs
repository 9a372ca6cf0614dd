//! P3: whatever operation is the last before the process or the power goes, running again ends
//! where an undisturbed run would have, and nothing of ours lies about. A file for each command.
//!
//! A run of the suite strikes at some operations of each command, other ones every time;
//! `MAILVC_CRASH=all` strikes at all, and `MAILVC_CRASH_SEED`, as printed, at the same again.

#![allow(clippy::disallowed_methods)] // mail clients write without asking us
#![allow(clippy::print_stdout)] // what was tried, for whoever asks with --nocapture

mod allowing;
mod checkout;
mod collecting;
mod cut;
mod fetching;
mod initialising;
mod mail;
mod merging;
mod powerless;
mod recording;
mod renewing;
mod restoring;
mod serving;
mod stores;
mod undoing;
