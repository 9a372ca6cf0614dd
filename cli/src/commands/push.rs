use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;
use serde_json::{Value, json};

use crate::context::{Context, Peers};
use crate::error::{Exit, Failure};
use crate::output::{Page, Recorded, Report, Session};

/// Arguments of `push`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote [default: all of them]
    remote: Option<String>,
}

struct Done {
    recorded: Recorded,
    sessions: Vec<Session>,
}

/// Records the Maildir and leaves it with the remotes, which merge it when they want to.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc push")?;
    let mut repo = context.repo()?;
    let mut peers = Peers::new(context, &mut repo, "mailvc push")?;
    let recorded = peers.record(context.yes())?;
    let mut sessions = Vec::new();
    for name in peers.named(args.remote.as_deref())? {
        sessions.push(peers.call(&name, Verb::Push, &Consent::default())?);
    }
    Ok(Box::new(Done { recorded, sessions }))
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        self.recorded.warn(page);
        self.sessions.iter().for_each(|session| session.human(page));
    }

    fn json(&self) -> Value {
        json!({
            "recorded": self.recorded.json(),
            "sessions": self.sessions.iter().map(Session::json).collect::<Vec<_>>(),
        })
    }

    fn exit(&self) -> Exit {
        let recorded = self.recorded.exit();
        let sessions = self.sessions.iter().map(Session::exit);
        sessions.fold(recorded, Exit::worst)
    }
}
