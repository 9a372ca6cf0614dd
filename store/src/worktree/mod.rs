//! Between a Maildir and a tree: scan, plan, apply.
