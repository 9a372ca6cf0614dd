mod graph;

use mailvc_store::graph as history;
use mailvc_store::maildir::FolderPath;
use mailvc_store::object::{Folder, SnapshotId};
use mailvc_store::repo::{RepoError, Repository};
use serde_json::{Value, json};

use crate::context::{Context, Refs};
use crate::error::Failure;
use crate::output::{Page, Report, SnapshotLine};

use graph::Lanes;

/// Arguments of `log`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to start
    #[arg(value_name = "SNAPSHOT", default_value = "local")]
    start: String,
    /// Start from everything: all remotes, what was pushed here, all tags
    #[arg(long, conflicts_with = "start")]
    all: bool,
    /// Draw the lines that were merged
    #[arg(long)]
    graph: bool,
    /// Only snapshots in which this folder changed
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// At most so many
    #[arg(short, value_name = "N")]
    number: Option<usize>,
}

struct Shown {
    folder: Option<String>,
    graph: bool,
    snapshots: Vec<SnapshotLine>,
}

/// Shows the recorded states.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let refs = Refs::of(&repo)?;
    let tips = tips(&repo, args)?;
    let folder = match (&args.folder, tips.first()) {
        (Some(name), Some(tip)) => Some(folder(&repo, name, *tip)?),
        _ => None,
    };
    let most = args.number.unwrap_or(usize::MAX);
    let mut snapshots = Vec::new();
    for found in history::ancestors(repo.odb(), tips) {
        if snapshots.len() >= most {
            break;
        }
        let (id, snapshot) = found.map_err(RepoError::from)?;
        let line = SnapshotLine {
            id,
            snapshot,
            refs: refs.at(id),
        };
        if changed(&repo, &line, folder.as_ref())? {
            snapshots.push(line);
        }
    }
    // With a part of the history left out, lines would lead nowhere.
    let graph = args.graph && folder.is_none();
    Ok(Box::new(Shown {
        folder: args.folder.clone(),
        graph,
        snapshots,
    }))
}

/// The folder that is meant, though the state may not have it any more.
fn folder(repo: &Repository, name: &str, tip: SnapshotId) -> Result<FolderPath, Failure> {
    let map = repo.folders(tip)?;
    match (
        repo.folder_named(name, &map),
        FolderPath::new(name.as_bytes()),
    ) {
        (Ok(path), _) | (Err(_), Ok(path)) => Ok(path),
        (Err(error), Err(_)) => Err(error.into()),
    }
}

fn tips(repo: &Repository, args: &Args) -> Result<Vec<SnapshotId>, Failure> {
    if args.all {
        let refs = repo.refs().list()?;
        return Ok(refs.into_iter().map(|(_, id)| id).collect());
    }
    if args.start == "local" && repo.local()?.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![Context::resolve(repo, &args.start)?])
}

/// Whether the folder is another than in every parent.
fn changed(
    repo: &Repository,
    line: &SnapshotLine,
    folder: Option<&FolderPath>,
) -> Result<bool, Failure> {
    let Some(path) = folder else {
        return Ok(true);
    };
    let at = |id| -> Result<Option<Folder>, Failure> {
        Ok(repo.folders(id)?.folders.get(path).copied())
    };
    let now = at(line.id)?;
    let mut before = line.snapshot.parents.iter().map(|parent| at(*parent));
    if line.snapshot.parents.is_empty() {
        return Ok(now.is_some());
    }
    before.try_fold(true, |all, before| Ok(all && before? != now))
}

impl Report for Shown {
    fn human(&self, page: &mut Page) {
        if self.snapshots.is_empty() {
            page.note(match &self.folder {
                Some(name) => format!("no snapshot changed a folder {name}"),
                None => "nothing was recorded yet".to_owned(),
            });
        }
        if !self.graph {
            for line in &self.snapshots {
                page.line(line.line());
            }
            return;
        }
        let mut lanes = Lanes::default();
        for line in &self.snapshots {
            let drawn = lanes.step(line.id, &line.snapshot.parents);
            page.line(format!("{}  {}", drawn.node, line.line()));
            for edge in drawn.edges {
                page.line(edge);
            }
        }
    }

    fn json(&self) -> Value {
        let snapshots = self.snapshots.iter().map(SnapshotLine::json);
        json!({ "snapshots": snapshots.collect::<Vec<_>>() })
    }
}
