use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use mailvc_transport::line::{self, Patience};
use mailvc_transport::protocol::ProtocolError;
use mailvc_transport::serve::{Admission, ListenRequest, ServeError, is_cut, listen, serve};
use mailvc_transport::session::DeviceError;
use mailvc_transport::ssh::server::ServerFiles;
use mailvc_transport::wire::Role;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Failure, Problem, chain};
use crate::output::{Page, Report};

/// How long a caller waits for another command here: less than its own patience.
const PATIENCE: Duration = Duration::from_mins(1);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Answer one caller on standard input and output, as sshd starts it
    #[arg(long, required_unless_present = "listen", conflicts_with = "listen")]
    stdio: bool,
    /// Listen for SSH connections, with a host key and authorized_keys of its own in the store
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// What callers may do
    #[arg(long, value_enum, default_value_t = RoleArg::Sync)]
    role: RoleArg,
    /// The one device that may call, by name or the start of its id
    #[arg(long, value_name = "NAME", conflicts_with = "listen")]
    device: Option<String>,
}

/// What callers may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Read
    Fetch,
    /// Also leave what they have recorded
    Push,
    /// Also have this Maildir merge it, under its own guard
    Sync,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Fetch => Self::Fetch,
            RoleArg::Push => Self::Push,
            RoleArg::Sync => Self::Sync,
        }
    }
}

/// Says nothing: the output was the caller's.
struct Silent;

/// Answers other devices.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc serve")?;
    match args.listen {
        Some(address) => serve_listen(address, args.role.into(), context)?,
        None => serve_stdio(args, context)?,
    }
    Ok(Box::new(Silent))
}

fn serve_stdio(args: &Args, context: &Context) -> Result<(), Failure> {
    let repo = context.repo()?;
    let failed = |error: std::io::Error| Failure::new(Problem::Error, error.to_string());
    // Unbuffered: the protocol collects what belongs together.
    let input = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(failed)?;
    let output = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(failed)?;
    let admission = Admission {
        role: args.role.into(),
        only: args.device.clone(),
    };
    let mut lock = context.request(&repo, "mailvc serve");
    lock.patience = lock.patience.min(PATIENCE);
    let patience = Patience {
        silence: repo.peer_patience(),
        at_once: true,
    };
    let stream = (File::from(input), File::from(output));
    let stream = line::keep(stream, patience).map_err(failed)?;
    match serve(&repo, stream, &admission, &lock) {
        Ok(_) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}

/// What standard error gets, which the caller may be shown.
fn failure(error: ServeError) -> Failure {
    if is_cut(&error) {
        return Failure::new(Problem::Network, chain(&error));
    }
    match error {
        ProtocolError::Device(DeviceError::Repo(error)) => error.into(),
        other => Failure::new(Problem::Error, other.to_string()),
    }
}

fn serve_listen(address: SocketAddr, role: Role, context: &Context) -> Result<(), Failure> {
    let repo = context.repo()?;
    let store = repo.layout().root().to_owned();
    let output = context.output();
    let files = ServerFiles {
        host_key: repo.layout().keys().join("host"),
        authorized_keys: store.join("authorized_keys"),
    };
    let log: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |text: &str| output.aside(text));
    let keys = files.authorized_keys.display().to_string();
    let request = ListenRequest {
        store,
        address,
        files,
        role,
        log,
    };
    let server =
        listen(request).map_err(|error| Failure::new(Problem::Error, error.to_string()))?;
    output.aside(&format!(
        "listening on {}; keys that may come in: {keys}",
        server.address()
    ));
    output.aside(&format!(
        "host key, a line for the callers' known_hosts: [{}]:{} {}",
        server.address().ip(),
        server.address().port(),
        server.host_key()
    ));
    while !context.progress().cancelled() {
        std::thread::sleep(Duration::from_millis(100));
    }
    server.stop();
    Ok(())
}

impl Report for Silent {
    fn human(&self, _page: &mut Page) {}

    fn json(&self) -> Value {
        json!({})
    }
}
