use std::io::{Read, Write};

use mailvc_store::object::{DeviceId, SnapshotId};
use mailvc_store::progress::Progress;

use super::blobs::{Intake, send_messages, send_yeses, take_wants};
use super::link::{Link, out_of_turn};
use super::negotiate::{Lacking, haves, lacking};
use super::offer::{Offered, offer};
use super::rounds::{Common, MAX_ROUNDS, Report};
use super::{
    Accepted, Device, Identity, Limits, Peer, ProtocolError, SessionError, Settled, Traffic,
};
use crate::wire::{
    Capabilities, Done, HeldPart, Hello, Message, Role, VERSIONS, Verb, Versions, Welcome,
};

/// The most parts of what is held that a server tells.
pub(super) const MAX_HELD: usize = 64;

/// What a client wants of a session.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What it comes for.
    pub verb: Verb,
    /// Whose mail; empty for the only account.
    pub account: &'a [u8],
    /// How much of the server's word it listens to.
    pub limits: Limits,
    /// Who is told how far it is, and can stop it.
    pub progress: &'a dyn Progress,
}

/// How a session went, on the client's end.
#[derive(Debug)]
pub struct ClientReport {
    /// The server.
    pub peer: Peer,
    /// Whether both ends had, or now have, the same tip.
    pub in_step: bool,
    /// What went to the server.
    pub sent: Traffic,
    /// What came from it.
    pub received: Traffic,
    /// What became of what came; none if nothing was to come.
    pub accepted: Option<Accepted>,
    /// What merging did here; none if there was nothing to merge.
    pub settled: Option<Settled>,
    /// What the server's guard holds back, as far as it can be answered from here.
    pub held: Vec<HeldPart>,
    /// How the server ended; none if there was nothing to do.
    pub done: Option<Done>,
}

/// Runs a session from the client's end. It makes no snapshot: the caller has, if one was due.
///
/// A server whose role for this caller allows less than the verb asks for is synced with as far
/// as it goes: one that may only be read is fetched from, and merged with here alone.
pub fn run_client<D: Device, R: Read, W: Write>(
    device: &mut D,
    stream: (R, W),
    request: &Request<'_>,
) -> Result<ClientReport, ProtocolError<D::Error>> {
    let mut link = Link::new(stream);
    let session = Session {
        device,
        link: &mut link,
        request,
        given: Vec::new(),
        is_last: true,
    };
    session.run().map_err(|error| link.conclude::<D>(error))
}

struct Session<'a, D, R, W: Write> {
    device: &'a mut D,
    link: &'a mut Link<R, W>,
    request: &'a Request<'a>,
    /// The ends of what the server was given in earlier rounds.
    given: Vec<SnapshotId>,
    /// Whether neither end has more to describe than this round holds.
    is_last: bool,
}

impl<D: Device, R: Read, W: Write> Session<'_, D, R, W> {
    fn run(mut self) -> Result<ClientReport, ProtocolError<D::Error>> {
        let mut report = self.round()?;
        for _ in 1..MAX_ROUNDS {
            if self.is_last {
                return Ok(report);
            }
            let next = self.round()?;
            report = report.followed_by(next);
        }
        Err(SessionError::Limit("rounds").into())
    }

    fn round(&mut self) -> Result<ClientReport, ProtocolError<D::Error>> {
        self.is_last = true;
        let identity = self.device.identity();
        let tip = self.device.tip().map_err(ProtocolError::Device)?;
        self.greet(&identity, tip)?;
        let (peer, server_haves, holds) = self.welcomed(&identity)?;
        let mut report = ClientReport {
            in_step: peer.tip == tip,
            peer,
            sent: Traffic::default(),
            received: Traffic::default(),
            accepted: None,
            settled: None,
            held: Vec::new(),
            done: None,
        };
        if report.in_step && !holds {
            self.link.send(Message::Bye)?;
            self.link.flush()?;
        } else {
            self.exchange(tip, server_haves, &mut report)?;
        }
        report.sent.bytes = self.link.bytes_sent();
        report.received.bytes = self.link.bytes_received();
        Ok(report)
    }

    /// The first flight.
    fn greet(
        &mut self,
        identity: &Identity,
        tip: Option<SnapshotId>,
    ) -> Result<(), ProtocolError<D::Error>> {
        let known = self.device.known().map_err(ProtocolError::Device)?;
        let hello = Hello {
            versions: VERSIONS,
            capabilities: Capabilities::default(),
            verb: self.request.verb,
            account: self.request.account.to_vec(),
            public_key: identity.public_key.clone(),
            name: identity.name.clone(),
            tip,
            haves: haves(&*self.device.odb(), tip, known)?,
            rules: identity.rules,
            extra: Vec::new(),
        };
        self.link.send(Message::Hello(hello))?;
        Ok(self.link.flush()?)
    }

    /// The start of the second flight.
    fn welcomed(
        &mut self,
        identity: &Identity,
    ) -> Result<(Peer, Vec<SnapshotId>, bool), ProtocolError<D::Error>> {
        let welcome = match self.link.receive()? {
            Message::Welcome(welcome) => welcome,
            other => return Err(out_of_turn("welcome", &other).into()),
        };
        if !VERSIONS.contains(welcome.version) {
            let (min, max) = (welcome.version, welcome.version);
            let theirs = Versions { min, max };
            let ours = VERSIONS;
            return Err(SessionError::Version { ours, theirs }.into());
        }
        let (haves, holds) = (welcome.haves.clone(), welcome.holds);
        let peer = server(welcome, identity);
        self.device.meet(&peer).map_err(ProtocolError::Device)?;
        Ok((peer, haves, holds))
    }

    /// The rest, where the tips differ.
    fn exchange(
        &mut self,
        tip: Option<SnapshotId>,
        server_haves: Vec<SnapshotId>,
        report: &mut ClientReport,
    ) -> Result<(), ProtocolError<D::Error>> {
        let Request {
            limits, progress, ..
        } = *self.request;
        let odb = self.device.odb();
        let mut intake = Intake::new(&odb, report.peer.tip);
        intake.snapshots(self.link, &limits, progress)?;
        (report.received.snapshots, report.received.messages) = intake.counts();

        intake.send_wants(self.link)?;
        let server_has = intake.peer_has().into_iter().chain(server_haves);
        let offered = self.offer(tip, server_has, report)?;
        self.is_last = offered.part.is_none() && !intake.is_part();
        let given = offered.part;
        self.link.flush()?;

        intake.messages(self.link, progress)?;
        let wants = take_wants(self.link, offered)?;
        // What came is safe before the line is used again, which may break.
        self.accept(intake, report)?;

        report.sent.messages = wants.len() as u64;
        send_messages(self.link, &odb, wants, progress)?;
        self.link.flush()?;

        if self.request.verb == Verb::Sync && report.accepted.is_some() && self.is_last {
            let settled = self.device.settle(&report.peer);
            report.settled = Some(settled.map_err(ProtocolError::Device)?);
        }
        self.done(tip, report)?;
        self.given.extend(given);
        Ok(())
    }

    /// Describes what the server lacks, as far as it may be given anything.
    fn offer(
        &mut self,
        tip: Option<SnapshotId>,
        server_has: impl Iterator<Item = SnapshotId>,
        report: &mut ClientReport,
    ) -> Result<Offered, ProtocolError<D::Error>> {
        let may_push = report.peer.role >= Role::Push && self.request.verb != Verb::Fetch;
        let lacking = if may_push {
            let yeses = self.device.yeses(report.peer.tip);
            send_yeses(self.link, yeses.map_err(ProtocolError::Device)?)?;
            let server_has = server_has.chain(self.given.iter().copied());
            let most = self.request.limits.snapshots;
            lacking(&*self.device.odb(), tip, server_has, most)?
        } else {
            Lacking::default()
        };
        let offered = offer(self.device, self.link, &lacking, self.request.progress)?;
        report.sent.snapshots = offered.snapshots;
        Ok(offered)
    }

    fn accept(
        &mut self,
        intake: Intake<'_>,
        report: &mut ClientReport,
    ) -> Result<(), ProtocolError<D::Error>> {
        if self.request.verb == Verb::Push {
            return Ok(());
        }
        if let Some(incoming) = intake.finish()? {
            let accepted = self.device.accept(&report.peer, incoming);
            report.accepted = Some(accepted.map_err(ProtocolError::Device)?);
        }
        Ok(())
    }

    /// The server's last message.
    fn done(
        &mut self,
        tip: Option<SnapshotId>,
        report: &mut ClientReport,
    ) -> Result<(), ProtocolError<D::Error>> {
        let done = loop {
            match self.link.receive()? {
                Message::Held(part) if report.held.len() < MAX_HELD => report.held.push(part),
                Message::Held(_) => return Err(SessionError::Limit("held messages").into()),
                Message::Done(done) => break done,
                other => return Err(out_of_turn("done", &other).into()),
            }
        };
        let ours = report.settled.as_ref().map_or(tip, |settled| settled.tip);
        report.in_step = done.tip == ours;
        report.done = Some(done);
        Ok(())
    }
}

impl Report for ClientReport {
    fn common(&mut self) -> Common<'_> {
        Common {
            peer: &mut self.peer,
            sent: &mut self.sent,
            received: &mut self.received,
            accepted: &mut self.accepted,
        }
    }
}

fn server(welcome: Welcome, identity: &Identity) -> Peer {
    Peer {
        device: DeviceId::of_public_key(&welcome.public_key),
        public_key: welcome.public_key,
        name: welcome.name,
        role: welcome.role,
        tip: welcome.tip,
        rules: welcome.rules.min(identity.rules),
        enrolled: welcome.enrolled,
    }
}
