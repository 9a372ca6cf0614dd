use mailvc_store::object::SnapshotId;
use mailvc_store::refs::{Expected, LogEntry, RefEdit, RefName};
use mailvc_store::repo::{RepoError, Repository};
use serde_json::{Value, json};

use crate::context::{Context, line};
use crate::error::{Failure, Problem};
use crate::output::{Page, Report, SnapshotLine};

/// Arguments of `tag`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tag [default: list all]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// What it is to name [default: local]
    #[arg(value_name = "SNAPSHOT")]
    snapshot: Option<String>,
    /// Move the tag if there is one already
    #[arg(long, requires = "name")]
    force: bool,
    /// Remove the tag; the snapshot stays
    #[arg(long, requires = "name", conflicts_with_all = ["snapshot", "force"])]
    delete: bool,
}

struct List(Vec<(String, SnapshotLine)>);

struct Tagged {
    name: String,
    old: Option<SnapshotId>,
    new: Option<SnapshotId>,
}

/// Names a snapshot, or lists those that have names.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let Some(name) = &args.name else {
        return list(&repo);
    };
    context.refuse_dry_run("mailvc tag")?;
    let reference = RefName::tag(name).map_err(RepoError::from)?;
    let new = match (&args.snapshot, args.delete) {
        (_, true) => None,
        (Some(text), false) => Some(Context::resolve(&repo, text)?),
        (None, false) => Some(repo.local()?.ok_or(RepoError::Empty)?),
    };
    let _lock = repo.lock_store(&context.request(&repo, "mailvc tag"))?;
    let old = repo.refs().read(&reference)?;
    check(args, name, old)?;
    let edit = RefEdit {
        name: reference,
        expected: old.map_or(Expected::Missing, Expected::Is),
        new,
    };
    let entry = LogEntry {
        who: "mailvc tag",
        why: "tag",
    };
    repo.refs().update(&[edit], &entry)?;
    Ok(Box::new(Tagged {
        name: name.clone(),
        old,
        new,
    }))
}

/// A tag is not moved unless that was said, nor removed if it is not there.
fn check(args: &Args, name: &str, old: Option<SnapshotId>) -> Result<(), Failure> {
    match old {
        None if args.delete => {
            let what = format!("there is no tag {name}");
            Err(Failure::new(Problem::Error, what).next("`mailvc tag` lists them"))
        }
        Some(old) if !args.delete && !args.force => {
            let what = format!("the tag {name} names {} already", old.short());
            Err(Failure::new(Problem::Error, what)
                .meaning("it was not moved")
                .next("take another name, or --force to move it"))
        }
        _ => Ok(()),
    }
}

fn list(repo: &Repository) -> Result<Box<dyn Report>, Failure> {
    let mut tags = Vec::new();
    for (name, id) in repo.refs().list()? {
        if let RefName::Tag(name) = name {
            tags.push((name, line(repo.odb(), id)?));
        }
    }
    Ok(Box::new(List(tags)))
}

impl Report for List {
    fn human(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.note("there are no tags");
        }
        for (name, line) in &self.0 {
            page.line(format!("{name}  {}", line.line()));
        }
    }

    fn json(&self) -> Value {
        let tags = self.0.iter();
        let tags = tags.map(|(name, line)| json!({ "name": name, "snapshot": line.json() }));
        json!({ "tags": tags.collect::<Vec<_>>() })
    }
}

impl Report for Tagged {
    fn human(&self, page: &mut Page) {
        let was = self.old.map(|id| format!(" (it was {})", id.short()));
        let was = was.unwrap_or_default();
        page.note(match self.new {
            Some(id) => format!("{} names {}{was}", self.name, id.short()),
            None => format!("{} names nothing any more{was}", self.name),
        });
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "old": self.old.map(|id| id.to_string()),
            "new": self.new.map(|id| id.to_string()),
        })
    }
}
