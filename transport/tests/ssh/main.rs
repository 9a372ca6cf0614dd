//! The SSH client against a real OpenSSH server, and our server against both clients.

#![allow(clippy::disallowed_methods)] // fixtures are plain files

mod client;
mod hosts;
mod keys;
mod server;
mod sshd;
