//! Where a store was made. A store that is copied, by `cp` or from a backup, would be two devices
//! with one identity: it is not written to until `key renew` gives it its own.

use std::io::ErrorKind;
use std::path::Path;

use crate::fs::{Fs, write_durable};

use super::{RepoError, StoreLayout};

/// Where Linux says which machine it is.
const MACHINE: &str = "/etc/machine-id";

/// How a machine says that it does not say which it is.
const NO_MACHINE: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::PermissionDenied];

/// Writes down that the store is here.
pub(super) fn record(fs: &dyn Fs, layout: &StoreLayout) -> Result<(), RepoError> {
    let path = layout.instance();
    write_durable(fs, &path, here(fs, layout)?.as_bytes()).map_err(RepoError::at(path))
}

/// Checks that the store is where it was made.
pub(super) fn check(fs: &dyn Fs, layout: &StoreLayout) -> Result<(), RepoError> {
    if super::read_text_or_empty(fs, &layout.instance())? == here(fs, layout)? {
        Ok(())
    } else {
        Err(RepoError::Copied(layout.root().to_owned()))
    }
}

/// The machine's id, hashed, because it is confidential (`machine-id(5)`), and the inode of the
/// directory of keys.
fn here(fs: &dyn Fs, layout: &StoreLayout) -> Result<String, RepoError> {
    let path = Path::new(MACHINE);
    let machine = match super::read_bytes(fs, path) {
        Ok(machine) => machine,
        Err(error) if NO_MACHINE.contains(&error.kind()) => Vec::new(),
        // Not to be known now is not to be another: a store is no copy because files ran out.
        Err(error) => return Err(RepoError::at(path)(error)),
    };
    let machine = blake3::derive_key("mailvc 2026 machine", &machine);
    let machine = super::init::hex(&machine[..8]);
    let keys = layout.keys();
    let inode = fs.lstat(&keys).map_err(RepoError::at(keys))?.inode;
    Ok(format!("{machine} {inode}\n"))
}
