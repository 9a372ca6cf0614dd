//! What every command starts from: the options that all have, the store that they mean, and the
//! locks on it.

mod calling;
mod exporting;
mod history;
mod mail;
mod peers;
mod recording;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use mailvc_store::fs::{Holder, OsFs, SharedFs};
use mailvc_store::object::{BlobId, SnapshotId};
use mailvc_store::progress::Progress;
use mailvc_store::repo::{LockRequest, Locked, RepoError, Repository, Selection};

pub(crate) use calling::{call_out, call_out_merge, call_out_stop};
pub(crate) use exporting::export;
pub(crate) use history::{Refs, line, ref_text};
pub(crate) use peers::{Peers, merged};
pub(crate) use recording::{
    changes, merge_stop, record, record_what_is_there, recorded, refused, transitioned,
};

use mail::title;

use crate::config::{self, UserConfig};
use crate::error::{Failure, Problem};
use crate::output::{Output, Terminal, parse_time};
use crate::signal;

/// Options of all commands.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of all commands")]
#[allow(clippy::struct_excessive_bools)] // switches, each by itself
pub(crate) struct Options {
    /// The account, if there are several
    #[arg(
        short,
        long,
        global = true,
        value_name = "ACCOUNT",
        conflicts_with = "store"
    )]
    account: Option<String>,
    /// The store's directory
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Answer as one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Say only what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say every name
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Say what would be done, and change nothing
    #[arg(long, global = true)]
    dry_run: bool,
    /// Allow exactly N messages to be deleted
    #[arg(long, global = true, value_name = "N")]
    yes_delete: Option<u64>,
}

/// What a command starts from.
pub(crate) struct Context {
    options: Options,
    terminal: Terminal,
    waiting: Box<dyn Fn(&Holder)>,
}

impl Context {
    /// Reads nothing yet.
    pub(crate) fn new(options: Options) -> Self {
        let output = Output::new(options.json, options.quiet, options.verbose);
        let told = RefCell::new(String::new());
        // One command takes several locks; who is waited for is said once.
        let waiting = move |holder: &Holder| {
            let text = format!("waiting for {holder}");
            if *told.borrow() != text {
                output.aside(&text);
                told.replace(text);
            }
        };
        Self {
            terminal: Terminal::new(output.shows_progress(), signal::watch()),
            waiting: Box::new(waiting),
            options,
        }
    }

    /// How to speak.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.options.json, self.options.quiet, self.options.verbose)
    }

    /// Whether nothing is to be changed.
    pub(crate) fn dry_run(&self) -> bool {
        self.options.dry_run
    }

    /// For a command that cannot tell what it would do without doing it.
    pub(crate) fn refuse_dry_run(&self, command: &str) -> Result<(), Failure> {
        if self.dry_run() {
            return Err(Failure::usage(format!("`{command}` has no dry run")));
        }
        Ok(())
    }

    /// How many deletions the person allows.
    pub(crate) fn yes(&self) -> Option<u64> {
        self.options.yes_delete
    }

    /// Is told how the work advances.
    pub(crate) fn progress(&self) -> &dyn Progress {
        &self.terminal
    }

    /// The file system.
    pub(crate) fn fs() -> SharedFs {
        Arc::new(OsFs)
    }

    /// The store's directory: as an option, a variable, the settings, or the convention say.
    pub(crate) fn store_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.options.store {
            return Ok(dir.clone());
        }
        if self.options.account.is_none()
            && let Some(dir) = config::variable("MAILVC_STORE")
        {
            return Ok(dir);
        }
        let user = UserConfig::load()?;
        let name = self.options.account.as_ref().or(user.default.as_ref());
        let name = name.map_or("default", String::as_str);
        if let Some(account) = user.accounts.get(name) {
            return Ok(account.store.clone());
        }
        mailvc_store::repo::check_name(name)?;
        let data = config::xdg("XDG_DATA_HOME", ".local/share").ok_or_else(|| {
            Failure::new(Problem::Error, "there is no home directory")
                .next("name a store: --store DIR")
        })?;
        Ok(data.join("mailvc").join(name))
    }

    /// The store.
    pub(crate) fn repo(&self) -> Result<Repository, Failure> {
        Ok(Repository::open(Self::fs(), &self.store_dir()?)?)
    }

    /// Who asks for a lock; `command` is what others are told.
    pub(crate) fn request<'a>(&'a self, repo: &Repository, command: &'a str) -> LockRequest<'a> {
        LockRequest {
            command,
            patience: repo.patience(),
            waiting: &*self.waiting,
            progress: &self.terminal,
        }
    }

    /// Locks the store and its Maildir. A dry run refuses where this would already change
    /// something.
    pub(crate) fn lock<'a>(
        &'a self,
        repo: &'a Repository,
        command: &'a str,
    ) -> Result<Locked<'a>, Failure> {
        if repo.layout().applying().exists() {
            if self.dry_run() {
                let what = "an interrupted command left its work half done";
                return Err(Failure::new(Problem::Error, what)
                    .meaning("no message is lost; any command that is no dry run finishes it first")
                    .next("`mailvc snapshot`"));
            }
            self.output()
                .aside("first finishing what an interrupted command began");
        }
        Ok(repo.lock(&self.request(repo, command))?)
    }

    /// The messages that a person wants of a state: all, or those of one folder.
    pub(crate) fn selection(
        repo: &Repository,
        from: SnapshotId,
        folder: Option<&str>,
    ) -> Result<Selection, Failure> {
        match folder {
            None => Ok(Selection::All),
            Some(name) => {
                let path = repo.folder_named(name, &repo.folders(from)?)?;
                Ok(Selection::Folder(path))
            }
        }
    }

    /// The message that a person names by its id or the start of it.
    pub(crate) fn message(repo: &Repository, text: &str) -> Result<BlobId, Failure> {
        let prefix = text.parse().map_err(RepoError::from)?;
        match repo.resolve_blob(&prefix)?.as_slice() {
            [id] => Ok(*id),
            [] => {
                let what = format!("no stored message has the id {text}");
                Err(Failure::new(Problem::Error, what))
            }
            _ => {
                let what = format!("{text} could be any of several messages");
                Err(Failure::new(Problem::Error, what).next("give more digits"))
            }
        }
    }

    /// The snapshot that a person names.
    pub(crate) fn resolve(repo: &Repository, text: &str) -> Result<SnapshotId, Failure> {
        Ok(repo.resolve(text, &parse_time)?)
    }
}
