//! The façade: one store and its Maildir, and the order in which things are written.
