//! Where a peer is, and how to reach it.

mod url;

pub use url::{Place, RemoteUrl, SshUrl, UrlError};
