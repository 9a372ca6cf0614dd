//! `mailvc tour`: mailvc shown on made-up mail, so that nobody has to try it on his own first.

pub mod mailbox;
