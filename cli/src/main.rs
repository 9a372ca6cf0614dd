//! git for a Maildir.
fn main() {}
