use mailvc_store::object::SnapshotId;
use serde_json::{Value, json};

use crate::context::{Context, changes};
use crate::error::Failure;
use crate::output::{Changes, Page, Report};

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From this state
    #[arg(value_name = "A")]
    from: String,
    /// To this one
    #[arg(value_name = "B", default_value = "local")]
    to: String,
}

struct Shown {
    from: SnapshotId,
    to: SnapshotId,
    changes: Changes,
}

/// Shows what differs between two states.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let from = Context::resolve(&repo, &args.from)?;
    let to = Context::resolve(&repo, &args.to)?;
    let maps = (&repo.folders(from)?, &repo.folders(to)?);
    Ok(Box::new(Shown {
        from,
        to,
        changes: changes(context, &repo, maps)?,
    }))
}

impl Report for Shown {
    fn human(&self, page: &mut Page) {
        let line = self.changes.line();
        if line.is_empty() {
            page.note("no difference");
        } else {
            page.line(format!(
                "{} → {}: {line}",
                self.from.short(),
                self.to.short()
            ));
            self.changes.names(page);
        }
    }

    fn json(&self) -> Value {
        json!({
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "changes": self.changes.json(),
        })
    }
}
