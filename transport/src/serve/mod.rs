//! The serving end: answers one caller that something else has admitted.

mod listen;

use std::io::{Read, Write};

use mailvc_store::repo::{LockRequest, RepoError, Repository, SnapshotRequest};

use crate::protocol::{Caller, Limits, Policy, ProtocolError, ServerReport, SessionError};
use crate::session::{Consent, DeviceError, Outcome, RepoDevice, Stance};
use crate::wire::Role;

pub use listen::{ListenRequest, listen};

/// What a caller may do.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Its role.
    pub role: Role,
    /// The one device that may call, by name or the start of its id.
    pub only: Option<String>,
}

/// Why a caller was not served.
pub type ServeError = ProtocolError<DeviceError>;

/// Serves one session: records the Maildir as it is, then answers. `find` gives the store for the
/// account that the caller names, empty for the only one.
pub fn serve<R: Read, W: Write>(
    repo: &Repository,
    stream: (R, W),
    admission: &Admission,
    lock: &LockRequest<'_>,
) -> Result<(ServerReport, Outcome), ServeError> {
    let caller = Caller::greet(stream)?;
    if let Err(error) = record(repo, lock) {
        let error = DeviceError::from(error);
        caller.refuse(error.code(), error.to_string());
        return Err(ProtocolError::Device(error));
    }
    let stance = Stance::Called {
        only: admission.only.clone(),
    };
    let device = RepoDevice::new(repo, stance, Consent::default(), lock);
    let mut device = match device {
        Ok(device) => device,
        Err(error) => {
            let error = DeviceError::from(error);
            caller.refuse(error.code(), error.to_string());
            return Err(ProtocolError::Device(error));
        }
    };
    let policy = Policy {
        role: admission.role,
        limits: Limits::default(),
        progress: lock.progress,
    };
    let report = caller.serve(&mut device, &policy)?;
    Ok((report, device.outcome))
}

/// Records the Maildir, so that the caller gets the mail as it is now.
fn record(repo: &Repository, lock: &LockRequest<'_>) -> Result<(), RepoError> {
    if repo.config().maildir.is_none() {
        return Ok(());
    }
    repo.lock(lock)?.snapshot(&SnapshotRequest::default())?;
    Ok(())
}

/// Whether a session failed because the line broke, which nobody here can help.
pub fn is_cut(error: &ServeError) -> bool {
    matches!(error, ProtocolError::Session(SessionError::Wire(_)))
}
