//! The sync protocol as state machines over any byte stream.
