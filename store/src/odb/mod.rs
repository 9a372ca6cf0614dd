//! The object database: objects by id, whatever holds them.
