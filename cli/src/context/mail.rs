use mailvc_store::mime;
use mailvc_store::object::BlobId;
use mailvc_store::odb::ObjectRead;
use mailvc_store::repo::head;

/// How much of a header is shown in a line, in characters.
const SENDER: usize = 30;
const SUBJECT: usize = 70;

/// A message in words, as far as its header goes: who wrote it, about what. Says so if the message
/// cannot be read; nothing here is an error.
pub(crate) fn title(odb: &dyn ObjectRead, id: BlobId) -> String {
    let Ok(head) = head(odb, id) else {
        return "(not stored, or damaged)".to_owned();
    };
    let field = |name, most| {
        let value = mime::header(&head, name).unwrap_or_default();
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
