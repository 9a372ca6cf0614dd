//! The graph of snapshots: ancestors, merge bases, what is reachable.
