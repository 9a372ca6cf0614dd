//! One file per command: its arguments, and a function that returns what is to be said.
//! Commands never import one another; what several need is in `context` or `output`.

pub(crate) mod cat;
pub(crate) mod checkout;
pub(crate) mod clone;
pub(crate) mod diff;
pub(crate) mod fetch;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod merge;
pub(crate) mod push;
pub(crate) mod remote;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod tag;
pub(crate) mod tour;
pub(crate) mod trust;
pub(crate) mod undo;
pub(crate) mod verify;
