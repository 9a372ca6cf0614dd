use std::io::{self, Read, Write};

use mailvc_store::object::{BlobId, Kind, MAX_YES, SnapshotId};
use mailvc_store::odb::{ObjectRead, ObjectWrite, PackedOdb, Receiving};
use mailvc_store::progress::{Phase, Progress};
use mailvc_store::repo::MAX_YESES;

use super::link::{Link, go_on, out_of_turn};
use super::offer::Offered;
use super::rebuild::{Rebuilt, check_tip, rebuild};
use super::{Incoming, Limits, SessionError};
use crate::wire::{Message, WANTS_PER_FRAME};

/// So many bytes of messages, as they are sent, are decoded at a time.
const AT_ONCE: usize = 2 << 20;
/// And in so many frames: a short one can hold thousands of objects.
const FRAMES_AT_ONCE: usize = 16;

/// What comes from the peer, from the first snapshot to the last message.
pub(super) struct Intake<'o> {
    odb: &'o PackedOdb,
    /// The peer's tip.
    tip: Option<SnapshotId>,
    /// The yeses that came.
    yeses: Vec<Vec<u8>>,
    /// None as long as the peer has sent nothing.
    received: Option<Received<'o>>,
}

struct Received<'o> {
    receiving: Receiving<'o>,
    rebuilt: Rebuilt,
}

impl<'o> Intake<'o> {
    pub(super) fn new(odb: &'o PackedOdb, tip: Option<SnapshotId>) -> Self {
        Self {
            odb,
            tip,
            yeses: Vec::new(),
            received: None,
        }
    }

    /// Takes the description of the peer's snapshots.
    pub(super) fn snapshots<R: Read, W: Write>(
        &mut self,
        link: &mut Link<R, W>,
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<(), SessionError> {
        let mut first = link.receive()?;
        while let Message::Yes(bytes) = first {
            if self.yeses.len() == MAX_YESES || bytes.len() > MAX_YES {
                return Err(SessionError::Limit("yeses"));
            }
            self.yeses.push(bytes);
            first = link.receive()?;
        }
        if first == Message::GraphEnd {
            return Ok(());
        }
        let receiving = self.odb.receive()?;
        match rebuild(link, (&receiving, first), self.tip, (limits, progress)) {
            Ok(rebuilt) => {
                self.received = Some(Received { receiving, rebuilt });
                Ok(())
            }
            Err(error) => Err(keep(receiving, error)),
        }
    }

    /// What the peer has for certain: its tip, what it sent, and what stands under that.
    pub(super) fn peer_has(&self) -> Vec<SnapshotId> {
        let mut has: Vec<SnapshotId> = self.tip.into_iter().collect();
        if let Some(Received { rebuilt, .. }) = &self.received {
            has.extend(rebuilt.snapshots.iter().map(|(id, _)| *id));
            has.extend(&rebuilt.frontier);
        }
        has.sort_unstable();
        has.dedup();
        has
    }

    /// Whether the peer has more to describe than came.
    pub(super) fn is_part(&self) -> bool {
        let received = self.received.as_ref();
        received.is_some_and(|received| received.rebuilt.part.is_some())
    }

    /// How many snapshots came, and how many messages are wanted.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.received.as_ref().map_or((0, 0), |received| {
            let rebuilt = &received.rebuilt;
            (rebuilt.snapshots.len() as u64, rebuilt.ledger.awaited())
        })
    }

    /// Asks for the messages that are lacking.
    pub(super) fn send_wants<R: Read, W: Write>(
        &self,
        link: &mut Link<R, W>,
    ) -> Result<(), SessionError> {
        let ledger = self
            .received
            .as_ref()
            .map(|received| &received.rebuilt.ledger);
        let all = ledger.is_some_and(|ledger| ledger.awaited() > 0 && ledger.lacks_all());
        if let Some(ledger) = ledger.filter(|_| !all) {
            let mut wants: Vec<BlobId> = ledger.wants().collect();
            wants.sort_unstable();
            for chunk in wants.chunks(WANTS_PER_FRAME) {
                link.send(Message::Want(chunk.to_vec()))?;
            }
        }
        link.send(Message::WantEnd { all })
    }

    /// Takes the messages that were asked for; when it returns, all are there.
    pub(super) fn messages<R: Read, W: Write>(
        &mut self,
        link: &mut Link<R, W>,
        progress: &dyn Progress,
    ) -> Result<(), SessionError> {
        let Some(received) = &mut self.received else {
            return match link.receive()? {
                Message::BlobsEnd { .. } => Ok(()),
                other => Err(out_of_turn("the end of no messages", &other)),
            };
        };
        match received.messages(link, progress) {
            Ok(()) => Ok(()),
            Err(error) => Err(match self.received.take() {
                Some(received) => keep(received.receiving, error),
                None => error,
            }),
        }
    }

    /// What the device is to accept, if the peer has a tip at all. The snapshots are written now
    /// that everything is there which they reach.
    pub(super) fn finish(self) -> Result<Option<Incoming<'o>>, SessionError> {
        let Some(tip) = self.tip else {
            return Ok(None);
        };
        let Some(Received { receiving, rebuilt }) = self.received else {
            check_tip(self.odb, Some(tip), |_| false)?;
            return Ok(Some(Incoming {
                tip,
                is_part: false,
                snapshots: Vec::new(),
                signatures: Vec::new(),
                yeses: self.yeses,
                receiving: None,
            }));
        };
        let mut snapshots = Vec::with_capacity(rebuilt.snapshots.len());
        for (id, bytes) in rebuilt.snapshots {
            receiving.write(Kind::Snapshot, &bytes)?;
            snapshots.push(id);
        }
        Ok(Some(Incoming {
            tip: rebuilt.part.unwrap_or(tip),
            is_part: rebuilt.part.is_some(),
            snapshots,
            signatures: rebuilt.signatures,
            yeses: self.yeses,
            receiving: Some(receiving),
        }))
    }
}

impl Received<'_> {
    fn messages<R: Read, W: Write>(
        &mut self,
        link: &mut Link<R, W>,
        progress: &dyn Progress,
    ) -> Result<(), SessionError> {
        let ledger = &mut self.rebuilt.ledger;
        progress.begin(Phase::Receive, Some(ledger.awaited()));
        let mut coming = Coming {
            believable: ledger.believable_bytes(),
            missing: None,
            broken: None,
        };
        let mut frames = coming.next(link, progress)?;
        while !frames.is_empty() {
            // While some are decoded and hashed, the next come in.
            let mut objects = Ok(Vec::new());
            let next = rayon::in_place_scope(|scope| {
                scope.spawn(|_| objects = self.receiving.add_frames(&frames));
                coming.next(link, progress)
            });
            let before = ledger.awaited();
            for object in objects? {
                match object.key.kind {
                    Kind::Blob => {
                        let blob = BlobId::new(object.key.hash);
                        let day = object.day.unwrap_or(0);
                        ledger.arrived(blob, (day, object.size))?;
                    }
                    Kind::Dictionary => {}
                    Kind::Tree => return Err(SessionError::Smuggled("tree")),
                    Kind::FolderMap => return Err(SessionError::Smuggled("folder map")),
                    Kind::Snapshot => return Err(SessionError::Smuggled("snapshot")),
                    Kind::Signature => return Err(SessionError::Smuggled("signature")),
                }
            }
            let bytes: usize = frames.iter().map(Vec::len).sum();
            progress.advance(before - ledger.awaited(), bytes as u64);
            frames = next?;
        }
        match (coming.missing, ledger.awaited()) {
            (Some(0), 0) => Ok(()),
            (missing, awaited) => Err(SessionError::Lost {
                missing: missing.unwrap_or(0).max(awaited),
            }),
        }
    }
}

/// The messages that the peer sends.
struct Coming {
    /// How many bytes it may still send.
    believable: u64,
    /// How many it says it does not have, once it has said so.
    missing: Option<u64>,
    /// What went wrong behind the frames that were handed out last.
    broken: Option<SessionError>,
}

impl Coming {
    /// The next frames, as many as all cores are to have at once; none at the end. What came before
    /// an error is not lost with it.
    fn next<R: Read, W: Write>(
        &mut self,
        link: &mut Link<R, W>,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<u8>>, SessionError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let (mut frames, mut len) = (Vec::new(), 0);
        while self.missing.is_none() && len < AT_ONCE && frames.len() < FRAMES_AT_ONCE {
            match self.frame(link, progress) {
                Ok(Some(frame)) => {
                    len += frame.len();
                    frames.push(frame);
                }
                Ok(None) => break,
                Err(error) if frames.is_empty() => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        Ok(frames)
    }

    /// The next frame; `None` at the end.
    fn frame<R: Read, W: Write>(
        &mut self,
        link: &mut Link<R, W>,
        progress: &dyn Progress,
    ) -> Result<Option<Vec<u8>>, SessionError> {
        go_on(progress)?;
        match link.receive()? {
            Message::Blobs(frame) => {
                let left = self.believable.checked_sub(frame.len() as u64);
                self.believable =
                    left.ok_or(SessionError::Limit("bytes that were not asked for"))?;
                Ok(Some(frame))
            }
            Message::BlobsEnd { missing } => {
                self.missing = Some(missing);
                Ok(None)
            }
            other => Err(out_of_turn("messages", &other)),
        }
    }
}

/// Keeps what had come until an honest session broke, so that it need not come again. No snapshot
/// is among it.
fn keep(receiving: Receiving<'_>, error: SessionError) -> SessionError {
    if error.spares_received() {
        // If this fails as well, the first error is the one to tell.
        let _ = receiving.finish();
    }
    error
}

/// Gives the peer yeses, before the snapshots are described.
pub(super) fn send_yeses<R: Read, W: Write>(
    link: &mut Link<R, W>,
    yeses: Vec<Vec<u8>>,
) -> Result<(), SessionError> {
    let fits = |bytes: &Vec<u8>| bytes.len() <= MAX_YES;
    let mut yeses = yeses.into_iter().filter(fits).take(MAX_YESES);
    yeses.try_for_each(|bytes| link.send(Message::Yes(bytes)))
}

/// Takes the peer's list of wants: messages that it was offered.
pub(super) fn take_wants<R: Read, W: Write>(
    link: &mut Link<R, W>,
    offered: Offered,
) -> Result<Vec<BlobId>, SessionError> {
    let mut wants: Vec<BlobId> = Vec::new();
    loop {
        match link.receive()? {
            Message::Want(ids) => {
                for id in ids {
                    if offered.blobs.binary_search(&id).is_err() {
                        return Err(SessionError::NotOffered(id));
                    }
                    if wants.last().is_some_and(|last| *last >= id) {
                        return Err(SessionError::Limit("wants, or in no order"));
                    }
                    wants.push(id);
                }
            }
            Message::WantEnd { all: false } => return Ok(wants),
            Message::WantEnd { all: true } if wants.is_empty() => return Ok(offered.blobs),
            other => return Err(out_of_turn("a list of wanted messages", &other)),
        }
    }
}

/// Sends the messages that the peer wants, and the end of them.
pub(super) fn send_messages<R: Read, W: Write>(
    link: &mut Link<R, W>,
    odb: &PackedOdb,
    mut wants: Vec<BlobId>,
    progress: &dyn Progress,
) -> Result<(), SessionError> {
    progress.begin(Phase::Send, Some(wants.len() as u64));
    let wanted = wants.len();
    let mut trouble = None;
    wants.retain(|id| {
        trouble.is_none()
            && odb.contains((*id).into()).unwrap_or_else(|error| {
                trouble = Some(error);
                false
            })
    });
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let missing = (wanted - wants.len()) as u64;
    let mut failure = None;
    let sent = odb.frames_for(&wants, &mut |frame| {
        let step = go_on(progress).and_then(|()| link.send(Message::Blobs(frame.to_vec())));
        progress.advance(0, frame.len() as u64);
        step.map_err(|error| {
            failure = Some(error);
            io::Error::from(io::ErrorKind::Interrupted)
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    sent?;
    progress.advance(wants.len() as u64, 0);
    link.send(Message::BlobsEnd { missing })
}
