//! The Merkle map of a folder: look up, edit, compare, walk.
