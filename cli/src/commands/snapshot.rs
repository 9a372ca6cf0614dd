use mailvc_store::repo::{SnapshotReport, SnapshotRequest};
use serde_json::{Value, json};

use crate::context::{Context, call_out, line, recorded};
use crate::error::{Exit, Failure};
use crate::output::{Page, Recorded, Report, SnapshotLine};

/// Arguments of `snapshot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to say of it
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Compare every file's size and times, whatever the directories' times say
    #[arg(long)]
    thorough: bool,
}

struct Done {
    dry_run: bool,
    snapshot: Option<SnapshotLine>,
    recorded: Recorded,
}

/// Records the Maildir.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let locked = context.lock(&repo, "mailvc snapshot")?;
    let request = SnapshotRequest {
        keep_missing: false,
        message: args.message.clone().unwrap_or_default(),
        yes: context.yes(),
        thorough: args.thorough,
        dry_run: context.dry_run(),
    };
    let mut report: SnapshotReport = locked.snapshot(&request)?;
    let recorded = recorded(context, locked.odb(), &mut report)?;
    // One that is not going to be there has no id to be told.
    let snapshot = match report.id.filter(|_| !(request.dry_run && report.new)) {
        Some(id) => Some(line(locked.odb(), id)?),
        None => None,
    };
    drop(locked);
    call_out(context, &repo, &recorded);
    Ok(Box::new(Done {
        dry_run: request.dry_run,
        snapshot,
        recorded,
    }))
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        let changes = self.recorded.changes.line();
        let what = if changes.is_empty() {
            "the first state".to_owned()
        } else {
            changes
        };
        match &self.snapshot {
            _ if !self.recorded.new => page.note("nothing changed since the last snapshot"),
            _ if self.dry_run => page.line(format!("would record: {what}")),
            Some(snapshot) => page.note(format!("recorded {}: {what}", snapshot.id.short())),
            None => {}
        }
        if page.is_verbose() {
            self.recorded.changes.names(page);
        }
        self.recorded.warn(page);
    }

    fn json(&self) -> Value {
        json!({
            "dry_run": self.dry_run,
            "snapshot": self.snapshot.as_ref().map(SnapshotLine::json),
            "recorded": self.recorded.json(),
        })
    }

    fn exit(&self) -> Exit {
        self.recorded.exit()
    }
}
