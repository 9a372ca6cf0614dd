use std::io::{Read, Write};

use mailvc_store::object::{DeviceId, SnapshotId};
use mailvc_store::progress::Progress;

use super::blobs::{Intake, send_messages, send_yeses, take_wants};
use super::client::MAX_HELD;
use super::link::{Link, out_of_turn};
use super::negotiate::{Lacking, haves, lacking};
use super::offer::offer;
use super::rounds::{Common, MAX_ROUNDS, Report};
use super::{
    Accepted, Device, Identity, Limits, Peer, ProtocolError, SessionError, Settled, Traffic,
};
use crate::wire::{Capabilities, Done, ErrorCode, Hello, Message, Role, VERSIONS, Verb, Welcome};

/// What a server allows.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// What the caller may do.
    pub role: Role,
    /// How much of its word is listened to.
    pub limits: Limits,
    /// Who is told how far the session is, and can stop it.
    pub progress: &'a dyn Progress,
}

/// How a session went, on the server's end.
#[derive(Debug)]
pub struct ServerReport {
    /// The client.
    pub peer: Peer,
    /// What it came for.
    pub verb: Verb,
    /// What went to the client.
    pub sent: Traffic,
    /// What came from it.
    pub received: Traffic,
    /// What became of what came; none if nothing was to come.
    pub accepted: Option<Accepted>,
    /// What merging did; none if it was not asked for, or not allowed.
    pub settled: Option<Settled>,
}

/// A client that has said what it wants, and waits for an answer. Whoever serves several accounts
/// looks at [`hello`](Self::hello) to find the device that answers.
#[derive(Debug)]
pub struct Caller<R, W: Write> {
    link: Link<R, W>,
    hello: Hello,
}

/// Runs a session from the server's end, where there is but one device to answer.
pub fn run_server<D: Device, R: Read, W: Write>(
    device: &mut D,
    stream: (R, W),
    policy: &Policy<'_>,
) -> Result<ServerReport, ProtocolError<D::Error>> {
    Caller::greet(stream)?.serve(device, policy)
}

impl<R: Read, W: Write> Caller<R, W> {
    /// Waits for a client's first message.
    pub fn greet(stream: (R, W)) -> Result<Self, SessionError> {
        let mut link = Link::new(stream);
        match link.receive() {
            Ok(Message::Hello(hello)) => Ok(Self { link, hello }),
            Ok(other) => {
                let error = out_of_turn("hello", &other);
                link.refuse(ErrorCode::Malformed, error.to_string());
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// What the client said. Nothing of it is proven.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Sends the client away.
    pub fn refuse(mut self, code: ErrorCode, text: String) {
        self.link.refuse(code, text);
    }

    /// Answers, to the end of the session. It makes no snapshot: the caller of this has, if the
    /// role allows that one is made.
    pub fn serve<D: Device>(
        mut self,
        device: &mut D,
        policy: &Policy<'_>,
    ) -> Result<ServerReport, ProtocolError<D::Error>> {
        let session = Session {
            device,
            link: &mut self.link,
            policy,
            verb: self.hello.verb,
            given: Vec::new(),
            is_last: true,
        };
        let result = session.run(self.hello);
        result.map_err(|error| self.link.conclude::<D>(error))
    }
}

struct Session<'a, D, R, W: Write> {
    device: &'a mut D,
    link: &'a mut Link<R, W>,
    policy: &'a Policy<'a>,
    verb: Verb,
    /// The ends of what the client was given in earlier rounds.
    given: Vec<SnapshotId>,
    /// Whether neither end has more to describe than this round holds.
    is_last: bool,
}

impl<D: Device, R: Read, W: Write> Session<'_, D, R, W> {
    fn run(mut self, hello: Hello) -> Result<ServerReport, ProtocolError<D::Error>> {
        let mut report = self.round(hello)?;
        for _ in 1..MAX_ROUNDS {
            if self.is_last {
                return Ok(report);
            }
            let hello = match self.link.receive()? {
                Message::Hello(hello) if hello.verb == self.verb => hello,
                other => return Err(out_of_turn("the hello of the next round", &other).into()),
            };
            let next = self.round(hello)?;
            report = report.followed_by(next);
        }
        Err(SessionError::Limit("rounds").into())
    }

    fn round(&mut self, hello: Hello) -> Result<ServerReport, ProtocolError<D::Error>> {
        self.is_last = true;
        let version = VERSIONS.common(hello.versions);
        let version = version.ok_or(SessionError::Version {
            ours: VERSIONS,
            theirs: hello.versions,
        })?;
        if self.verb == Verb::Push && self.policy.role < Role::Push {
            return Err(SessionError::Forbidden.into());
        }
        let identity = self.device.identity();
        let client_haves = hello.haves.clone();
        let mut peer = client(hello, &identity, self.policy.role);
        peer.enrolled = self.device.meet(&peer).map_err(ProtocolError::Device)?;
        let tip = self.device.tip().map_err(ProtocolError::Device)?;
        let holds = self.is_asked() && self.device.holds();
        let equal = tip == peer.tip && !holds;
        let mut welcome = self.welcome(&identity, (version, tip), &peer)?;
        welcome.holds = holds;
        self.link.send(Message::Welcome(welcome))?;
        let mut report = ServerReport {
            peer,
            verb: self.verb,
            sent: Traffic::default(),
            received: Traffic::default(),
            accepted: None,
            settled: None,
        };
        if equal {
            self.link.flush()?;
            self.bye()?;
        } else {
            self.exchange(tip, client_haves, &mut report)?;
        }
        report.sent.bytes = self.link.bytes_sent();
        report.received.bytes = self.link.bytes_received();
        Ok(report)
    }

    fn welcome(
        &self,
        identity: &Identity,
        (version, tip): (u64, Option<SnapshotId>),
        peer: &Peer,
    ) -> Result<Welcome, ProtocolError<D::Error>> {
        let haves = if tip == peer.tip {
            Vec::new()
        } else {
            let known = self.device.known().map_err(ProtocolError::Device)?;
            haves(&*self.device.odb(), tip, known)?
        };
        Ok(Welcome {
            version,
            capabilities: Capabilities::default(),
            public_key: identity.public_key.clone(),
            name: identity.name.clone(),
            role: self.policy.role,
            tip,
            haves,
            enrolled: peer.enrolled,
            holds: false,
            rules: identity.rules,
            extra: Vec::new(),
        })
    }

    fn bye(&mut self) -> Result<(), SessionError> {
        match self.link.receive()? {
            Message::Bye => Ok(()),
            other => Err(out_of_turn("bye", &other)),
        }
    }

    fn exchange(
        &mut self,
        tip: Option<SnapshotId>,
        client_haves: Vec<SnapshotId>,
        report: &mut ServerReport,
    ) -> Result<(), ProtocolError<D::Error>> {
        let Policy {
            limits, progress, ..
        } = *self.policy;
        let odb = self.device.odb();
        let lacking = if self.verb == Verb::Push {
            Lacking::default()
        } else {
            let yeses = self.device.yeses(report.peer.tip);
            send_yeses(self.link, yeses.map_err(ProtocolError::Device)?)?;
            let client_has = client_haves.into_iter().chain(report.peer.tip);
            let client_has = client_has.chain(self.given.iter().copied());
            lacking(&*odb, tip, client_has, limits.snapshots)?
        };
        let offered = offer(self.device, self.link, &lacking, progress)?;
        report.sent.snapshots = offered.snapshots;
        let given = offered.part;
        self.link.flush()?;

        let wants = take_wants(self.link, offered)?;
        report.sent.messages = wants.len() as u64;
        let may_push = self.policy.role >= Role::Push && self.verb != Verb::Fetch;
        // From a client that may leave nothing, nothing is all that is listened to.
        let client_tip = report.peer.tip.filter(|_| may_push);
        let limits = if may_push {
            limits
        } else {
            Limits {
                snapshots: 0,
                ..limits
            }
        };
        let mut intake = Intake::new(&odb, client_tip);
        intake.snapshots(self.link, &limits, progress)?;
        (report.received.snapshots, report.received.messages) = intake.counts();
        self.is_last = given.is_none() && !intake.is_part();
        self.given.extend(given);

        send_messages(self.link, &odb, wants, progress)?;
        intake.send_wants(self.link)?;
        self.link.flush()?;

        intake.messages(self.link, progress)?;
        if let Some(incoming) = intake.finish()? {
            let accepted = self.device.accept(&report.peer, incoming);
            report.accepted = Some(accepted.map_err(ProtocolError::Device)?);
        }
        let done = self.settle(report)?;
        self.link.send(Message::Done(done))?;
        Ok(self.link.flush()?)
    }

    /// Whether the client wants this device to merge, and may.
    fn is_asked(&self) -> bool {
        self.verb == Verb::Sync && self.policy.role == Role::Sync
    }

    fn settle(&mut self, report: &mut ServerReport) -> Result<Done, ProtocolError<D::Error>> {
        if !self.is_asked() || report.accepted.is_none() || !self.is_last {
            let tip = self.device.tip().map_err(ProtocolError::Device)?;
            return Ok(Done {
                tip,
                ..Done::default()
            });
        }
        let settled = self.device.settle(&report.peer);
        let settled = settled.map_err(ProtocolError::Device)?;
        for part in settled.parts.iter().take(MAX_HELD) {
            self.link.send(Message::Held(part.clone()))?;
        }
        let done = Done {
            tip: settled.tip,
            settled: true,
            held: settled.held,
            may_answer: settled.may_answer,
            text: settled.text.clone(),
        };
        report.settled = Some(settled);
        Ok(done)
    }
}

impl Report for ServerReport {
    fn common(&mut self) -> Common<'_> {
        Common {
            peer: &mut self.peer,
            sent: &mut self.sent,
            received: &mut self.received,
            accepted: &mut self.accepted,
        }
    }
}

fn client(hello: Hello, identity: &Identity, role: Role) -> Peer {
    Peer {
        device: DeviceId::of_public_key(&hello.public_key),
        public_key: hello.public_key,
        name: hello.name,
        role,
        tip: hello.tip,
        rules: hello.rules.min(identity.rules),
        enrolled: false,
    }
}
