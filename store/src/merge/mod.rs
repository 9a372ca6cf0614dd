//! Three-way merge of states, and the guard that judges what would leave.
