//! One file per command: its arguments, and a function that returns what is to be said.
//! Commands never import one another; what several need is in `context` or `output`.

pub(crate) mod clone;
pub(crate) mod fetch;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod push;
pub(crate) mod remote;
pub(crate) mod serve;
pub(crate) mod snapshot;
pub(crate) mod sync;
pub(crate) mod tour;
