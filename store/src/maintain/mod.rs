//! Checking and mending what is stored. Nothing here deletes.
