use mailvc_store::refs::{LogRecord, RefName};
use mailvc_store::repo::RepoError;
use serde_json::{Value, json};

use crate::context::{Context, call_out, call_out_stop, record, recorded, refused, transitioned};
use crate::error::Failure;
use crate::output::{Changed, Page, Report, day_time, json_time};

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show what was done to the Maildir, and change nothing
    #[arg(long)]
    list: bool,
}

struct List(Vec<LogRecord>);

/// Takes back the last change that mailvc made to the Maildir; what came since stays.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    if args.list {
        let log = repo.refs().log(&RefName::Local)?;
        return Ok(Box::new(List(log)));
    }
    let last = repo.undoable()?.ok_or(RepoError::NothingToUndo)?;
    let locked = context.lock(&repo, "mailvc undo")?;
    let mut before = record(context, &locked)?;
    let mut changed = Changed::new(
        format!("undo of `{}`", last.why),
        recorded(context, locked.odb(), &mut before)?,
    );
    match locked.undo(&before, context.yes(), context.dry_run()) {
        Ok(done) => changed.done = Some(transitioned(context, locked.odb(), done)),
        Err(error) => {
            let names = ("undo", "mailvc undo".to_owned(), String::new());
            changed.stop = Some(refused((context, &locked), &before, names, error)?);
        }
    }
    drop(locked);
    call_out(context, &repo, &changed.recorded);
    call_out_stop(context, &repo, changed.stop.as_ref());
    Ok(Box::new(changed))
}

impl Report for List {
    fn human(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.note("nothing was recorded yet");
        }
        for record in &self.0 {
            let id = |id: Option<mailvc_store::object::SnapshotId>| {
                id.map_or_else(|| "nothing".to_owned(), |id| id.short())
            };
            let time = day_time(record.when);
            let (old, new) = (id(record.old), id(record.new));
            page.line(format!(
                "{time}  {old} → {new}  {} ({})",
                record.why, record.who
            ));
        }
    }

    fn json(&self) -> Value {
        let records = self.0.iter().map(|record| {
            json!({
                "time": json_time(record.when),
                "old": record.old.map(|id| id.to_string()),
                "new": record.new.map(|id| id.to_string()),
                "who": record.who,
                "why": record.why,
            })
        });
        json!({ "log": records.collect::<Vec<_>>() })
    }
}
