use mailvc_transport::session::Consent;
use mailvc_transport::wire::Verb;

use crate::context::{Context, Peers};
use crate::error::Failure;
use crate::output::{Report, Sessions};

/// Arguments of `push`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote [default: all of them]
    remote: Option<String>,
}

/// Records the Maildir and leaves it with the remotes, which merge it when they want to.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc push")?;
    let mut repo = context.repo()?;
    let mut peers = Peers::new(context, &mut repo, "mailvc push")?;
    let names = peers.named(args.remote.as_deref())?;
    let mut done = Sessions {
        recorded: Some(peers.record_for(&names, context.yes())?),
        ..Sessions::default()
    };
    peers.each(names, &mut done, |peers, name| {
        peers.call(name, Verb::Push, &Consent::default())
    })?;
    Ok(Box::new(done))
}
