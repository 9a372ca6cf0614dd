use std::collections::HashMap;
use std::io::{self, Write};

use mailvc_store::mime;
use mailvc_store::object::{BlobId, EntryKey};
use mailvc_store::odb::ObjectRead;

use super::{Flaw, Limits, SessionError};

/// What the received snapshots say of a message.
#[derive(Debug, Clone, Copy)]
struct Claim {
    day: u16,
    size: u64,
    /// Whether the message is stored, and the claim was found true.
    is_true: bool,
}

/// The messages that came up in received snapshots: what is claimed of each, and which are yet to
/// come.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    claims: HashMap<BlobId, Claim>,
    awaited: u64,
    awaited_bytes: u64,
}

impl Ledger {
    /// Takes down what a tree says of a message that was not in the tree that it follows. One
    /// that is stored is looked at here and now.
    pub(super) fn claim(
        &mut self,
        odb: &dyn ObjectRead,
        (key, size): (EntryKey, u64),
        limits: &Limits,
    ) -> Result<(), SessionError> {
        let mut claim = Claim {
            day: key.day.0,
            size,
            is_true: false,
        };
        if let Some(earlier) = self.claims.get(&key.blob) {
            return agree(key.blob, *earlier, (claim.day, size));
        }
        if self.claims.len() as u64 >= limits.messages {
            return Err(SessionError::Limit("messages"));
        }
        if odb.contains(key.blob.into())? {
            agree(key.blob, claim, look_at(odb, key.blob)?)?;
            claim.is_true = true;
        } else {
            self.awaited += 1;
            self.awaited_bytes = self.awaited_bytes.saturating_add(size);
            if self.awaited_bytes > limits.message_bytes {
                return Err(SessionError::Limit("bytes of messages"));
            }
        }
        self.claims.insert(key.blob, claim);
        Ok(())
    }

    /// Takes down that a message came, and what it turned out to be. One that nobody spoke of is
    /// let pass: a pack's frame may hold more than was wanted.
    pub(super) fn arrived(&mut self, blob: BlobId, found: (u16, u64)) -> Result<(), SessionError> {
        let Some(claim) = self.claims.get_mut(&blob) else {
            return Ok(());
        };
        agree(blob, *claim, found)?;
        if !claim.is_true {
            claim.is_true = true;
            self.awaited -= 1;
        }
        Ok(())
    }

    /// How many messages are yet to come.
    pub(super) fn awaited(&self) -> u64 {
        self.awaited
    }

    /// How many bytes of frames are believable for the messages that are to come: a frame goes
    /// as it is if three quarters of it are wanted, and nothing grows much by being packed.
    pub(super) fn believable_bytes(&self) -> u64 {
        let overhead = self.awaited.saturating_mul(256).saturating_add(16 << 20);
        self.awaited_bytes
            .saturating_mul(2)
            .saturating_add(overhead)
    }

    /// Whether no message that came up is stored.
    pub(super) fn lacks_all(&self) -> bool {
        self.awaited == self.claims.len() as u64
    }

    /// The messages that are yet to come.
    pub(super) fn wants(&self) -> impl Iterator<Item = BlobId> {
        let lacking = self.claims.iter().filter(|(_, claim)| !claim.is_true);
        lacking.map(|(blob, _)| *blob)
    }
}

fn agree(blob: BlobId, claim: Claim, (day, size): (u16, u64)) -> Result<(), SessionError> {
    let flaw = if claim.size != size {
        Flaw::Size {
            claimed: claim.size,
            found: size,
        }
    } else if claim.day != day {
        Flaw::Day {
            claimed: claim.day,
            found: day,
        }
    } else {
        return Ok(());
    };
    Err(SessionError::Message { blob, flaw })
}

/// The day and the size of a stored message.
fn look_at(odb: &dyn ObjectRead, blob: BlobId) -> Result<(u16, u64), SessionError> {
    let mut head = Head(Vec::new());
    let size = odb.read_blob(blob, &mut head)?;
    Ok((mime::day(&head.0), size))
}

/// Keeps the first bytes of what is written.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = mime::HEAD - self.0.len();
        self.0.extend(bytes.iter().take(room));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
