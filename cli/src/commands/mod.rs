//! One file per command: its arguments, and a function that returns what is to be said.
//! Commands never import one another; what several need is in `context` or `output`.

pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod snapshot;
