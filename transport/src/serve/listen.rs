//! The built-in server: its own host key and authorized_keys, one session a connection.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mailvc_store::fs::{OsFs, SharedFs};
use mailvc_store::progress::NoProgress;
use mailvc_store::repo::{LockRequest, Repository};

use super::{Admission, serve};
use crate::line::{self, Patience};
use crate::ssh::server::{
    self, Event, KeyOption, Limits, Server, ServerError, ServerFiles, Service, Session,
};
use crate::wire::Role;

/// What to serve, and to whom.
pub struct ListenRequest {
    /// The store.
    pub store: PathBuf,
    /// Where to listen.
    pub address: SocketAddr,
    /// Host key and authorized keys.
    pub files: ServerFiles,
    /// What a key without a role of its own may do.
    pub role: Role,
    /// Told of what happens, in a line each; called on the server's own threads.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Listens until the server is stopped or dropped.
pub fn listen(request: ListenRequest) -> Result<Server, ServerError> {
    let ListenRequest {
        store,
        address,
        files,
        role,
        log,
    } = request;
    let tell = log.clone();
    let handler =
        move |session: Session, input: Box<dyn Read + Send>, output: Box<dyn Write + Send>| {
            let who = format!("{} from {}", session.fingerprint, session.peer);
            match answer(&store, &session, (input, output), role) {
                Ok(text) => {
                    tell(&format!("{who}: {text}"));
                    0
                }
                Err(text) => {
                    tell(&format!("{who}: {text}"));
                    1
                }
            }
        };
    let told = move |event: &Event| log(&describe(event));
    let service = Service {
        handler: Arc::new(handler),
        log: Arc::new(told),
    };
    server::listen(address, &files, Limits::default(), service)
}

fn answer(
    store: &std::path::Path,
    session: &Session,
    stream: (Box<dyn Read + Send>, Box<dyn Write + Send>),
    role: Role,
) -> Result<String, String> {
    let admission = admission(&session.options, role)?;
    let fs: SharedFs = Arc::new(OsFs);
    let repo = Repository::open(fs, store).map_err(|error| error.to_string())?;
    let lock = LockRequest {
        command: "mailvc serve",
        patience: repo.patience().min(Duration::from_mins(1)),
        waiting: &|_| {},
        progress: &NoProgress,
    };
    let patience = Patience {
        silence: repo.peer_patience(),
        at_once: true,
    };
    let stream = line::keep(stream, patience).map_err(|error| error.to_string())?;
    let (report, _) = serve(&repo, stream, &admission, &lock).map_err(|error| full_text(&error))?;
    let settled = report
        .settled
        .map_or_else(String::new, |settled| format!(", {}", settled.text));
    Ok(format!("{} {:?}{settled}", report.peer.name, report.verb).to_lowercase())
}

/// The reasons of an error, outermost first.
fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// What the options before a key in authorized_keys allow: `role="fetch"`, `device="laptop"`.
fn admission(options: &[KeyOption], role: Role) -> Result<Admission, String> {
    let mut admission = Admission { role, only: None };
    for option in options {
        match (option.name.as_str(), option.value.as_deref()) {
            ("role", Some("fetch")) => admission.role = Role::Fetch,
            ("role", Some("push")) => admission.role = Role::Push,
            ("role", Some("sync")) => admission.role = Role::Sync,
            ("device", Some(device)) => admission.only = Some(device.to_owned()),
            // What narrows a login in ways that do not concern a session.
            (
                "restrict"
                | "no-pty"
                | "no-port-forwarding"
                | "no-agent-forwarding"
                | "no-x11-forwarding"
                | "no-user-rc",
                None,
            ) => {}
            (name, _) => return Err(format!("authorized_keys: option {name} is not known")),
        }
    }
    Ok(admission)
}

fn describe(event: &Event) -> String {
    match event {
        Event::TooMany(peer) => format!("closed connection from {peer}: too many"),
        Event::Refused {
            peer,
            user,
            fingerprint,
            why,
        } => {
            format!(
                "refused {fingerprint} of {} from {peer}: {why}",
                user.escape_debug()
            )
        }
        Event::Admitted { peer, fingerprint } => format!("admitted {fingerprint} from {peer}"),
        Event::TooSlow(peer) => format!("closed connection from {peer}: too slow"),
    }
}
