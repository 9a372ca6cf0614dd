use mailvc_store::codec::{DecodeError, Reader, Writer};
use mailvc_store::object::{
    BlobId, Occasion, SnapshotId, put_occasion, take_ascending, take_occasion,
};

use super::greeting::{put_tip, take_bool, take_tip};
use super::{Hello, Welcome, WireError, printable};

/// The most snapshots that are described in one round.
pub const SNAPSHOTS_PER_ROUND: u64 = 16_384;

/// The most ids in one [`Message::Want`], and in one [`Message::Held`].
pub const WANTS_PER_FRAME: usize = 16_384;

const MAX_TEXT: usize = 4096;

/// One frame of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The client's greeting.
    Hello(Hello),
    /// The server's.
    Welcome(Welcome),
    /// [Items](super::Item) that describe snapshots, back to back; no item is cut in two.
    Graph(Vec<u8>),
    /// All snapshots were described.
    GraphEnd,
    /// As many snapshots were described as a round has room for; the others come in the next.
    GraphPart,
    /// Messages that the sender lacks, of those that the other end's snapshots name.
    Want(Vec<BlobId>),
    /// Nothing more is wanted; or, if nothing was, `all` of it.
    WantEnd {
        /// Every message that the other end's snapshots brought up.
        all: bool,
    },
    /// One frame of a pack, as it lies on disk.
    Blobs(Vec<u8>),
    /// All that was wanted was sent, but for `missing` messages that the sender has lost.
    BlobsEnd {
        /// How many wanted messages the sender could not read.
        missing: u64,
    },
    /// A yes with its signature, as the store keeps it.
    Yes(Vec<u8>),
    /// Messages that the server's guard holds back, so that the client may answer.
    Held(HeldPart),
    /// The server's last word.
    Done(Done),
    /// The client's last word, where there is nothing to do.
    Bye,
    /// The session is over, for this reason.
    Error {
        /// What kind of reason.
        code: ErrorCode,
        /// For people.
        text: String,
    },
}

/// Messages that a guard holds back on one occasion, or a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPart {
    /// To what a yes would have to be given.
    pub occasion: Occasion,
    /// The messages, ascending.
    pub messages: Vec<BlobId>,
}

/// How the server ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// Its `local` now.
    pub tip: Option<SnapshotId>,
    /// Whether it looked at what it was sent and merged, or found nothing to merge.
    pub settled: bool,
    /// How many deletions its guard holds back.
    pub held: u64,
    /// Whether a yes by the client's device would count there.
    pub may_answer: bool,
    /// What it did, for people.
    pub text: String,
}

/// Why a peer ended the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorCode {
    /// A reason that this version doesn't know.
    Other = 0,
    /// No version of the protocol is known to both.
    Version = 1,
    /// The caller's role, or its key, doesn't allow it.
    Forbidden = 2,
    /// There is no such account.
    NoAccount = 3,
    /// What was sent breaks the protocol, or is not what it says.
    Malformed = 4,
    /// A limit was exceeded.
    Limit = 5,
    /// Something failed at the other end, through no fault of this one.
    Internal = 6,
    /// The other end has no time now.
    Busy = 7,
    /// A person stopped the other end.
    Cancelled = 8,
    /// The other end heard nothing from this one for too long.
    Silent = 9,
}

impl ErrorCode {
    const ALL: [Self; 10] = [
        Self::Other,
        Self::Version,
        Self::Forbidden,
        Self::NoAccount,
        Self::Malformed,
        Self::Limit,
        Self::Internal,
        Self::Busy,
        Self::Cancelled,
        Self::Silent,
    ];

    fn from_number(number: u8) -> Self {
        let known = Self::ALL.into_iter().find(|&code| code as u8 == number);
        known.unwrap_or(Self::Other)
    }
}

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const GRAPH: u8 = 3;
const GRAPH_END: u8 = 4;
const WANT: u8 = 5;
const WANT_END: u8 = 6;
const BLOBS: u8 = 7;
const BLOBS_END: u8 = 8;
const DONE: u8 = 9;
const BYE: u8 = 10;
const ERROR: u8 = 11;
const YES: u8 = 12;
const HELD: u8 = 13;
const GRAPH_PART: u8 = 15;

impl Message {
    /// The type of the frame and its payload.
    pub fn encode(self) -> (u8, Vec<u8>) {
        let mut writer = Writer::new();
        let kind = match self {
            Self::Hello(hello) => return (HELLO, hello.encode()),
            Self::Welcome(welcome) => return (WELCOME, welcome.encode()),
            Self::Graph(items) => return (GRAPH, items),
            Self::Blobs(frame) => return (BLOBS, frame),
            Self::Yes(bytes) => return (YES, bytes),
            Self::Held(part) => {
                put_occasion(&mut writer, part.occasion);
                for id in &part.messages {
                    writer.raw(id.as_bytes());
                }
                HELD
            }
            Self::GraphEnd => GRAPH_END,
            Self::GraphPart => GRAPH_PART,
            Self::Want(ids) => {
                for id in &ids {
                    writer.raw(id.as_bytes());
                }
                WANT
            }
            Self::WantEnd { all } => {
                writer.u8(u8::from(all));
                WANT_END
            }
            Self::BlobsEnd { missing } => {
                writer.varint(missing);
                BLOBS_END
            }
            Self::Done(done) => {
                done.encode(&mut writer);
                DONE
            }
            Self::Bye => BYE,
            Self::Error { code, text } => {
                let text = printable(&text, MAX_TEXT);
                writer.u8(code as u8).bytes(text.as_bytes());
                ERROR
            }
        };
        (kind, writer.finish())
    }

    /// The message in a frame.
    pub fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, WireError> {
        let mut reader = Reader::new(&payload);
        let message = match kind {
            HELLO => return Ok(Self::Hello(Hello::decode(&payload)?)),
            WELCOME => return Ok(Self::Welcome(Welcome::decode(&payload)?)),
            GRAPH => return Ok(Self::Graph(payload)),
            BLOBS => return Ok(Self::Blobs(payload)),
            YES => return Ok(Self::Yes(payload)),
            HELD => Self::Held(decode_held(&mut reader)?),
            WANT => return Ok(Self::Want(decode_wants(&mut reader)?)),
            GRAPH_END => Self::GraphEnd,
            GRAPH_PART => Self::GraphPart,
            WANT_END => Self::WantEnd {
                all: take_bool(&mut reader, "all")?,
            },
            BLOBS_END => Self::BlobsEnd {
                missing: reader.varint("missing")?,
            },
            DONE => Self::Done(Done::decode(&mut reader)?),
            BYE => Self::Bye,
            ERROR => Self::Error {
                code: ErrorCode::from_number(reader.u8("code")?),
                text: take_text(&mut reader)?,
            },
            _ => return Err(WireError::UnknownType(kind)),
        };
        reader.finish("end of message")?;
        Ok(message)
    }

    /// The word for it, in errors about what came out of turn.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Welcome(_) => "welcome",
            Self::Graph(_) | Self::GraphEnd | Self::GraphPart => "snapshots",
            Self::Want(_) | Self::WantEnd { .. } => "a list of wanted messages",
            Self::Blobs(_) | Self::BlobsEnd { .. } => "messages",
            Self::Yes(_) => "a yes",
            Self::Held(_) => "what is held",
            Self::Done(_) => "done",
            Self::Bye => "bye",
            Self::Error { .. } => "an error",
        }
    }
}

impl Done {
    fn encode(&self, writer: &mut Writer) {
        put_tip(writer, self.tip);
        writer.u8(u8::from(self.settled)).varint(self.held);
        writer.u8(u8::from(self.may_answer));
        writer.bytes(printable(&self.text, MAX_TEXT).as_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            tip: take_tip(reader)?,
            settled: take_bool(reader, "settled")?,
            held: reader.varint("held")?,
            may_answer: take_bool(reader, "may answer")?,
            text: take_text(reader)?,
        })
    }
}

fn decode_wants(reader: &mut Reader<'_>) -> Result<Vec<BlobId>, DecodeError> {
    let count = reader.remaining() / 32;
    if !reader.remaining().is_multiple_of(32) || !(1..=WANTS_PER_FRAME).contains(&count) {
        return Err(reader.error("wanted messages"));
    }
    (0..count)
        .map(|_| reader.array("wanted message").map(BlobId::new))
        .collect()
}

fn decode_held(reader: &mut Reader<'_>) -> Result<HeldPart, DecodeError> {
    let occasion = take_occasion(reader)?;
    let count = reader.remaining() / 32;
    if count > WANTS_PER_FRAME {
        return Err(reader.error("held messages"));
    }
    let messages = take_ascending(reader, count)?;
    Ok(HeldPart { occasion, messages })
}

fn take_text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = reader.bytes(MAX_TEXT, "text")?;
    Ok(printable(&String::from_utf8_lossy(bytes), MAX_TEXT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Message> {
        vec![
            Message::Graph(vec![1, 2, 3]),
            Message::GraphEnd,
            Message::GraphPart,
            Message::Want(vec![BlobId::new([1; 32]), BlobId::new([2; 32])]),
            Message::WantEnd { all: true },
            Message::Blobs(vec![9; 99]),
            Message::BlobsEnd { missing: 300 },
            Message::Done(Done {
                tip: Some(SnapshotId::new([4; 32])),
                settled: true,
                held: 7,
                may_answer: true,
                text: "merged".to_owned(),
            }),
            Message::Bye,
            Message::Yes(vec![5; 99]),
            Message::Held(HeldPart {
                occasion: Occasion::Missing(SnapshotId::new([6; 32])),
                messages: vec![BlobId::new([7; 32]), BlobId::new([8; 32])],
            }),
            Message::Error {
                code: ErrorCode::Busy,
                text: "later".to_owned(),
            },
        ]
    }

    #[test]
    fn every_message_survives_its_bytes() {
        for message in examples() {
            let (kind, payload) = message.clone().encode();
            assert_eq!(Message::decode(kind, payload).expect("decodes"), message);
        }
    }

    #[test]
    fn a_message_with_something_cut_off_or_added_is_refused() {
        for message in examples() {
            let (kind, payload) = message.encode();
            if matches!(kind, GRAPH | BLOBS | YES) {
                continue; // their payload is looked into elsewhere
            }
            for end in 0..payload.len() {
                let cut = Message::decode(kind, payload[..end].to_vec());
                assert!(
                    cut.is_err() || matches!(kind, WANT | HELD),
                    "type {kind} cut at {end}"
                );
            }
            let longer = [&payload[..], &[0]].concat();
            assert!(Message::decode(kind, longer).is_err(), "type {kind}");
        }
        let unknown = Message::decode(200, Vec::new());
        assert!(matches!(unknown, Err(WireError::UnknownType(200))));
    }

    #[test]
    fn an_error_of_a_later_version_is_still_an_error() {
        let decoded = Message::decode(ERROR, b"\x63\x02no".to_vec()).expect("decodes");
        let (code, text) = (ErrorCode::Other, "no".to_owned());
        assert_eq!(decoded, Message::Error { code, text });
    }
}
