use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use mailvc_store::repo::{InitRequest, LayoutName, RepoError, Repository, SnapshotRequest};
use serde_json::{Value, json};

use crate::config;
use crate::context::{Context, line, recorded};
use crate::error::{Exit, Failure};
use crate::output::{Page, Recorded, Report, SnapshotLine, bytes, of};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Maildir [default: ~/Maildir]
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// How folders lie in it
    #[arg(long, value_enum, default_value_t = LayoutArg::Auto)]
    layout: LayoutArg,
    /// What to call this device [default: the host's name]
    #[arg(long, value_name = "DEVICE")]
    name: Option<String>,
}

/// A layout, or that it is to be found out.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutArg {
    /// `.A.B`, as Dovecot and Courier have it
    #[value(name = "maildir++")]
    MaildirPlusPlus,
    /// `A/B`, as directories
    Nested,
    /// Look what is there
    Auto,
}

struct Done {
    store: PathBuf,
    maildir: PathBuf,
    layout: LayoutName,
    device: String,
    snapshot: Option<SnapshotLine>,
    recorded: Recorded,
}

/// Puts a Maildir under mailvc.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    context.refuse_dry_run("mailvc init")?;
    let dir = context.store_dir()?;
    let maildir = match &args.maildir {
        Some(dir) => dir.clone(),
        None => config::home()
            .map(|home| home.join("Maildir"))
            .ok_or_else(|| Failure::usage("name the Maildir: --maildir DIR"))?,
    };
    let request = InitRequest {
        maildir,
        layout: match args.layout {
            LayoutArg::MaildirPlusPlus => Some(LayoutName::MaildirPlusPlus),
            LayoutArg::Nested => Some(LayoutName::Nested),
            LayoutArg::Auto => None,
        },
        name: args.name.clone().unwrap_or_else(config::host),
        make_maildir: false,
        remotes: BTreeMap::new(),
    };
    let repo = init(&dir, &request)?;
    let locked = context.lock(&repo, "mailvc init")?;
    let mut report = locked.snapshot(&SnapshotRequest::default())?;
    let known = repo.config().maildir.as_ref().ok_or(RepoError::NoMaildir)?;
    Ok(Box::new(Done {
        store: repo.layout().root().to_owned(),
        maildir: known.path.clone(),
        layout: known.layout,
        device: repo.config().device.clone(),
        snapshot: report.id.map(|id| line(locked.odb(), id)).transpose()?,
        recorded: recorded(context, locked.odb(), &mut report)?,
    }))
}

/// Makes the store; goes on with one that an interrupted `init` of the same Maildir left.
fn init(dir: &Path, request: &InitRequest) -> Result<Repository, Failure> {
    match Repository::init(Context::fs(), dir, request) {
        Err(RepoError::Exists(path)) => {
            let repo = Repository::open(Context::fs(), dir)?;
            let root = std::fs::canonicalize(&request.maildir).ok();
            let same = repo.maildir().map(|maildir| maildir.root) == root;
            if same && repo.local()?.is_none() {
                return Ok(repo);
            }
            Err(RepoError::Exists(path).into())
        }
        other => Ok(other?),
    }
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        page.note(format!(
            "{} is under mailvc, as device {}; the store is {}",
            self.maildir.display(),
            self.device,
            self.store.display()
        ));
        if let Some(line) = &self.snapshot {
            let sums = line.snapshot.sums;
            let what = if self.recorded.new {
                "recorded"
            } else {
                "nothing changed since"
            };
            page.note(format!(
                "{what} {}: {} in {}",
                line.id.short(),
                of(sums.copies, "file"),
                bytes(sums.bytes)
            ));
        } else {
            page.note("the Maildir is empty: nothing was recorded yet");
        }
        self.recorded.warn(page);
    }

    fn json(&self) -> Value {
        let layout = match self.layout {
            LayoutName::MaildirPlusPlus => "maildir++",
            LayoutName::Nested => "nested",
        };
        json!({
            "store": self.store.to_string_lossy(),
            "maildir": self.maildir.to_string_lossy(),
            "layout": layout,
            "device_name": self.device,
            "snapshot": self.snapshot.as_ref().map(SnapshotLine::json),
            "recorded": self.recorded.json(),
        })
    }

    fn exit(&self) -> Exit {
        self.recorded.exit()
    }
}
