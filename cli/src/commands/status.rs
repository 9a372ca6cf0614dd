use std::collections::BTreeSet;

use mailvc_store::graph;
use mailvc_store::refs::RefName;
use mailvc_store::repo::{
    Budget, Locked, MaildirConfig, MergeRequest, RepoError, Repository, SnapshotReport,
    SnapshotRequest,
};
use serde_json::{Value, json};

use crate::context::{Context, line, merge_stop, recorded, ref_text};
use crate::error::{Exit, Failure, Problem};
use crate::output::{GuardStop, Page, Recorded, Report, SnapshotLine, of};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Another line beside this one.
struct Other {
    name: String,
    line: SnapshotLine,
    /// Snapshots that it has and this one lacks.
    there: u64,
    /// Snapshots that this one has and it lacks.
    here: u64,
}

struct Status {
    store: String,
    device: String,
    maildir: Option<MaildirConfig>,
    local: Option<SnapshotLine>,
    others: Vec<Other>,
    /// None if an interrupted command is to be finished before anything can be said.
    recorded: Option<Recorded>,
    /// What merging the others' lines would have to wait for.
    waiting: Vec<GuardStop>,
    budgets: Vec<(String, Budget)>,
}

/// Shows what changed since the last snapshot, and which lines are not merged.
pub(crate) fn run(_: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let mut waiting = Vec::new();
    let recorded = if repo.layout().applying().exists() {
        None
    } else {
        let locked = context.lock(&repo, "mailvc status")?;
        let request = SnapshotRequest {
            dry_run: true,
            ..SnapshotRequest::default()
        };
        let mut report = locked.snapshot(&request)?;
        waiting = held_by_merges(context, (&repo, &locked), &report)?;
        Some(recorded(context, locked.odb(), &mut report)?)
    };
    let local = repo.local()?;
    Ok(Box::new(Status {
        store: repo.layout().root().display().to_string(),
        device: repo.config().device.clone(),
        maildir: repo.config().maildir.clone(),
        local: local.map(|id| line(repo.odb(), id)).transpose()?,
        others: others(&repo)?,
        recorded,
        waiting,
        budgets: budgets(&repo)?,
    }))
}

/// What the guard would hold of the lines that are not merged yet, each once.
fn held_by_merges(
    context: &Context,
    (repo, locked): (&Repository, &Locked<'_>),
    now: &SnapshotReport,
) -> Result<Vec<GuardStop>, Failure> {
    let mut tips = BTreeSet::new();
    let mut waiting = Vec::new();
    for (name, tip) in repo.refs().list()? {
        let line = matches!(name, RefName::Remote(_) | RefName::Inbox(_));
        if !line || !tips.insert(tip) {
            continue;
        }
        let request = MergeRequest {
            tip,
            why: String::new(),
            yes: None,
            keep_newer: false,
            dry_run: true,
        };
        let held = locked.merge(now, &request)?.held;
        let command = format!("mailvc merge {}", tip.short());
        let whose = ref_text(repo, &name)?;
        waiting.extend(merge_stop((context, repo), tip, (&whose, &command), held)?);
    }
    Ok(waiting)
}

/// What the other devices have deleted bit by bit, with their names.
fn budgets(repo: &Repository) -> Result<Vec<(String, Budget)>, Failure> {
    let trust = repo.trust()?;
    let name = |budget: &Budget| {
        let known = trust.device(budget.device);
        known.map_or_else(|| budget.device.short(), |known| known.name.clone())
    };
    let budgets = repo.budgets()?.into_iter();
    Ok(budgets.map(|budget| (name(&budget), budget)).collect())
}

fn others(repo: &Repository) -> Result<Vec<Other>, Failure> {
    let local = repo.local()?;
    let count = |tip, haves: &[_]| -> Result<u64, Failure> {
        let missing = graph::missing(repo.odb(), tip, haves).map_err(RepoError::from)?;
        Ok(missing.len() as u64)
    };
    let mut others = Vec::new();
    for (name, id) in repo.refs().list()? {
        if matches!(name, RefName::Remote(_) | RefName::Inbox(_)) {
            let haves: Vec<_> = local.into_iter().collect();
            others.push(Other {
                name: ref_text(repo, &name)?,
                line: line(repo.odb(), id)?,
                there: count(id, &haves)?,
                here: local.map_or(Ok(0), |local| count(local, &[id]))?,
            });
        }
    }
    Ok(others)
}

impl Report for Status {
    fn human(&self, page: &mut Page) {
        if let Some(maildir) = &self.maildir {
            page.note(format!(
                "Maildir {}, device {}",
                maildir.path.display(),
                self.device
            ));
        }
        page.note(format!("store   {}", self.store));
        match &self.local {
            Some(line) => page.line(format!("local   {}", line.line())),
            None => page.line("nothing was recorded yet"),
        }
        for other in &self.others {
            let state = match (other.there, other.here) {
                (0, 0) => "in step".to_owned(),
                (there, 0) => format!("{} to merge", of(there, "snapshot")),
                (0, here) => format!("lacks {}", of(here, "snapshot")),
                (there, here) => {
                    format!(
                        "{} to merge, lacks {}",
                        of(there, "snapshot"),
                        of(here, "snapshot")
                    )
                }
            };
            page.line(format!("{}  {}: {state}", other.name, other.line.name()));
        }
        match &self.recorded {
            None => page.line(
                "an interrupted command left its work half done; no message is lost, and the next \
                 command that changes something finishes it (`mailvc snapshot`)",
            ),
            Some(recorded) if recorded.new => {
                page.line(format!("since then: {}", recorded.changes.line()));
                if page.is_verbose() {
                    recorded.changes.names(page);
                }
            }
            Some(_) => page.line("nothing changed since"),
        }
        if let Some(recorded) = &self.recorded {
            recorded.warn(page);
        }
        for stop in &self.waiting {
            stop.human(page);
        }
        for (name, budget) in &self.budgets {
            // What is far from a stop is for those who ask.
            if page.is_verbose() || budget.deleted * 2 > budget.allowed {
                page.line(format!(
                    "{name} has deleted {} bit by bit; beyond {} it is stopped",
                    of(budget.deleted, "message"),
                    of(budget.allowed, "message")
                ));
            }
        }
    }

    fn json(&self) -> Value {
        let others = self.others.iter().map(|other| {
            json!({
                "ref": other.name,
                "snapshot": other.line.json(),
                "to_merge": other.there,
                "lacks": other.here,
            })
        });
        let budgets = self.budgets.iter().map(|(name, budget)| {
            json!({
                "device": budget.device.to_string(),
                "device_name": name,
                "deleted": budget.deleted,
                "allowed": budget.allowed,
            })
        });
        json!({
            "waiting": self.waiting.iter().map(GuardStop::json).collect::<Vec<_>>(),
            "budgets": budgets.collect::<Vec<_>>(),
            "store": self.store,
            "maildir": self.maildir.as_ref().map(|maildir| maildir.path.to_string_lossy()),
            "device_name": self.device,
            "local": self.local.as_ref().map(SnapshotLine::json),
            "others": others.collect::<Vec<_>>(),
            "interrupted": self.recorded.is_none(),
            "recorded": self.recorded.as_ref().map(Recorded::json),
        })
    }

    fn exit(&self) -> Exit {
        let held = match self.waiting.as_slice() {
            [] => Exit::Done,
            _ => Exit::Problem(Problem::Guard),
        };
        let recorded = self.recorded.as_ref();
        held.worst(recorded.map_or(Exit::Done, Recorded::exit))
    }
}
