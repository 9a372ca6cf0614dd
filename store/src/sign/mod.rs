//! Signatures in OpenSSH's format, and whom to trust.
