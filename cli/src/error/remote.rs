use mailvc_transport::protocol::{ProtocolError, SessionError};
use mailvc_transport::remote::RemoteError;
use mailvc_transport::session::DeviceError;
use mailvc_transport::ssh::SshError;
use mailvc_transport::wire::{ErrorCode, WireError};

use super::{Failure, Problem, chain};

const SAFE: &str = "what had arrived and was checked is kept; your mail is as it was";

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let what = chain(&error);
        match error {
            RemoteError::Url { .. } => Self::new(Problem::Error, what)
                .meaning("nobody was called")
                .next("an address is a path, ssh://HOST/PATH or HOST:ACCOUNT"),
            RemoteError::Ssh(error) => error.into(),
            RemoteError::There(error) => {
                let there: Self = (*error).into();
                Self { what, ..there }
            }
            RemoteError::Here(error) => error.into(),
            RemoteError::Session {
                source,
                merged: true,
                ..
            } if source.is_retryable() => Self::new(Problem::Network, what)
                .meaning("this device has merged; whether the other one has is not known")
                .next("run it again"),
            RemoteError::Session { source, stderr, .. } if failed_there(&source, &stderr) => {
                Self::new(Problem::Error, what)
                    .meaning("nothing was exchanged; your mail is as it was")
                    .next("mend it on the other device, where the same command says more")
            }
            RemoteError::Session { source, .. } => session(*source, what),
            RemoteError::Start(_) => Self::new(Problem::Error, what).meaning("nobody was called"),
        }
    }
}

/// Whether mailvc on the other device ended by itself, and said why: to try again is no use then.
fn failed_there(error: &ProtocolError<DeviceError>, stderr: &str) -> bool {
    let cut =
        matches!(error, ProtocolError::Session(SessionError::Wire(cause)) if cause.is_retryable());
    cut && stderr.lines().any(|line| line.starts_with("mailvc: "))
}

fn session(error: ProtocolError<DeviceError>, what: String) -> Failure {
    match error {
        ProtocolError::Device(DeviceError::Repo(error)) => error.into(),
        ProtocolError::Device(DeviceError::Revoked(_)) => Failure::new(Problem::Error, what)
            .meaning("nothing was exchanged")
            .next("only `mailvc trust add` makes a revoked device count again"),
        ProtocolError::Device(_) => {
            Failure::new(Problem::Error, what).meaning("nothing was exchanged")
        }
        ProtocolError::Session(error) => match &error {
            SessionError::Wire(WireError::Silent(_)) => Failure::new(Problem::Network, what)
                .meaning(SAFE)
                .next("is the other device awake, and are you online? Run it again then"),
            SessionError::Wire(cause) if cause.is_retryable() => {
                Failure::new(Problem::Network, what)
                    .meaning(SAFE)
                    .next("run it again")
            }
            SessionError::Told {
                code: ErrorCode::Busy,
                ..
            } => Failure::new(Problem::Network, what)
                .meaning(SAFE)
                .next("run it again when the other command there is done"),
            SessionError::Told {
                code: ErrorCode::Cancelled | ErrorCode::Silent,
                ..
            } => Failure::new(Problem::Network, what)
                .meaning(SAFE)
                .next("run it again"),
            SessionError::Told {
                code: ErrorCode::Forbidden,
                ..
            }
            | SessionError::Forbidden => Failure::new(Problem::Error, what)
                .meaning("nothing was changed there")
                .next("who runs the other device decides what this key may do"),
            SessionError::Told { .. } => Failure::new(Problem::Error, what)
                .meaning(SAFE)
                .next("the same command run on the other device says more"),
            SessionError::Wire(_) => Failure::new(Problem::Error, what).meaning(SAFE).next(
                "does a login script there print something? Is mailvc there the right program?",
            ),
            SessionError::Version { .. } => Failure::new(Problem::Error, what)
                .meaning("nothing was exchanged")
                .next("bring both ends to the same release"),
            SessionError::Odb(_) | SessionError::Tree(_) | SessionError::Graph(_)
                if !error.is_refusal() =>
            {
                Failure::new(Problem::Error, what)
                    .meaning(SAFE)
                    .next("`mailvc verify --full` tells whether this store is whole")
            }
            SessionError::Cancelled => Failure::new(Problem::Error, "stopped")
                .meaning(SAFE)
                .next("run it again"),
            _ => Failure::new(Problem::Error, what)
                .meaning("what was received is not used; your mail is as it was")
                .next("`mailvc verify --full` on the other device tells whether it is whole"),
        },
    }
}

impl From<SshError> for Failure {
    fn from(error: SshError) -> Self {
        let retryable = error.is_retryable();
        let what = chain(&error);
        let next = match &error {
            SshError::Unreachable { .. } | SshError::TimedOut { .. } => {
                "is it on, and are you online? Run it again then"
            }
            SshError::ClosedEarly { .. } => "run it again",
            SshError::UnknownHost { .. } => {
                "compare the fingerprint with what the one who runs the host tells you"
            }
            SshError::HostKeyChanged { .. } => {
                "ask the one who runs the host whether its key is new; only then remove the old one"
            }
            SshError::AuthRefused { .. } => {
                "put this device's SSH key into the far side's authorized_keys"
            }
            SshError::CommandNotFound { .. } => {
                "install mailvc there, or name it: `mailvc remote add NAME URL --command PATH`"
            }
            SshError::NeedsSystemSsh { .. } => "install OpenSSH's client",
            _ => "",
        };
        let problem = if retryable {
            Problem::Network
        } else {
            Problem::Error
        };
        Self::new(problem, what)
            .meaning("nothing was exchanged; your mail is as it was")
            .next(next)
    }
}
