//! What the test suites share: a disk with faults, made-up mail, a Maildir as seen from outside,
//! the program as its users run it, an SSH server to reach it by, and every decoder
//! as a function of any bytes.

pub mod cli;
pub mod decoders;
pub mod fault_fs;
pub mod machine;
pub mod mail_client;
pub mod maildir;
pub mod random;
pub mod sshd;

pub use mailvc::tour::mailbox;
