use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;
use serde_json::{Value, json};

use crate::context::{Context, Peers};
use crate::error::{Exit, Failure};
use crate::output::{Page, Report, Session};

/// Arguments of `push`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote [default: all of them]
    remote: Option<String>,
}

struct Done(Vec<Session>);

/// Records the Maildir and leaves it with the remotes, which merge it when they want to.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc push")?;
    let mut repo = context.repo()?;
    let mut peers = Peers::new(context, &mut repo, "mailvc push")?;
    peers.record(context.yes())?;
    let mut sessions = Vec::new();
    for name in peers.named(args.remote.as_deref())? {
        sessions.push(peers.call(&name, Verb::Push, &Consent::default())?);
    }
    Ok(Box::new(Done(sessions)))
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        self.0.iter().for_each(|session| session.human(page));
    }

    fn json(&self) -> Value {
        json!({ "sessions": self.0.iter().map(Session::json).collect::<Vec<_>>() })
    }

    fn exit(&self) -> Exit {
        self.0
            .iter()
            .map(Session::exit)
            .fold(Exit::Done, Exit::worst)
    }
}
