//! What no compiler checks: which way dependencies run, under which licences they come, and that
//! every test is run.

mod dependencies;
mod layers;
mod licences;
mod no_forgotten_files;
mod sabotage;
mod sources;
