use std::path::{Path, PathBuf};

use mailvc_store::object::SnapshotId;
use mailvc_store::repo::{ExportRequest, Repository, Selection};
use mailvc_store::worktree::Exported;
use serde_json::{Value, json};

use super::Context;
use crate::error::Failure;
use crate::output::{Page, Report, bytes, of};

struct Written {
    dry_run: bool,
    from: SnapshotId,
    dir: PathBuf,
    exported: Exported,
}

/// Writes a state, or some messages of it, into a directory.
pub(crate) fn export(
    context: &Context,
    repo: &Repository,
    (from, selection): (SnapshotId, Selection),
    dir: &Path,
) -> Result<Box<dyn Report>, Failure> {
    let request = ExportRequest {
        from,
        selection,
        dir,
        dry_run: context.dry_run(),
    };
    let exported = repo.export(&request, &context.request(repo, "mailvc checkout --to"))?;
    Ok(Box::new(Written {
        dry_run: request.dry_run,
        from,
        dir: dir.to_owned(),
        exported,
    }))
}

impl Report for Written {
    fn human(&self, page: &mut Page) {
        let Exported { files, bytes: size } = self.exported;
        let verb = if self.dry_run { "would write" } else { "wrote" };
        page.note(format!(
            "{verb} {} ({}) of {} to {}",
            of(files, "file"),
            bytes(size),
            self.from.short(),
            self.dir.display()
        ));
    }

    fn json(&self) -> Value {
        json!({
            "dry_run": self.dry_run,
            "from": self.from.to_string(),
            "dir": self.dir.to_string_lossy(),
            "files": self.exported.files,
            "bytes": self.exported.bytes,
        })
    }
}
