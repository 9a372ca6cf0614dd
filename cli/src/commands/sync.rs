use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;

use crate::context::{Context, Peers};
use crate::error::Failure;
use crate::output::{Report, Session, Sessions};

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote [default: all of them]
    remote: Option<String>,
    /// Keep messages that another device would remove, here and there
    #[arg(long)]
    keep_newer: bool,
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
    let mut done = Sessions::default();
    if !consent.dry_run {
        done.recorded = Some(peers.record_for(&names, consent.yes)?);
    }
    peers.each(names, &mut done, |peers, name| one(peers, name, &consent))?;
    Ok(Box::new(done))
}

fn one(peers: &mut Peers<'_>, name: &str, consent: &Consent) -> Result<Session, Failure> {
    if !consent.dry_run {
        return peers.sync(name, consent);
    }
    let mut session = peers.call(name, Verb::Fetch, consent)?;
    peers.merge(&mut session, consent)?;
    Ok(session)
}
