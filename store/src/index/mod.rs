//! What can be rebuilt at any time, shared by processes at once: redb.
