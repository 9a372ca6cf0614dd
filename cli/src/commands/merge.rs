use mailvc_store::graph;
use mailvc_store::object::{Conflict, SnapshotId};
use mailvc_store::refs::RefName;
use mailvc_store::repo::{Locked, MergeRequest, RepoError, Repository};
use serde_json::{Value, json};

use crate::context::{Context, merge_stop, record, recorded, ref_text, transitioned};
use crate::error::{Exit, Failure, Problem};
use crate::output::{
    GuardStop, Page, Recorded, Report, Transitioned, conflict_json, conflict_line, of,
};

/// How many conflicts are named without `-v`.
const MOST: usize = 10;

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

struct Merged {
    name: String,
    done: Option<Transitioned>,
    stop: Option<GuardStop>,
    conflicts: Vec<Conflict>,
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
    let first = record(context, &locked)?;
    let mut report = Merges {
        recorded: recorded(context, &locked, &first)?,
        dry_run: context.dry_run(),
        merged: Vec::new(),
    };
    for (name, tip) in named {
        let merged = merge(args, context, (&repo, &locked), (name, tip))?;
        report.merged.push(merged);
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
    let lines = (before.id, tip);
    Ok(Merged {
        stop: merge_stop((context, repo), lines, (&name, command), report.held)?,
        done: report
            .transition
            .map(|done| transitioned(context, locked, done)),
        conflicts: report.conflicts,
        name,
    })
}

impl Report for Merges {
    fn human(&self, page: &mut Page) {
        self.recorded.before(page, self.dry_run);
        if self.merged.is_empty() {
            page.note("there is nothing to merge");
        }
        for merged in &self.merged {
            match &merged.done {
                Some(done) => done.human(page, &format!("merge of {}", merged.name)),
                None if merged.stop.is_none() => {
                    page.note(format!("{} has nothing new", merged.name));
                }
                None => {}
            }
            if !merged.conflicts.is_empty() {
                page.line(of(merged.conflicts.len() as u64, "conflict"));
                page.lines(MOST, merged.conflicts.iter().map(conflict_line));
            }
            if let Some(stop) = &merged.stop {
                stop.human(page);
            }
        }
        self.recorded.warn(page);
    }

    fn json(&self) -> Value {
        let merged = self.merged.iter().map(|merged| {
            json!({
                "line": merged.name,
                "done": merged.done.as_ref().map(Transitioned::json),
                "held": merged.stop.as_ref().map(GuardStop::json),
                "conflicts": merged.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
            })
        });
        json!({ "recorded": self.recorded.json(), "merged": merged.collect::<Vec<_>>() })
    }

    fn exit(&self) -> Exit {
        let held = self.merged.iter().any(|merged| merged.stop.is_some());
        let own = if held {
            Exit::Problem(Problem::Guard)
        } else {
            Exit::Done
        };
        self.recorded.exit().worst(own)
    }
}
