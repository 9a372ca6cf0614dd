//! Properties: laws that hold whatever happens, over random histories. A failure prints its seed,
//! and `MAILVC_SEED=N` tries that one alone.

#![allow(missing_docs)]

mod convergence;
