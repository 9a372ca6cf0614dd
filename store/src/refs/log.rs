//! A ref's log: one line per change, `old new seconds who why checksum` with tabs between.
//!
//! A crash can leave a torn line, or a line whose change never happened. Neither is repaired:
//! the checksum tells the one, the order of the values the other.

use crate::object::SnapshotId;
use crate::time::Timestamp;

/// The longest `who` or `why` that is kept, in characters.
const MAX_TEXT: usize = 1000;

/// One change of a ref, as its log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Where the ref was; `None` where there was none.
    pub old: Option<SnapshotId>,
    /// Where it went; `None` if it was removed.
    pub new: Option<SnapshotId>,
    /// When, by this machine's clock: information only.
    pub when: Timestamp,
    /// Who changed it.
    pub who: String,
    /// By which command, or for which reason.
    pub why: String,
}

impl LogRecord {
    /// The line, its newline included. Control characters in `who` and `why` become spaces.
    pub(super) fn to_line(&self) -> String {
        let body = [
            id_text(self.old),
            id_text(self.new),
            self.when.0.to_string(),
            one_line(&self.who),
            one_line(&self.why),
        ]
        .join("\t");
        format!("{body}\t{}\n", checksum(&body))
    }

    /// Takes a line (without its newline) apart; `None` if it is not whole.
    fn from_line(line: &str) -> Option<Self> {
        let (body, sum) = line.rsplit_once('\t')?;
        if sum != checksum(body) {
            return None;
        }
        let mut fields = body.split('\t');
        let record = Self {
            old: parse_id(fields.next()?)?,
            new: parse_id(fields.next()?)?,
            when: Timestamp(fields.next()?.parse().ok()?),
            who: fields.next()?.to_owned(),
            why: fields.next()?.to_owned(),
        };
        fields.next().is_none().then_some(record)
    }
}

/// The changes that a log tells of and that happened, newest first, for a ref that now is at
/// `current`.
///
/// A line is written before its change. A change that never came about left the old value in
/// place: there its line's old value is the one that was found later, and its new one is not.
pub(super) fn carried_out(log: &[u8], current: Option<SnapshotId>) -> Vec<LogRecord> {
    let mut after = current;
    let whole = log
        .split(|&byte| byte == b'\n')
        .rev()
        .filter_map(|line| LogRecord::from_line(std::str::from_utf8(line).ok()?));
    let mut records = Vec::new();
    for record in whole {
        if record.new != after && record.old == after {
            continue;
        }
        after = record.old;
        records.push(record);
    }
    records
}

fn id_text(id: Option<SnapshotId>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

#[allow(clippy::option_option)] // not an id at all, or the sign for none
fn parse_id(text: &str) -> Option<Option<SnapshotId>> {
    match text {
        "-" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .take(MAX_TEXT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Eight digits: enough to tell a torn line from a whole one.
fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex()[..8].to_owned()
}
