use mailvc_store::refs::RefName;
use mailvc_store::repo::{RemoteConfig, RepoError, check_name};
use mailvc_transport::remote::RemoteUrl;
use serde_json::{Value, json};

use crate::config;
use crate::context::Context;
use crate::error::{Failure, Problem};
use crate::output::{Page, Report};

/// Arguments of `remote`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Names another device
    Add {
        /// What to call it here
        name: String,
        /// Where it is: HOST[:ACCOUNT], ssh://HOST/PATH/TO/STORE, or a path
        url: String,
        /// The mailvc program there, if it is not found by its name
        #[arg(long, value_name = "PATH")]
        command: Option<String>,
    },
    /// Lists the other devices
    List,
    /// Forgets a device; what came from it stays
    Remove {
        /// What it is called here
        name: String,
    },
}

struct Done {
    said: String,
    remotes: Vec<(String, RemoteConfig, Option<String>)>,
    listed: bool,
}

/// Names other devices.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut repo = context.repo()?;
    let mut said = String::new();
    if !matches!(args.action, Action::List) {
        context.refuse_dry_run("mailvc remote")?;
        let lock = repo.lock_store(&context.request(&repo, "mailvc remote"))?;
        let mut config = repo.config().clone();
        said = change(&args.action, &mut config.remotes)?;
        repo.set_config(config)?;
        drop(lock);
    }
    let trust = repo.trust()?;
    let mut remotes = Vec::new();
    for (name, remote) in &repo.config().remotes {
        let id = remote.device.as_deref().and_then(|id| id.parse().ok());
        let device = id
            .and_then(|id| trust.device(id))
            .map(|device| device.name.clone());
        remotes.push((name.clone(), remote.clone(), device));
    }
    let listed = matches!(args.action, Action::List);
    Ok(Box::new(Done {
        said,
        remotes,
        listed,
    }))
}

fn change(
    action: &Action,
    remotes: &mut std::collections::BTreeMap<String, RemoteConfig>,
) -> Result<String, Failure> {
    match action {
        Action::List => Ok(String::new()),
        Action::Add { name, url, command } => {
            check_name(name)?;
            RefName::remote(name).map_err(RepoError::from)?;
            let parsed =
                RemoteUrl::parse(url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
            let url = match parsed {
                RemoteUrl::Path(path) => std::path::absolute(config::expand(&path))
                    .map_or_else(|_| url.clone(), |path| path.display().to_string()),
                RemoteUrl::Ssh(_) => url.clone(),
            };
            if remotes.contains_key(name) {
                return Err(
                    Failure::new(Problem::Error, format!("there is a remote `{name}`"))
                        .meaning("nothing was changed")
                        .next(format!("`mailvc remote remove {name}` forgets it first")),
                );
            }
            let remote = RemoteConfig {
                url,
                command: command.clone(),
                device: None,
                introduce: false,
            };
            remotes.insert(name.clone(), remote);
            Ok(format!(
                "`mailvc sync {name}` brings this Maildir into step with it"
            ))
        }
        Action::Remove { name } => match remotes.remove(name) {
            Some(_) => Ok(format!("{name} is forgotten; what came from it stays")),
            None => Err(RepoError::UnknownRemote(name.clone()).into()),
        },
    }
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        if !self.listed {
            page.note(&self.said);
            return;
        }
        if self.remotes.is_empty() {
            page.note("no remotes");
        }
        for (name, remote, device) in &self.remotes {
            let device = device
                .as_ref()
                .map_or_else(String::new, |name| format!("  ({name})"));
            page.line(format!("{name}  {}{device}", remote.url));
        }
    }

    fn json(&self) -> Value {
        let remotes: Vec<Value> = self
            .remotes
            .iter()
            .map(|(name, remote, device)| {
                json!({
                    "name": name,
                    "url": remote.url,
                    "command": remote.command,
                    "device": remote.device,
                    "device_name": device,
                    "introduce": remote.introduce,
                })
            })
            .collect();
        json!({ "remotes": remotes })
    }
}
