//! What is read from a message's own bytes.
