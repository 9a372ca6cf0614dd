//! Immutable files of frames, and the sorted index beside each.
