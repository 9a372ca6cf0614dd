use mailvc_store::maintain::{Finding, Place, VerifyReport};
use mailvc_store::object::{BlobId, ObjectKey};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Exit, Failure, Problem};
use crate::output::{Page, Report, count, json_folder};

/// So many findings are shown without `-v`.
const SHOWN: usize = 20;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Decompress and hash every message too, and make every merge again
    #[arg(long)]
    full: bool,
}

struct Checked {
    full: bool,
    report: VerifyReport,
}

/// Checks all that is stored. Changes nothing, so a dry run is the same.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let report = repo.verify(args.full, context.progress())?;
    if report.cancelled && report.findings.is_empty() {
        let what = "stopped before all was checked; what was checked is sound";
        return Err(Failure::new(Problem::Error, what));
    }
    let full = args.full;
    Ok(Box::new(Checked { full, report }))
}

impl Report for Checked {
    fn human(&self, page: &mut Page) {
        let VerifyReport {
            packs,
            snapshots,
            messages,
            findings,
            cancelled,
        } = &self.report;
        let looked = format!(
            "{} packs, {} snapshots, {} messages",
            count(*packs),
            count(*snapshots),
            count(*messages)
        );
        if findings.is_empty() {
            let how = if self.full {
                "every byte of them was read"
            } else {
                "`--full` reads every message too"
            };
            return page.note(format!("no damage found: {looked}; {how}"));
        }
        let found = count(findings.len() as u64);
        page.line(format!("DAMAGE: {found} findings in {looked}"));
        page.lines(SHOWN, findings.iter().map(|finding| format!("  {finding}")));
        if *cancelled {
            page.line("stopped before all was checked");
        }
        page.note("nothing was changed; what is sound can be used as before");
    }

    fn json(&self) -> Value {
        let findings = self.report.findings.iter().map(finding_json);
        json!({
            "full": self.full,
            "complete": !self.report.cancelled,
            "packs": self.report.packs,
            "snapshots": self.report.snapshots,
            "messages": self.report.messages,
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn exit(&self) -> Exit {
        if self.report.findings.is_empty() {
            Exit::Done
        } else {
            Exit::Problem(Problem::Damage)
        }
    }
}

fn finding_json(finding: &Finding) -> Value {
    match finding {
        Finding::Pack(damage) => json!({
            "kind": "pack",
            "pack": damage.pack.to_string(),
            "offset": damage.offset,
            "objects": damage.keys.iter().map(object_json).collect::<Vec<_>>(),
            "what": damage.what,
        }),
        Finding::File { path, what } => json!({
            "kind": "file",
            "path": path.to_string_lossy(),
            "what": what,
        }),
        Finding::Ref { name, what } => json!({ "kind": "ref", "ref": name, "what": what }),
        Finding::Object { key, what, places } => json!({
            "kind": "object",
            "object": object_json(key),
            "what": what,
            "places": places.iter().map(place_json).collect::<Vec<_>>(),
        }),
        Finding::Snapshot { id, what } => json!({
            "kind": "snapshot",
            "snapshot": id.to_string(),
            "what": what,
        }),
    }
}

fn object_json(key: &ObjectKey) -> Value {
    json!({ "kind": format!("{:?}", key.kind).to_lowercase(), "id": BlobId::new(key.hash).to_string() })
}

fn place_json(place: &Place) -> Value {
    json!({
        "snapshot": place.snapshot.to_string(),
        "folder": place.folder.as_ref().map(json_folder),
    })
}
