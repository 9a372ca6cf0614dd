//! What happens in the tour, in order.

use std::path::{Path, PathBuf};

use super::deeds::{deliver, vanish, work};
use super::listening::Listening;
use super::machine::Machine;
use super::messages::{Messages, read};
use super::play::{Broken, Play, Told, holds, number, same};
use super::{fill, listening};
use crate::output::of;

/// The fewest files with which the disaster is one.
const FEWEST: u64 = 100;

/// What the tour is to be made with.
pub(crate) struct Request<'a> {
    /// Somebody's Maildir to copy; none for one that is made up.
    pub(crate) maildir: Option<PathBuf>,
    /// An empty directory, in which all of it happens.
    pub(crate) dir: &'a Path,
    /// Gets the story's lines.
    pub(crate) say: &'a dyn Fn(&str),
    /// Says whether to go no further.
    pub(crate) stopped: &'a dyn Fn() -> bool,
}

/// Who and where.
struct Stage {
    server: Machine,
    laptop: Machine,
}

/// Tells the whole story; an error is a promise that was not kept.
pub(crate) fn tell(request: &Request<'_>) -> Result<Told, Broken> {
    let stage = Stage {
        server: Machine::new("server", request.dir)?,
        laptop: Machine::new("laptop", request.dir)?,
    };
    let mut play = Play::new(request.say, request.stopped);
    let mail = play.step("A server with mail", |play| {
        stage.fill(play, request.maildir.as_deref())
    })?;
    play.step("Its mail under mailvc", |play| stage.init(play, &mail))?;
    let _listening = play.step("A laptop, by SSH", |play| stage.clone(play, &mail))?;
    let after = play.step("A day's work on both", |play| stage.day(play, &mail))?;
    play.step("What mailvc knows of it", |play| {
        play.command(&stage.laptop, "log --graph -n 6", 0)
    })?;
    let (whole, saved) = play.step("The disaster", |play| stage.disaster(play, &after))?;
    play.step("Everything comes back", |play| stage.restore(play, &whole))?;
    play.step("The state of the morning, beside it", |play| {
        stage.look_back(play, &mail)
    })?;
    play.step("Every byte of both stores", |play| {
        stage.verify(play, &whole)
    })?;
    Ok(Told {
        steps: play.into_steps(),
        files: whole.files(),
        saved,
    })
}

impl Stage {
    fn both(&self) -> [&Machine; 2] {
        [&self.server, &self.laptop]
    }

    fn fill(&self, play: &Play<'_>, maildir: Option<&Path>) -> Result<Messages, Broken> {
        let (server, laptop) = (self.server.maildir(), self.laptop.maildir());
        match maildir {
            Some(dir) => {
                fill::copy(dir, &server)?;
                fill::home(&self.laptop.home)?;
                play.line(&format!("   The server gets a copy of {}.", dir.display()));
            }
            None => fill::make_up(&server, &laptop)?,
        }
        let mail = read(&server)?;
        if mail.files() < FEWEST {
            return Err(Broken::TooFew(mail.files()));
        }
        play.line(&format!(
            "   The server has {} of messages.",
            of(mail.files(), "file")
        ));
        if maildir.is_none() {
            let part = of(read(&laptop)?.files(), "file");
            play.line(&format!(
                "   The laptop has {part} of them, which another program copied, in another layout."
            ));
        }
        Ok(mail)
    }

    fn init(&self, play: &Play<'_>, mail: &Messages) -> Result<(), Broken> {
        play.command(&self.server, "init --name server", 0)?;
        holds(&self.server, mail)?;
        play.checked("not a file of the Maildir has changed");
        Ok(())
    }

    fn clone(&self, play: &Play<'_>, mail: &Messages) -> Result<Listening, Broken> {
        let listening = Listening::start(&self.server, &self.laptop)?;
        let serve = listening::COMMAND.join(" ");
        play.line(&format!("   server$ mailvc {serve} &"));
        play.command(&self.laptop, "clone server --name laptop", 0)?;
        play.both_hold(self.both(), mail)?;
        play.command(&self.laptop, "tag morning", 0)?;
        Ok(listening)
    }

    fn day(&self, play: &Play<'_>, before: &Messages) -> Result<Messages, Broken> {
        let mut promised = before.clone();
        for (share, machine, new) in [(0, &self.server, 25), (1, &self.laptop, 15)] {
            deliver(&machine.maildir(), 100 * u64::from(share), new)?;
            let done = work(&machine.maildir(), share)?;
            play.line(&format!(
                "   {}: {new} new, {} with the star set or taken away, {} filed, {} deleted",
                machine.name,
                number(done.flagged),
                number(done.moved),
                number(done.deleted)
            ));
            promised = read(&machine.maildir())?.done_to(before, &promised);
        }
        play.command(&self.laptop, "sync", 0)?;
        play.both_hold(self.both(), &promised)?;
        play.command(&self.laptop, "sync", 0)?;
        Ok(promised)
    }

    /// Returns what both should hold in the end, and how many files vanished.
    fn disaster(&self, play: &Play<'_>, before: &Messages) -> Result<(Messages, u64), Broken> {
        let gone = vanish(&self.laptop.maildir())?;
        let left = read(&self.laptop.maildir())?;
        deliver(&self.server.maildir(), 200, 12)?;
        let whole = read(&self.server.maildir())?;
        play.line(&format!(
            "   {} of {} vanish on the laptop. 12 new ones reach the server.",
            number(gone),
            of(before.files(), "file")
        ));
        play.line("   Two syncs start on the laptop in the same instant:");
        play.twice(&self.laptop, "sync", 3)?;
        holds(&self.server, &whole)?;
        play.checked("the server has lost nothing");
        holds(&self.laptop, &whole.done_to(before, &left))?;
        play.checked("the laptop got the 12 new messages, each once, and lost nothing more");
        Ok((whole, gone))
    }

    fn restore(&self, play: &Play<'_>, whole: &Messages) -> Result<(), Broken> {
        play.command(&self.laptop, "restore", 0)?;
        holds(&self.laptop, whole)?;
        play.checked("every message is back in its folder, with its flags and time");
        play.command(&self.laptop, "sync", 0)?;
        play.both_hold(self.both(), whole)
    }

    fn look_back(&self, play: &Play<'_>, morning: &Messages) -> Result<(), Broken> {
        play.command(&self.laptop, "checkout tags/morning --to morning", 0)?;
        let found = read(&self.laptop.home.join("morning"))?;
        same("the directory `morning`".to_owned(), &found, morning)?;
        play.checked(&format!(
            "it holds the {} of the morning",
            of(morning.files(), "file")
        ));
        Ok(())
    }

    fn verify(&self, play: &Play<'_>, whole: &Messages) -> Result<(), Broken> {
        for machine in self.both() {
            play.command(machine, "verify --full", 0)?;
        }
        play.both_hold(self.both(), whole)
    }
}
