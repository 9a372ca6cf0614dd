use mailvc_store::graph;
use mailvc_store::object::SnapshotId;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{Locked, MergeRequest, RepoError, Repository};
use serde_json::{Value, json};

use crate::context::{Context, call_out, call_out_merge, merged, record, recorded, ref_text};
use crate::error::{Exit, Failure};
use crate::output::{Merged, Page, Recorded, Report};

/// Arguments of `merge`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to merge [default: all remotes and all that was pushed here]
    #[arg(value_name = "SNAPSHOT|REMOTE")]
    line: Option<String>,
    /// Keep the messages that would leave, here and on all devices
    #[arg(long)]
    keep_newer: bool,
}

struct Merges {
    recorded: Recorded,
    dry_run: bool,
    merged: Vec<Merged>,
}

/// Merges other lines into the Maildir.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let named = match &args.line {
        Some(text) => vec![(text.clone(), Context::resolve(&repo, text)?)],
        None => open_lines(&repo)?,
    };
    let locked = context.lock(&repo, "mailvc merge")?;
    let mut first = record(context, &locked)?;
    let mut report = Merges {
        recorded: recorded(context, locked.odb(), &mut first)?,
        dry_run: context.dry_run(),
        merged: Vec::new(),
    };
    for (name, tip) in named {
        let merged = merge(args, context, (&repo, &locked), (name, tip))?;
        report.merged.push(merged);
    }
    drop(locked);
    call_out(context, &repo, &report.recorded);
    for merged in &report.merged {
        call_out_merge(context, &repo, merged);
    }
    Ok(Box::new(report))
}

/// The lines of others that are not yet part of this one.
fn open_lines(repo: &Repository) -> Result<Vec<(String, SnapshotId)>, Failure> {
    let local = repo.local()?;
    let mut lines = Vec::new();
    for (name, tip) in repo.refs().list()? {
        if !matches!(name, RefName::Remote(_) | RefName::Inbox(_)) {
            continue;
        }
        let known = match local {
            Some(local) => graph::is_ancestor(repo.odb(), tip, local).map_err(RepoError::from)?,
            None => false,
        };
        if !known {
            lines.push((ref_text(repo, &name)?, tip));
        }
    }
    Ok(lines)
}

fn merge(
    args: &Args,
    context: &Context,
    (repo, locked): (&Repository, &Locked<'_>),
    (name, tip): (String, SnapshotId),
) -> Result<Merged, Failure> {
    let before = record(context, locked)?;
    let request = MergeRequest {
        tip,
        why: format!("merge {name}"),
        yes: context.yes(),
        keep_newer: args.keep_newer,
        dry_run: context.dry_run(),
    };
    let report = locked.merge(&before, &request)?;
    let command = match &args.line {
        Some(text) => format!("mailvc merge {text}"),
        None => format!("mailvc merge {}", tip.short()),
    };
    merged(
        context,
        (repo, locked.odb()),
        report,
        (tip, &name, &command),
    )
}

impl Report for Merges {
    fn human(&self, page: &mut Page) {
        self.recorded.before(page, self.dry_run);
        if self.merged.is_empty() {
            page.note("there is nothing to merge");
        }
        for merged in &self.merged {
            merged.human(page);
            if merged.done.is_none() && merged.stop.is_none() {
                page.note(format!("{} has nothing new", merged.name));
            }
        }
        self.recorded.warn(page);
    }

    fn json(&self) -> Value {
        let merged = self.merged.iter().map(Merged::json);
        json!({ "recorded": self.recorded.json(), "merged": merged.collect::<Vec<_>>() })
    }

    fn exit(&self) -> Exit {
        let own = self.merged.iter().map(Merged::exit);
        own.fold(self.recorded.exit(), Exit::worst)
    }
}
