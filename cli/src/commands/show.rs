use mailvc_store::object::{Conflict, FolderMap, SnapshotId};
use mailvc_store::repo::Signed;
use serde_json::{Value, json};

use crate::context::{Context, Refs, changes, line};
use crate::error::Failure;
use crate::output::{
    Changes, Page, Report, SnapshotLine, bytes, conflict_json, conflict_line, json_folder, of,
    rfc3339, signed_sentence, signed_word,
};

/// How many folders and conflicts are named without `-v`.
const MOST: usize = 20;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which
    #[arg(value_name = "SNAPSHOT", default_value = "local")]
    snapshot: String,
}

struct Shown {
    line: SnapshotLine,
    signed: Signed,
    /// What changed, against each parent; against nothing where there is none.
    changes: Vec<(Option<SnapshotId>, Changes)>,
    conflicts: Vec<Conflict>,
    map: FolderMap,
}

/// Shows a snapshot.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let id = Context::resolve(&repo, &args.snapshot)?;
    let mut line = line(repo.odb(), id)?;
    line.refs = Refs::of(&repo)?.at(id);
    let map = repo.folders(id)?;
    let parents = line.snapshot.parents.iter().map(|id| Some(*id));
    let mut parents: Vec<_> = parents.collect();
    if parents.is_empty() {
        parents.push(None);
    }
    let mut against = Vec::new();
    for parent in parents {
        let before = repo.folders_or_none(parent)?;
        against.push((parent, changes(context, &repo, (&before, &map))?));
    }
    Ok(Box::new(Shown {
        signed: repo.signed(id)?,
        changes: against,
        conflicts: line.snapshot.conflicts.clone(),
        line,
        map,
    }))
}

impl Report for Shown {
    fn human(&self, page: &mut Page) {
        let snapshot = &self.line.snapshot;
        page.line(format!("snapshot  {}", self.line.id));
        page.line(format!("made      {}", self.line.line()));
        if let Some(time) = rfc3339(snapshot.time) {
            page.line(format!("time      {time}"));
        }
        page.line(format!("signature {}", signed_sentence(&self.signed)));
        for (parent, changes) in &self.changes {
            let against = parent.map_or("nothing before it".to_owned(), |id| id.short());
            let line = changes.line();
            let line = if line.is_empty() {
                "nothing changed"
            } else {
                &line
            };
            page.line(format!("against {against}: {line}"));
            changes.names(page);
        }
        if snapshot.conflicts_total > 0 {
            page.line(of(snapshot.conflicts_total, "conflict"));
            page.lines(MOST, self.conflicts.iter().map(conflict_line));
        }
        page.line(of(self.map.folders.len() as u64, "folder"));
        page.lines(
            MOST,
            self.map.folders.iter().map(|(path, folder)| {
                let sums = folder.sums;
                let messages = of(sums.entries, "message");
                format!("  {path}  {messages}, {}", bytes(sums.bytes))
            }),
        );
    }

    fn json(&self) -> Value {
        let changes = self.changes.iter().map(|(parent, changes)| {
            json!({ "parent": parent.map(|id| id.to_string()), "changes": changes.json() })
        });
        let folders = self.map.folders.iter().map(|(path, folder)| {
            json!({
                "folder": json_folder(path),
                "messages": folder.sums.entries,
                "copies": folder.sums.copies,
                "bytes": folder.sums.bytes,
            })
        });
        json!({
            "snapshot": self.line.json(),
            "signature": signed_word(&self.signed),
            "against": changes.collect::<Vec<_>>(),
            "conflicts": self.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
            "folders": folders.collect::<Vec<_>>(),
        })
    }
}
