use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use mailvc_store::fs::{OsFs, SharedFs};
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{LockRequest, RemoteConfig, RepoError, Repository};

use super::UrlError;
use super::connection::{Connection, Stream, Way};
use crate::protocol::{ClientReport, Limits, ProtocolError, Request, SessionError, run_client};
use crate::serve::{Admission, ServeError, serve};
use crate::session::{Consent, DeviceError, Outcome, RepoDevice, Stance};
use crate::ssh::{Duplex, SshError};
use crate::wire::{Role, Verb, WireError};

/// One session to be had with a remote.
pub struct Call<'a> {
    /// The store at this end.
    pub repo: &'a Repository,
    /// The remote's name.
    pub name: &'a str,
    /// Where it is.
    pub remote: &'a RemoteConfig,
    /// What for.
    pub verb: Verb,
    /// What is allowed at this end.
    pub consent: Consent,
}

/// How a session went.
#[derive(Debug)]
pub struct Report {
    /// What crossed the line, and what the server said.
    pub session: ClientReport,
    /// What happened at this end.
    pub outcome: Outcome,
    /// What a person should know of the connection.
    pub note: Option<String>,
}

/// Why there was no session, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The remote's address.
    #[error("the address {url} cannot be understood: {source}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong.
        source: UrlError,
    },
    /// The connection.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The session. What the far side's program said before it ended, if anything, is with it.
    #[error("{source}{}", said(.stderr))]
    Session {
        /// What went wrong.
        source: Box<ProtocolError<DeviceError>>,
        /// The end of the far program's standard error, safe to print.
        stderr: String,
        /// Whether this end had merged before.
        merged: bool,
    },
    /// The store on the other path of this machine.
    #[error("the remote's store: {0}")]
    There(#[source] Box<RepoError>),
    /// This end.
    #[error(transparent)]
    Here(#[from] RepoError),
    /// The system refused a pipe or a thread.
    #[error("cannot start the session: {0}")]
    Start(#[source] std::io::Error),
}

fn said(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).collect();
    let text = lines.join("; ");
    if text.is_empty() {
        String::new()
    } else {
        format!(" (there: {text})")
    }
}

/// Has a session with a remote, to which there is a connection.
pub fn call(
    call: &Call<'_>,
    connection: Connection,
    lock: &LockRequest<'_>,
) -> Result<Report, RemoteError> {
    match connection.0 {
        Way::Path(path) => over_path(call, &path, lock),
        Way::Ssh {
            duplex,
            stream,
            account,
        } => over_ssh(call, duplex, (stream, &account), lock),
    }
}

fn over_ssh(
    call: &Call<'_>,
    duplex: Box<dyn Duplex>,
    (stream, account): (Stream, &str),
    lock: &LockRequest<'_>,
) -> Result<Report, RemoteError> {
    let note = duplex.note().map(str::to_owned);
    let result = converse(call, stream, account, lock);
    match result {
        Ok((session, outcome)) => {
            duplex.finish()?;
            Ok(Report {
                session,
                outcome,
                note,
            })
        }
        Err(error @ RemoteError::Session { .. }) => Err(explain(error, duplex)),
        Err(error) => Err(error),
    }
}

/// Why the line broke, if the connection knows better than the session. A host that has stopped
/// answering is not waited for to say so.
fn explain(error: RemoteError, duplex: Box<dyn Duplex>) -> RemoteError {
    let RemoteError::Session { source, merged, .. } = error else {
        return error;
    };
    let broke = match *source {
        ProtocolError::Session(SessionError::Wire(WireError::Silent(_))) => None,
        ProtocolError::Session(SessionError::Wire(_)) => Some(true),
        _ => Some(false),
    };
    let stderr = match broke.map(|broke| (broke, duplex.finish())) {
        Some((true, Err(cause))) if !merged => return cause.into(),
        Some((true, Ok(exit))) => exit.stderr_tail,
        _ => String::new(),
    };
    RemoteError::Session {
        source,
        stderr,
        merged,
    }
}

/// A store on this machine: served by a thread. Who can write to it has the role to.
fn over_path(call: &Call<'_>, path: &Path, lock: &LockRequest<'_>) -> Result<Report, RemoteError> {
    let fs: SharedFs = Arc::new(OsFs);
    let there = Repository::open(fs, path).map_err(|error| RemoteError::There(Box::new(error)))?;
    let (ours, theirs) = UnixStream::pair().map_err(RemoteError::Start)?;
    let server = std::thread::Builder::new()
        .name("serve".to_owned())
        .spawn(move || serve_path(&there, theirs))
        .map_err(RemoteError::Start)?;
    let reader = ours.try_clone().map_err(RemoteError::Start)?;
    let result = converse(call, (Box::new(reader), Box::new(ours)), "", lock);
    let served = server.join();
    match (result, served) {
        (Ok((session, outcome)), _) => Ok(Report {
            session,
            outcome,
            note: None,
        }),
        (Err(_), Ok(Err(ProtocolError::Device(DeviceError::Repo(error))))) => {
            Err(RemoteError::There(Box::new(error)))
        }
        (Err(error), _) => Err(error),
    }
}

fn serve_path(there: &Repository, stream: UnixStream) -> Result<(), ServeError> {
    let lock = LockRequest {
        command: "mailvc serve",
        patience: there.patience(),
        waiting: &|_| {},
        progress: &NoProgress,
    };
    let admission = Admission {
        role: Role::Sync,
        only: None,
    };
    let reader = match stream.try_clone() {
        Ok(reader) => reader,
        Err(source) => return Err(io_error(source)),
    };
    serve(there, (reader, stream), &admission, &lock).map(|_| ())
}

fn io_error(source: std::io::Error) -> ServeError {
    ProtocolError::Session(SessionError::Wire(source.into()))
}

fn converse(
    call: &Call<'_>,
    stream: Stream,
    account: &str,
    lock: &LockRequest<'_>,
) -> Result<(ClientReport, Outcome), RemoteError> {
    let stance = Stance::Caller {
        remote: call.name.to_owned(),
        expected: call.remote.device.as_deref().and_then(|id| id.parse().ok()),
        introduce: call.remote.introduce,
    };
    let mut device = RepoDevice::new(call.repo, stance, call.consent.clone(), lock)?;
    let request = Request {
        verb: call.verb,
        account: account.as_bytes(),
        limits: Limits::default(),
        progress: lock.progress,
    };
    let session = run_client(&mut device, stream, &request);
    let session = session.map_err(|source| RemoteError::Session {
        source: Box::new(source),
        stderr: String::new(),
        merged: device.outcome.merged.is_some(),
    })?;
    if session.in_step {
        device.note_in_step(&session.peer)?;
    }
    Ok((session, device.outcome))
}
