//! The command line of mailvc.
//!
//! A command is a file in `commands`: its arguments, whose documentation is the help, and a
//! function that returns what is to be said. Only `output` says it, for people or as JSON.
//!
//! Modules are layers; each imports lower lines alone (a test reads every `use`):
//!
//! | layer | modules |
//! |---|---|
//! | 5 | `args` |
//! | 4 | `commands` |
//! | 3 | `context` `tour` |
//! | 2 | `output` |
//! | 1 | `config` `prompt` `signal` |
//! | 0 | `error` |

mod args;
mod commands;
mod config;
mod context;
mod error;
mod output;
mod prompt;
mod signal;
pub mod tour;

pub use args::main;
