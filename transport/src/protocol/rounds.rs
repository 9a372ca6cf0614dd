use super::{Accepted, Peer, Traffic};

/// How many rounds a session may have: a peer cannot go on for ever.
pub(super) const MAX_ROUNDS: usize = 1024;

/// What the report of either end says.
pub(super) struct Common<'a> {
    pub(super) peer: &'a mut Peer,
    pub(super) sent: &'a mut Traffic,
    pub(super) received: &'a mut Traffic,
    pub(super) accepted: &'a mut Option<Accepted>,
}

/// The report of one end on a round.
pub(super) trait Report: Sized {
    fn common(&mut self) -> Common<'_>;

    /// This round and a later one as one.
    fn followed_by(mut self, mut next: Self) -> Self {
        let (before, after) = (self.common(), next.common());
        after.peer.enrolled |= before.peer.enrolled;
        after.sent.follow(*before.sent);
        after.received.follow(*before.received);
        if let (Some(before), Some(after)) = (before.accepted, after.accepted) {
            after.notes.splice(0..0, before.notes.drain(..));
        }
        next
    }
}
