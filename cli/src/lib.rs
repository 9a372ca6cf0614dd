//! The command line of mailvc.
//!
//! Modules are layers; each imports lower lines alone (a test reads every `use`):
//!
//! | layer | modules |
//! |---|---|
//! | 5 | `args` |
//! | 4 | `commands` |
//! | 3 | `context` `tour` |
//! | 2 | `output` |
//! | 1 | `config` `signal` |
//! | 0 | `error` |

pub mod tour;
