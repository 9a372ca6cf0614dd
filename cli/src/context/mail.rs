use std::io::{self, Write};

use mailvc_store::mime;
use mailvc_store::object::BlobId;
use mailvc_store::odb::ObjectRead;

/// How much of a header is shown in a line, in characters.
const SENDER: usize = 30;
const SUBJECT: usize = 70;

/// Takes a message's beginning and wants no more.
#[derive(Default)]
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = mime::HEAD - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message in words, as far as its header goes: who wrote it, about what. Says so if the message
/// cannot be read; nothing here is an error.
pub(crate) fn title(odb: &dyn ObjectRead, id: BlobId) -> String {
    let mut head = Head::default();
    if odb.read_blob(id, &mut head).is_err() && head.0.len() < mime::HEAD {
        return "(not stored, or damaged)".to_owned();
    }
    let field = |name, most| {
        let value = mime::header(&head.0, name).unwrap_or_default();
        shortened(&mime::display(&value), most)
    };
    let (from, subject) = (field("From", SENDER), field("Subject", SUBJECT));
    format!("{from}: {subject}")
}

fn shortened(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}
