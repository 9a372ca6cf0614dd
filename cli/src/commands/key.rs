use clap::Subcommand;
use mailvc_store::object::DeviceId;
use mailvc_store::repo::Repository;
use mailvc_store::sign::{PublicKey, Signer};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Failure;
use crate::output::{Page, Report};

/// Arguments of `key`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the public key by which others know this device
    Show,
    /// Makes a new key: this device is another one from now on
    Renew,
}

struct Key {
    renewed: bool,
    name: String,
    public: PublicKey,
}

/// Shows the key of this device, or makes a new one.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut repo: Repository = context.repo()?;
    let renewed = matches!(args.action, Action::Renew);
    if renewed {
        context.refuse_dry_run("mailvc key renew")?;
        repo.renew_key()?;
    }
    Ok(Box::new(Key {
        renewed,
        name: repo.config().device.clone(),
        public: repo.device_key()?.public_key().clone(),
    }))
}

impl Key {
    fn id(&self) -> DeviceId {
        DeviceId::of_public_key(&self.public.wire_bytes())
    }
}

impl Report for Key {
    fn human(&self, page: &mut Page) {
        if self.renewed {
            page.note(
                "this device has a new key; others meet it when they next sync with it, or by \
                 `mailvc trust add`",
            );
        }
        page.line(format!("{} {}", self.public.to_openssh(), self.name));
        let id = self.id();
        page.note(format!("device {id}, {}", self.public.fingerprint()));
    }

    fn json(&self) -> Value {
        json!({
            "renewed": self.renewed,
            "device": self.id().to_string(),
            "device_name": self.name,
            "key": self.public.to_openssh(),
            "fingerprint": self.public.fingerprint(),
        })
    }
}
