//! The command line of mailvc.
