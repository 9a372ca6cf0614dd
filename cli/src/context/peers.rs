use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use mailvc_store::object::{BlobId, Occasion, SnapshotId};
use mailvc_store::odb::ObjectRead;
use mailvc_store::repo::{
    LockRequest, MergeReport, MergeRequest, RemoteConfig, RepoError, Repository, SnapshotRequest,
};
use mailvc_transport::remote::{self, Call, Connection, Means, RemoteError};
use mailvc_transport::session::Consent;
use mailvc_transport::ssh::{SshOptions, Timeouts};
use mailvc_transport::wire::Verb;

use super::recording::merge_stop;
use super::{Context, call_out, recorded, title, transitioned};
use crate::config::{self, UserConfig};
use crate::error::Failure;
use crate::output::{HeldThere, Merged, Recorded, Session, Sessions};
use crate::prompt::TerminalPrompt;

/// How often a yes is given again to a device whose mail changed meanwhile.
const ANSWERS: usize = 3;

/// The other devices, and how to reach them.
pub(crate) struct Peers<'a> {
    context: &'a Context,
    repo: &'a mut Repository,
    ssh: Arc<SshOptions>,
    command: &'a str,
    /// Whoever talks with the person has it.
    terminal: Arc<Mutex<()>>,
    /// The remote that is connected to ahead of its session.
    ahead: Option<(String, Connecting)>,
}

type Connecting = JoinHandle<Result<Connection, RemoteError>>;

impl<'a> Peers<'a> {
    /// The devices that a store knows.
    pub(crate) fn new(
        context: &'a Context,
        repo: &'a mut Repository,
        command: &'a str,
    ) -> Result<Self, Failure> {
        let user = UserConfig::load()?.ssh;
        let program = std::env::var("MAILVC_SSH")
            .ok()
            .filter(|text| !text.is_empty());
        let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
        let mut timeouts = Timeouts::default();
        if let Some(silence) = repo.peer_patience() {
            timeouts.idle = silence;
        }
        let terminal = Arc::new(Mutex::new(()));
        let ssh = SshOptions {
            config_file: config::variable("MAILVC_SSH_CONFIG").or(user.config),
            command: program.or(user.command).map(words),
            prompt: TerminalPrompt::new(&terminal).map(|prompt| Box::new(prompt) as _),
            timeouts,
            ..SshOptions::default()
        };
        Ok(Self {
            context,
            repo,
            ssh: Arc::new(ssh),
            command,
            terminal,
            ahead: None,
        })
    }

    /// The remotes that a command means: the one that is named, else all.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<Vec<String>, Failure> {
        let remotes = &self.repo.config().remotes;
        match name {
            Some(name) if remotes.contains_key(name) => Ok(vec![name.to_owned()]),
            Some(name) => Err(RepoError::UnknownRemote(name.to_owned()).into()),
            None if remotes.is_empty() => Err(Failure::usage("there is no remote to talk to")
                .meaning("nothing was changed")
                .next("`mailvc remote add NAME URL` names one")),
            None => Ok(remotes.keys().cloned().collect()),
        }
    }

    /// The store.
    pub(crate) fn repo(&self) -> &Repository {
        self.repo
    }

    fn lock(&self) -> LockRequest<'_> {
        self.context.request(self.repo, self.command)
    }

    fn remote(&self, name: &str) -> Result<RemoteConfig, RepoError> {
        let missing = || RepoError::UnknownRemote(name.to_owned());
        let remotes = &self.repo.config().remotes;
        remotes.get(name).cloned().ok_or_else(missing)
    }

    fn connect(&self, remote: &RemoteConfig) -> Result<Connecting, RemoteError> {
        let (ssh, remote) = (Arc::clone(&self.ssh), remote.clone());
        let silence = self.repo.peer_patience();
        let connect = move || {
            let home = config::home();
            let means = Means {
                ssh: &ssh,
                home: home.as_deref(),
                silence,
            };
            remote::connect(&remote, &means)
        };
        let thread = thread::Builder::new().name("connect".to_owned());
        thread.spawn(connect).map_err(RemoteError::Start)
    }

    /// Has a session with a remote, and remembers which device answered.
    pub(crate) fn call(
        &mut self,
        name: &str,
        verb: Verb,
        consent: &Consent,
    ) -> Result<Session, Failure> {
        let config = self.remote(name)?;
        let connecting = match self.ahead.take_if(|(remote, _)| remote == name) {
            Some((_, connecting)) => connecting,
            None => self.connect(&config)?,
        };
        let connection = connecting
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))?;
        let call = Call {
            repo: self.repo,
            name,
            remote: &config,
            verb,
            consent: consent.clone(),
        };
        let mut report = remote::call(&call, connection, &self.lock())?;
        let mut found = report.outcome.recorded.take();
        let done = report.outcome.merged.take();
        if !consent.dry_run {
            self.remember(name, &config, report.session.peer.device.to_string())?;
        }
        let recorded = match &mut found {
            Some(found) => Some(recorded(self.context, self.repo.odb(), found)?),
            None => None,
        };
        let merged = match (done, report.session.peer.tip) {
            (Some(done), Some(tip)) => {
                let places = (&*self.repo, self.repo.odb() as &dyn ObjectRead);
                Some(merged(
                    self.context,
                    places,
                    done,
                    (tip, name, self.command),
                )?)
            }
            _ => None,
        };
        Ok(Session {
            remote: name.to_owned(),
            in_step: report.session.in_step,
            own: self.repo.config().device.clone(),
            there: self.held_there(&report),
            call: report,
            recorded,
            merged,
        })
    }

    fn remember(
        &mut self,
        name: &str,
        known: &RemoteConfig,
        device: String,
    ) -> Result<(), Failure> {
        if known.device.is_some() {
            return Ok(());
        }
        let _lock = self.repo.lock_store(&self.lock())?;
        let mut config = Repository::open(Context::fs(), self.repo.layout().root())?
            .config()
            .clone();
        if let Some(remote) = config.remotes.get_mut(name) {
            remote.device = Some(device);
        }
        Ok(self.repo.set_config(config)?)
    }

    /// Has sessions with remotes, one after the other. Of several, one that fails does not keep the
    /// others from theirs.
    pub(crate) fn each(
        &mut self,
        names: Vec<String>,
        done: &mut Sessions,
        mut session: impl FnMut(&mut Self, &str) -> Result<Session, Failure>,
    ) -> Result<(), Failure> {
        let alone = names.len() == 1;
        for name in names {
            match session(self, &name) {
                Ok(session) => done.had.push(session),
                Err(failure) if alone => return Err(failure),
                Err(failure) => done.failed.push((name, failure)),
            }
        }
        Ok(())
    }

    /// Records the Maildir, if it changed, before others are told of it.
    pub(crate) fn record(&self, yes: Option<u64>) -> Result<Recorded, Failure> {
        let locked = self.context.lock(self.repo, self.command)?;
        let mut report = locked.snapshot(&SnapshotRequest {
            yes,
            ..SnapshotRequest::default()
        })?;
        let found = recorded(self.context, locked.odb(), &mut report)?;
        drop(locked);
        call_out(self.context, self.repo, &found);
        Ok(found)
    }

    /// Records the Maildir before these remotes are told of it. The first of them is connected to
    /// meanwhile; its session tells how that went.
    pub(crate) fn record_for(
        &mut self,
        names: &[String],
        yes: Option<u64>,
    ) -> Result<Recorded, Failure> {
        let terminal = Arc::clone(&self.terminal);
        let ours = terminal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.first() {
            let connecting = self.connect(&self.remote(name)?)?;
            self.ahead = Some((name.clone(), connecting));
        }
        let recorded = self.record(yes);
        if recorded.is_err() {
            // The command ends here: nobody is asked about a connection that nobody wants.
            std::mem::forget(ours);
        }
        recorded
    }

    /// Has a session in which both ends merge. What the other end's guard holds and the person has
    /// said yes to, by its number, is answered in a further one.
    pub(crate) fn sync(&mut self, name: &str, consent: &Consent) -> Result<Session, Failure> {
        let mut session = self.call(name, Verb::Sync, consent)?;
        let mut answered = false;
        for _ in 0..ANSWERS {
            let again = self.answer(&session, consent)?;
            // What was let go there has yet to come here, where the same yes counts.
            let on_its_way = answered && !session.in_step && session.there.is_empty();
            if !again && !on_its_way {
                break;
            }
            answered = true;
            let mut next = self.call(name, Verb::Sync, consent)?;
            next.follow(session);
            session = next;
        }
        Ok(session)
    }

    /// Gives the yes that the other end waits for, if it is the one that was said here.
    fn answer(&self, session: &Session, consent: &Consent) -> Result<bool, Failure> {
        let mut answered = false;
        for held in session.there.iter().filter(|held| held.may_answer) {
            if consent.yes == Some(held.number()) {
                self.repo
                    .answer(held.occasion, &held.messages, &self.lock())?;
                answered = true;
            }
        }
        Ok(answered)
    }

    /// What the other end holds, each occasion by itself.
    fn held_there(&self, report: &remote::Report) -> Vec<HeldThere> {
        let mut found: BTreeMap<Occasion, Vec<BlobId>> = BTreeMap::new();
        for part in &report.session.held {
            let messages = found.entry(part.occasion).or_default();
            messages.extend(&part.messages);
        }
        let may_answer = report.session.done.as_ref();
        let may_answer = may_answer.is_some_and(|done| done.may_answer);
        let verbose = self.context.output().is_verbose();
        let name = |id: &BlobId| format!("{}  {}", id.short(), title(self.repo.odb(), *id));
        found
            .into_iter()
            .map(|(occasion, messages)| HeldThere {
                occasion,
                names: messages.iter().filter(|_| verbose).map(name).collect(),
                messages,
                may_answer,
            })
            .collect()
    }

    /// Merges what a session brought, as far as it was not merged within it.
    pub(crate) fn merge(&self, session: &mut Session, consent: &Consent) -> Result<(), Failure> {
        let Some(tip) = session.call.session.peer.tip else {
            return Ok(());
        };
        let locked = self.context.lock(self.repo, self.command)?;
        let mut found = locked.snapshot(&SnapshotRequest {
            yes: consent.yes,
            dry_run: consent.dry_run,
            ..SnapshotRequest::default()
        })?;
        let request = MergeRequest {
            tip,
            why: format!("merge {}", session.call.session.peer.name),
            yes: consent.yes,
            keep_newer: consent.keep_newer,
            dry_run: consent.dry_run,
        };
        let done = locked.merge(&found, &request)?;
        session.recorded = Some(recorded(self.context, locked.odb(), &mut found)?);
        let from = (tip, session.remote.as_str(), self.command);
        let done = merged(self.context, (self.repo, locked.odb()), done, from)?;
        session.merged = Some(done);
        session.in_step = self.repo.local()? == Some(tip);
        Ok(())
    }
}

/// What a merge of the line `tip` did, as it is told. `whose` it was, and the command that merged.
pub(crate) fn merged(
    context: &Context,
    (repo, odb): (&Repository, &dyn ObjectRead),
    report: MergeReport,
    (tip, whose, command): (SnapshotId, &str, &str),
) -> Result<Merged, Failure> {
    Ok(Merged {
        name: whose.to_owned(),
        done: report
            .transition
            .map(|done| transitioned(context, odb, done)),
        stop: merge_stop((context, repo), tip, (whose, command), report.held)?,
        conflicts: report.conflicts,
        flagged: report.flagged,
        makers: report.makers,
    })
}
