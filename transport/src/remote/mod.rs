//! Where a peer is, and a session with it: the same over SSH and to a store on this machine.

mod call;
mod connection;
#[cfg(test)]
mod tests;
mod url;

pub use call::{Call, RemoteError, Report, call};
pub use connection::{Connection, Means, connect};
pub use url::{Place, RemoteUrl, SshUrl, UrlError};
