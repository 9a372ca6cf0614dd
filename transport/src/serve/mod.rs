//! The serving end: answers one caller that something else has admitted.

mod listen;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use mailvc_store::repo::{LockRequest, RepoError, Repository, SnapshotRequest};

use crate::protocol::{Caller, Limits, Policy, ProtocolError, ServerReport, SessionError};
use crate::session::{Consent, DeviceError, Outcome, RepoDevice, Stance};
use crate::wire::Role;

pub use listen::{ListenRequest, listen};

/// How old a look at the Maildir may be when a caller says what it wants. It may have connected
/// before it was ready.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

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

/// Serves one session: records the Maildir as it is, then answers.
pub fn serve<R: Read, W: Write>(
    repo: &Repository,
    stream: (R, W),
    admission: &Admission,
    lock: &LockRequest<'_>,
) -> Result<(ServerReport, Outcome), ServeError> {
    // While the caller gets ready, too.
    let recorded = record(repo, lock);
    let since = Instant::now();
    let caller = Caller::greet(stream)?;
    let recorded = if since.elapsed() < FRESH {
        recorded
    } else {
        record(repo, lock)
    };
    let holds = match recorded {
        Ok(holds) => holds,
        Err(error) => {
            let error = DeviceError::from(error);
            caller.refuse(error.code(), error.to_string());
            return Err(ProtocolError::Device(error));
        }
    };
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
    device.holds = holds;
    let policy = Policy {
        role: admission.role,
        limits: Limits::default(),
        progress: lock.progress,
    };
    let report = caller.serve(&mut device, &policy)?;
    Ok((report, device.outcome))
}

/// Records the Maildir, so that the caller gets the mail as it is now. Says whether the guard
/// holds something that is missing in it.
fn record(repo: &Repository, lock: &LockRequest<'_>) -> Result<bool, RepoError> {
    if repo.config().maildir.is_none() {
        return Ok(false);
    }
    let recorded = repo.lock(lock)?.snapshot(&SnapshotRequest::default())?;
    repo.call_for_somebody(&recorded, None);
    Ok(!recorded.held.reasons.is_empty())
}

/// Whether a session failed because the line broke, which nobody here can help.
pub fn is_cut(error: &ServeError) -> bool {
    matches!(error, ProtocolError::Session(SessionError::Wire(_)))
}
