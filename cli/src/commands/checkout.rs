use std::path::PathBuf;

use mailvc_store::repo::{CheckoutRequest, Repository};

use crate::context::{
    Context, call_out, call_out_stop, export, record, recorded, refused, transitioned,
};
use crate::error::Failure;
use crate::output::{Changed, Report};

/// Arguments of `checkout`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The state to go back to
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    /// Write it into this directory, which is empty or not there yet, instead of the Maildir
    #[arg(long, value_name = "DIR", conflicts_with = "keep_newer")]
    to: Option<PathBuf>,
    /// Only this folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// Leave messages in the Maildir that the state lacks
    #[arg(long)]
    keep_newer: bool,
}

/// Makes the Maildir what it was, exactly; or writes that state elsewhere.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let target = Context::resolve(&repo, &args.snapshot)?;
    if let Some(dir) = &args.to {
        let selection = Context::selection(&repo, target, args.folder.as_deref())?;
        return export(context, &repo, (target, selection), dir);
    }
    in_place(args, context, &repo)
}

fn in_place(args: &Args, context: &Context, repo: &Repository) -> Result<Box<dyn Report>, Failure> {
    let target = Context::resolve(repo, &args.snapshot)?;
    let folder = match &args.folder {
        // A folder that the state lacks may be gone back to as well: to where it was not.
        Some(name) => {
            let local = repo.folders_or_none(repo.local()?)?;
            let named = repo.folder_named(name, &repo.folders(target)?);
            Some(named.or_else(|_| repo.folder_named(name, &local))?)
        }
        None => None,
    };
    let locked = context.lock(repo, "mailvc checkout")?;
    let mut before = record(context, &locked)?;
    let request = CheckoutRequest {
        target,
        folder,
        keep_newer: args.keep_newer,
        yes: context.yes(),
        dry_run: context.dry_run(),
    };
    let mut changed = Changed::new(
        format!("checkout {}", target.short()),
        recorded(context, locked.odb(), &mut before)?,
    );
    match locked.checkout(&before, &request) {
        Ok(done) => changed.done = Some(transitioned(context, locked.odb(), done)),
        Err(error) => {
            let only = args.folder.as_ref();
            let only = only.map_or(String::new(), |folder| format!(" --folder {folder}"));
            let command = format!("mailvc checkout {}{only}", args.snapshot);
            let keep = format!("{command} --keep-newer");
            changed.stop = Some(refused(
                (context, &locked),
                &before,
                ("checkout", command, keep),
                error,
            )?);
        }
    }
    drop(locked);
    call_out(context, repo, &changed.recorded);
    call_out_stop(context, repo, changed.stop.as_ref());
    Ok(Box::new(changed))
}
