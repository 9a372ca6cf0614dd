use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Failure, Problem};
use crate::output::{Page, Report, count};
use crate::tour::{self, Broken, Request, Told};

/// Arguments of `tour`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A Maildir to make the tour with: it is copied, and only read [default: mail that is made up]
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Leave the two machines there, to look around
    #[arg(long)]
    keep: bool,
}

struct Done {
    told: Told,
    kept: Option<PathBuf>,
}

/// Shows what mailvc does, in a temporary directory.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc tour")?;
    let output = context.output();
    let failed = |error: std::io::Error| Failure::new(Problem::Error, error.to_string());
    let dir = tempfile::Builder::new()
        .prefix("mailvc-tour-")
        .tempdir()
        .map_err(failed)?;
    // As a command there would see it: without links on the way.
    let root = std::fs::canonicalize(dir.path()).map_err(failed)?;
    let maildir = args.maildir.as_deref().map(copied).transpose()?;
    let request = Request {
        maildir,
        dir: &root,
        say: &|line| output.live(line),
        stopped: &|| context.progress().cancelled(),
    };
    output.live(&format!(
        "A server and a laptop, in {}. Nothing else on this machine is touched.",
        root.display()
    ));
    match tour::tell(&request) {
        Ok(told) => {
            let kept = args.keep.then(|| dir.keep());
            Ok(Box::new(Done { told, kept }))
        }
        Err(broken) => Err(failure(&broken, dir)),
    }
}

/// The Maildir to copy, as it is named from anywhere.
fn copied(dir: &Path) -> Result<PathBuf, Failure> {
    let dir = std::fs::canonicalize(dir)
        .map_err(|error| Failure::usage(format!("{}: {error}", dir.display())))?;
    if dir.join("cur").is_dir() {
        return Ok(dir);
    }
    let what = format!("{} is not a Maildir", dir.display());
    Err(Failure::usage(what).next("name the directory that holds `cur`"))
}

fn failure(broken: &Broken, dir: tempfile::TempDir) -> Failure {
    match broken {
        Broken::Stopped | Broken::TooFew(_) => Failure::new(Problem::Error, broken.to_string())
            .meaning("the tour's directory is removed; your own mail had no part in it"),
        Broken::Io(_) | Broken::Exit { .. } | Broken::Messages { .. } => {
            let kept = dir.keep();
            Failure::new(Problem::Error, broken.to_string())
                .meaning("mailvc did not do here what it should; your own mail had no part in it")
                .next(format!("look into {}; then remove it", kept.display()))
        }
    }
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        page.line("");
        for (number, step) in (1..).zip(&self.told.steps) {
            page.line(format!(
                "{number:>3}. {:<50}{}",
                step.title,
                time(step.took)
            ));
        }
        page.line(format!("     {:<50}{}", "", time(self.total())));
        page.line(format!(
            "All as promised: {} vanished, all came back; {} in each Maildir, the same ones.",
            count(self.told.saved),
            count(self.told.files)
        ));
        match &self.kept {
            Some(dir) => page.line(format!(
                "Look around in {}: `HOME={}/laptop mailvc log`",
                dir.display(),
                dir.display()
            )),
            None => page.note("The directory is removed; --keep leaves it there."),
        }
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .told
            .steps
            .iter()
            .map(|step| json!({ "title": step.title, "seconds": step.took.as_secs_f64() }))
            .collect();
        json!({
            "steps": steps,
            "seconds": self.total().as_secs_f64(),
            "files": self.told.files,
            "restored": self.told.saved,
            "kept": self.kept.as_ref().map(|dir| dir.to_string_lossy()),
        })
    }
}

impl Done {
    fn total(&self) -> Duration {
        self.told.steps.iter().map(|step| step.took).sum()
    }
}

fn time(took: Duration) -> String {
    format!("{:>6.2} s", took.as_secs_f64())
}
