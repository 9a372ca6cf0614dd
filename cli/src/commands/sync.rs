use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;
use serde_json::{Value, json};

use crate::context::{Context, Peers};
use crate::error::{Exit, Failure};
use crate::output::{Output, Page, Recorded, Report, Session};

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote [default: all of them]
    remote: Option<String>,
    /// Keep messages that another device would remove, here and there
    #[arg(long)]
    keep_newer: bool,
}

#[derive(Default)]
struct Done {
    /// What the Maildir was before the first session.
    recorded: Option<Recorded>,
    sessions: Vec<Session>,
    failed: Vec<(String, Failure)>,
}

/// Brings this Maildir and those of the remotes into step.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut repo = context.repo()?;
    let consent = Consent {
        yes: context.yes(),
        keep_newer: args.keep_newer,
        dry_run: context.dry_run(),
    };
    let mut peers = Peers::new(context, &mut repo, "mailvc sync")?;
    let names = peers.named(args.remote.as_deref())?;
    let mut done = Done::default();
    if !consent.dry_run {
        done.recorded = Some(peers.record(consent.yes)?);
    }
    let alone = names.len() == 1;
    for name in names {
        match one(&mut peers, &name, &consent) {
            Ok(session) => done.sessions.push(session),
            Err(failure) if alone => return Err(failure),
            Err(failure) => done.failed.push((name, failure)),
        }
    }
    Ok(Box::new(done))
}

fn one(peers: &mut Peers<'_>, name: &str, consent: &Consent) -> Result<Session, Failure> {
    if consent.dry_run {
        let mut session = peers.call(name, Verb::Fetch, consent)?;
        peers.merge(&mut session, consent)?;
        return Ok(session);
    }
    peers.call(name, Verb::Sync, consent)
}

impl Done {
    /// What is held and strange in the Maildir, unless a session has looked again and says it.
    fn recorded(&self) -> Option<&Recorded> {
        let looked_again = self.sessions.iter().any(|it| it.recorded.is_some());
        self.recorded.as_ref().filter(|_| !looked_again)
    }
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        if let Some(recorded) = self.recorded() {
            recorded.warn(page);
        }
        self.sessions.iter().for_each(|session| session.human(page));
        for (name, failure) in &self.failed {
            page.line(format!("{name}: {}", Output::sentence(failure)));
        }
    }

    fn json(&self) -> Value {
        let failed: Vec<Value> = self
            .failed
            .iter()
            .map(|(name, failure)| json!({ "remote": name, "error": failure.what }))
            .collect();
        json!({
            "recorded": self.recorded().map(Recorded::json),
            "sessions": self.sessions.iter().map(Session::json).collect::<Vec<_>>(),
            "failed": failed,
        })
    }

    fn exit(&self) -> Exit {
        let failed = self
            .failed
            .iter()
            .map(|(_, failure)| Exit::Problem(failure.problem));
        self.sessions
            .iter()
            .map(Session::exit)
            .chain(self.recorded().map(Recorded::exit))
            .chain(failed)
            .fold(Exit::Done, Exit::worst)
    }
}
