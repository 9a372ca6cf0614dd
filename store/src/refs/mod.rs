//! Names for snapshots, moved by compare-and-set, with a log.
