use mailvc_store::odb::PackShape;
use mailvc_store::repo::{GcReport, GcRequest};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Exit, Failure, Problem};
use crate::output::{Page, Report, bytes, count, of};

/// Arguments of `gc`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seconds the old packs stay after everything in them is in new ones; a command
    /// that runs longer than this looks again and finds it there
    #[arg(long, value_name = "SECONDS", default_value_t = GcRequest::default().grace)]
    grace: u64,
}

struct Collected {
    dry_run: bool,
    report: GcReport,
}

/// Repacks the store; every object stays.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    let request = GcRequest {
        grace: args.grace,
        dry_run: context.dry_run(),
    };
    let report = repo.gc(&request, &context.request(&repo, "mailvc gc"))?;
    if report.repacked.cancelled {
        let what = "stopped before all was repacked";
        return Err(Failure::new(Problem::Error, what)
            .meaning("nothing was lost; what was written need not be written again")
            .next("`mailvc gc` goes on"));
    }
    let dry_run = request.dry_run;
    Ok(Box::new(Collected { dry_run, report }))
}

fn size(packs: &[PackShape]) -> u64 {
    packs.iter().map(|pack| pack.bytes).sum()
}

fn packs(packs: &[PackShape]) -> String {
    let number = of(packs.len() as u64, "pack");
    format!("{number}, {}", bytes(size(packs)))
}

impl Collected {
    fn planned(&self, page: &mut Page) {
        let plan = &self.report.plan;
        page.line(format!("keep    {}", packs(&plan.keep)));
        page.line(format!("repack  {}", packs(&plan.repack)));
        page.line(format!("drop    {}", packs(&plan.drop)));
        page.line(format!("wait    {}", packs(&plan.wait)));
        let free = self
            .report
            .free
            .map(|free| format!("; the disk has {}", bytes(free)));
        page.note(format!(
            "needs at most {} of room meanwhile{}; nothing was changed",
            bytes(plan.needs()),
            free.unwrap_or_default()
        ));
    }

    fn done(&self, page: &mut Page) {
        let GcReport {
            plan,
            repacked,
            dropped,
            ..
        } = &self.report;
        if plan.repack.is_empty() {
            page.line("there is nothing to repack");
        } else {
            page.line(format!(
                "repacked {} into {}",
                packs(&plan.repack),
                packs(&repacked.written)
            ));
        }
        if !repacked.damaged.is_empty() {
            page.line(format!(
                "DAMAGE: {} with objects that cannot be read; they stay as they are",
                of(repacked.damaged.len() as u64, "pack")
            ));
        }
        if !dropped.is_empty() {
            let number = of(dropped.len() as u64, "old pack");
            page.line(format!(
                "took away {number}; everything in them is in others"
            ));
        }
        let waiting = repacked
            .superseded
            .iter()
            .chain(plan.wait.iter().map(|pack| &pack.id));
        let waiting = waiting.filter(|pack| !dropped.contains(pack)).count();
        if waiting > 0 {
            page.note(format!(
                "{} stay for a while, for commands that are at work with them; a later command \
                 takes them away",
                count(waiting as u64)
            ));
        }
        page.note(format!("the packs have {}", bytes(self.report.bytes)));
    }
}

impl Report for Collected {
    fn human(&self, page: &mut Page) {
        if self.dry_run {
            self.planned(page);
        } else {
            self.done(page);
        }
    }

    fn json(&self) -> Value {
        let shapes = |packs: &[PackShape]| packs.iter().map(shape_json).collect::<Vec<_>>();
        let ids = |packs: &[mailvc_store::object::PackId]| {
            let ids = packs.iter().map(ToString::to_string);
            ids.collect::<Vec<_>>()
        };
        let GcReport {
            plan,
            repacked,
            dropped,
            free,
            bytes,
        } = &self.report;
        json!({
            "dry_run": self.dry_run,
            "keep": shapes(&plan.keep),
            "repack": shapes(&plan.repack),
            "drop": shapes(&plan.drop),
            "wait": shapes(&plan.wait),
            "needs": plan.needs(),
            "free": free,
            "written": shapes(&repacked.written),
            "superseded": ids(&repacked.superseded),
            "damaged": ids(&repacked.damaged),
            "dropped": ids(dropped),
            "bytes": bytes,
        })
    }

    fn exit(&self) -> Exit {
        if self.report.repacked.damaged.is_empty() {
            Exit::Done
        } else {
            Exit::Problem(Problem::Damage)
        }
    }
}

fn shape_json(pack: &PackShape) -> Value {
    json!({
        "pack": pack.id.to_string(),
        "bytes": pack.bytes,
        "messages": pack.messages,
        "others": pack.others,
    })
}
