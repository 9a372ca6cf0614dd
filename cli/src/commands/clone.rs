use std::collections::BTreeMap;
use std::path::PathBuf;

use mailvc_store::repo::{InitRequest, RemoteConfig, Repository};
use mailvc_transport::remote::RemoteUrl;
use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;
use serde_json::{Value, json};

use crate::config;
use crate::context::{Context, Peers};
use crate::error::{Exit, Failure, Problem};
use crate::output::{Page, Recorded, Report, Session, Sessions};

/// The name of the remote that a store was cloned from.
const ORIGIN: &str = "origin";

/// Arguments of `clone`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The other device: HOST[:ACCOUNT], ssh://HOST/PATH/TO/STORE, or a path
    url: String,
    /// The Maildir; it may hold mail, which is kept [default: ~/Maildir]
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// What to call this device [default: the host's name]
    #[arg(long, value_name = "DEVICE")]
    name: Option<String>,
}

struct Done {
    maildir: PathBuf,
    sessions: Sessions,
}

/// Makes a store and a Maildir like another device's. Run again, it goes on where it was stopped.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc clone")?;
    let url = address(&args.url)?;
    let mut repo = store(args, context, &url)?;
    let mut peers = Peers::new(context, &mut repo, "mailvc clone")?;
    // What lies here already need not be sent.
    peers.record(None)?;
    let mut session = peers.call(ORIGIN, Verb::Fetch, &Consent::default())?;
    peers.merge(&mut session, &Consent::default())?;
    let maildir = peers
        .repo()
        .maildir()
        .map(|maildir| maildir.root)
        .unwrap_or_default();
    Ok(Box::new(Done {
        maildir,
        sessions: session.into(),
    }))
}

/// The address as it is kept: a path must hold from any directory.
fn address(text: &str) -> Result<String, Failure> {
    let parsed =
        RemoteUrl::parse(text).map_err(|error| Failure::usage(format!("{text}: {error}")))?;
    match parsed {
        RemoteUrl::Path(path) => {
            let path = config::expand(&path);
            let path = std::fs::canonicalize(&path).map_err(|error| {
                Failure::new(Problem::Error, format!("{}: {error}", path.display()))
                    .meaning("nothing was made")
            })?;
            Ok(path.display().to_string())
        }
        RemoteUrl::Ssh(_) => Ok(text.to_owned()),
    }
}

/// A new store, or the one that an earlier clone left.
fn store(args: &Args, context: &Context, url: &str) -> Result<Repository, Failure> {
    let dir = context.store_dir()?;
    if let Ok(repo) = Repository::open(Context::fs(), &dir)
        && let Some(origin) = repo.config().remotes.get(ORIGIN)
    {
        return if origin.url == url {
            Ok(repo)
        } else {
            let what = format!("this store was cloned from {}", origin.url);
            Err(Failure::new(Problem::Error, what)
                .meaning("nothing was changed")
                .next("`mailvc remote add NAME URL` names another device"))
        };
    }
    let maildir = match &args.maildir {
        Some(dir) => dir.clone(),
        None => config::home()
            .map(|home| home.join("Maildir"))
            .ok_or_else(|| Failure::usage("name the Maildir: --maildir DIR"))?,
    };
    let origin = RemoteConfig {
        url: url.to_owned(),
        command: None,
        device: None,
        introduce: true,
    };
    let request = InitRequest {
        maildir,
        layout: None,
        name: args.name.clone().unwrap_or_else(config::host),
        make_maildir: true,
        remotes: BTreeMap::from([(ORIGIN.to_owned(), origin)]),
    };
    Ok(Repository::init(Context::fs(), &dir, &request)?)
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        self.sessions.human(page);
        page.note(format!(
            "{} is under mailvc; from now on: mailvc sync",
            self.maildir.display()
        ));
    }

    fn json(&self) -> Value {
        json!({
            "maildir": self.maildir.to_string_lossy(),
            "recorded": self.sessions.recorded.as_ref().map(Recorded::json),
            "session": self.sessions.had.first().map(Session::json),
        })
    }

    fn exit(&self) -> Exit {
        self.sessions.exit()
    }
}
