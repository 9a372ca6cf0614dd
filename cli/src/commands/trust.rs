use std::path::Path;

use clap::Subcommand;
use mailvc_store::object::DeviceId;
use mailvc_store::repo::{Device, Repository, Trust};
use mailvc_store::sign::PublicKey;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Failure, Problem};
use crate::output::{Page, Report};

/// The longest key file that is read, in bytes.
const MAX_KEY: usize = 64 << 10;

/// Arguments of `trust`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the devices whose snapshots count
    List,
    /// Lets a device's snapshots count
    Add {
        /// Its public key: a file, or the line itself; or the name of a device that is trusted
        /// already, to give it other marks
        #[arg(value_name = "KEY")]
        key: String,
        /// What to call it [default: the key's comment]
        #[arg(long, value_name = "DEVICE")]
        name: Option<String>,
        /// Trust devices that are met only through it as well
        #[arg(long)]
        introduce: bool,
        /// Let it allow deletions for everybody
        #[arg(long)]
        approve: bool,
    },
    /// Lets a device's snapshots count no more; what was merged stays
    Revoke {
        /// Its name, or the start of its id
        #[arg(value_name = "DEVICE")]
        device: String,
    },
}

struct List {
    own: DeviceId,
    trust: Trust,
}

struct Done {
    what: &'static str,
    device: Device,
}

/// Says whose snapshots count.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let repo = context.repo()?;
    match &args.action {
        Action::List => Ok(Box::new(List {
            own: repo.device_id()?,
            trust: repo.trust()?,
        })),
        Action::Add {
            key,
            name,
            introduce,
            approve,
        } => {
            let mut device = match repo.trust()?.find(key) {
                Ok(known) if !Path::new(key).is_file() => renamed(known, name.as_deref())?,
                _ => device(key, name.as_deref())?,
            };
            device.introduce = *introduce;
            device.approve = *approve;
            change(context, &repo, |trust| trust.add(device.clone()))?;
            let what = "its snapshots count from now on";
            Ok(Box::new(Done { what, device }))
        }
        Action::Revoke { device } => {
            let device = repo.trust()?.find(device)?.clone();
            if device.id == repo.device_id()? {
                return Err(Failure::usage("this device cannot revoke itself").next(
                    "revoke it from another one; `mailvc key renew` gives this one a new key",
                ));
            }
            let local = repo.local()?;
            change(context, &repo, |trust| trust.revoke(device.id, local))?;
            let what = "its snapshots count no more; what was merged of it stays";
            Ok(Box::new(Done { what, device }))
        }
    }
}

/// Changes who is trusted, under the store's lock.
fn change(
    context: &Context,
    repo: &Repository,
    edit: impl FnOnce(&mut Trust),
) -> Result<(), Failure> {
    context.refuse_dry_run("mailvc trust")?;
    let _lock = repo.lock_store(&context.request(repo, "mailvc trust"))?;
    let mut trust = repo.trust()?;
    edit(&mut trust);
    Ok(trust.save(&**repo.fs(), repo.layout())?)
}

fn renamed(known: &Device, name: Option<&str>) -> Result<Device, Failure> {
    let name = name.unwrap_or(&known.name);
    mailvc_store::repo::check_name(name)?;
    Ok(Device::new(known.key.clone(), name))
}

fn device(key: &str, name: Option<&str>) -> Result<Device, Failure> {
    let line = if Path::new(key).is_file() {
        let text = std::fs::read_to_string(key);
        let text = text.map_err(|error| Failure::new(Problem::Error, format!("{key}: {error}")))?;
        text.chars().take(MAX_KEY).collect()
    } else {
        key.to_owned()
    };
    let line = line.trim();
    let public = PublicKey::from_openssh(line).map_err(|error| {
        Failure::new(Problem::Error, format!("{key}: {error}"))
            .next("on the other device, `mailvc key show` prints its public key")
    })?;
    let comment = line.split_ascii_whitespace().nth(2).unwrap_or_default();
    if let Some(name) = name {
        mailvc_store::repo::check_name(name)?;
    }
    Ok(Device::new(public, name.unwrap_or(comment)))
}

fn json(device: &Device) -> Value {
    json!({
        "id": device.id.to_string(),
        "name": device.name,
        "key": device.key.to_openssh(),
        "fingerprint": device.key.fingerprint(),
        "introduce": device.introduce,
        "approve": device.approve,
    })
}

impl Report for List {
    fn human(&self, page: &mut Page) {
        for device in self.trust.devices() {
            let marks = [
                (device.id == self.own, "  this device"),
                (device.introduce, "  introduces others"),
                (device.approve, "  allows deletions"),
            ];
            let marks: String = marks
                .into_iter()
                .filter_map(|(set, mark)| set.then_some(mark))
                .collect();
            let print = device.key.fingerprint();
            page.line(format!(
                "{}  {}  {print}{marks}",
                device.id.short(),
                device.name
            ));
        }
        for id in self.trust.revoked() {
            page.line(format!("{}  revoked", id.short()));
        }
    }

    fn json(&self) -> Value {
        let devices = self.trust.devices().map(json).collect::<Vec<_>>();
        let revoked = self.trust.revoked().map(ToString::to_string);
        json!({
            "own": self.own.to_string(),
            "devices": devices,
            "revoked": revoked.collect::<Vec<_>>(),
        })
    }
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        let device = &self.device;
        page.note(format!(
            "{} ({}): {}",
            device.name,
            device.id.short(),
            self.what
        ));
    }

    fn json(&self) -> Value {
        json!({ "device": json(&self.device) })
    }
}
