//! Properties: laws that hold whatever happens, over random histories. A failure prints its seed,
//! and `MAILVC_SEED=N` tries that one alone.

#![allow(missing_docs)]
#![allow(clippy::print_stdout)] // what was tried, and how much of it

mod convergence;
mod oracle;
