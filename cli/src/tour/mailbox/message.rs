//! One message's bytes.

use std::fmt::Write as _;

use super::random::Random;
use super::words;

/// The first message's date: 2011-01-01. The following come about every twenty minutes.
const EPOCH: i64 = 1_293_840_000;
const INTERVAL: i64 = 1_200;

/// Each hundred messages have each kind once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oddity {
    None,
    Empty,
    NoMessageId,
    NoDate,
    WildDate,
    ObsoleteDate,
    Crlf,
    RawEightBit,
    BrokenMime,
    NoBody,
    FoldedEverything,
    LongLine,
    MboxFrom,
    NulByte,
}

impl Oddity {
    fn of(n: u64) -> Self {
        match n % 100 {
            7 => Self::Empty,
            13 => Self::NoMessageId,
            19 => Self::NoDate,
            23 => Self::WildDate,
            29 => Self::ObsoleteDate,
            31 | 61 => Self::Crlf,
            37 | 67 => Self::RawEightBit,
            41 => Self::BrokenMime,
            43 => Self::NoBody,
            47 => Self::FoldedEverything,
            53 => Self::LongLine,
            59 => Self::MboxFrom,
            71 => Self::NulByte,
            _ => Self::None,
        }
    }
}

/// What a message's number says about it, without writing it.
pub(super) struct Outline {
    pub(super) seed: u64,
    pub(super) number: u64,
    /// Seconds since 1970 at which it was sent.
    pub(super) sent: i64,
    /// The message it answers.
    parent: Option<u64>,
    /// The first of its thread.
    root: u64,
    /// The mailing list that it came by.
    pub(super) list: Option<usize>,
}

/// The mailing lists' names.
pub(super) const LISTS: [&str; 4] = ["users", "devel", "announce", "bugs"];

const PEOPLE: [(&str, &str); 12] = [
    ("Anna Berg", "anna"),
    ("J. Random Hacker", "jrh"),
    ("=?UTF-8?Q?Zo=C3=AB_M=C3=BCller?=", "zoe"),
    ("Kenji Sato", "kenji.sato"),
    ("\"Smith, John\"", "john.smith"),
    ("=?ISO-8859-1?Q?Fran=E7ois_Lef=E8vre?=", "flefevre"),
    ("root", "root"),
    ("Maria da Silva", "maria"),
    ("=?UTF-8?B?0JjQstCw0L0g0J/QtdGC0YDQvtCy?=", "ivan"),
    ("Build Service", "noreply"),
    ("O'Brien", "obrien"),
    ("Priya", "priya+lists"),
];

impl Outline {
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let parent = parent(seed, number);
        let mut root = number;
        while let Some(above) = self::parent(seed, root) {
            root = above;
        }
        let list = Random::new(seed, root ^ (1 << 40)).below(12) as usize;
        let jitter = Random::new(seed, number ^ (1 << 41)).below(INTERVAL as u64);
        Self {
            seed,
            number,
            sent: sent(number) + jitter as i64,
            parent,
            root,
            list: (list < LISTS.len()).then_some(list),
        }
    }

    fn random(&self, purpose: u64) -> Random {
        Random::new(self.seed, self.number ^ (purpose << 42))
    }
}

fn sent(number: u64) -> i64 {
    EPOCH.saturating_add(INTERVAL.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn parent(seed: u64, number: u64) -> Option<u64> {
    let mut random = Random::new(seed, number ^ (2 << 40));
    let back = 1 + random.zipf(5) as u64;
    let above = number
        .checked_sub(back)
        .filter(|&n| Oddity::of(n) == Oddity::None);
    random.percent(55).then_some(above)?
}

fn person(seed: u64, number: u64) -> (&'static str, String) {
    let mut random = Random::new(seed, number ^ (3 << 40));
    let (name, local) = PEOPLE[random.below(PEOPLE.len() as u64) as usize];
    let host = random.pick(&["example.org", "mail.example.com", "lists.example.net"]);
    (name, format!("{local}@{host}"))
}

fn message_id(seed: u64, number: u64) -> String {
    let mut random = Random::new(seed, number ^ (4 << 40));
    let (_, address) = person(seed, number);
    let host = address.rsplit('@').next().unwrap_or_default();
    format!("<{:x}.{:08x}@{host}>", sent(number), random.next() as u32)
}

fn date(seconds: i64, style: &str) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| String::from("Thu, 1 Jan 1970 00:00:00 +0000"),
        |time| {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
            time.to_zoned(zone).strftime(style).to_string()
        },
    )
}

/// Message `number` of a mailbox whose messages have `mean_size` bytes in the mean.
pub(super) fn sized(seed: u64, number: u64, mean_size: u64) -> Vec<u8> {
    let outline = Outline::new(seed, number);
    let oddity = Oddity::of(number);
    if oddity == Oddity::Empty {
        return Vec::new();
    }
    let mut head = String::new();
    envelope(&mut head, &outline);
    headers(&mut head, &outline, oddity);
    let (mime, body) = body(&outline, oddity, mean_size.saturating_sub(900));
    head.push_str(&mime);
    distort(head, &body, oddity)
}

/// Message `number` of the mailbox `seed`, with the default mean size.
pub fn message(seed: u64, number: u64) -> Vec<u8> {
    sized(seed, number, super::Mailbox::default().mean_size)
}

/// A message of 30 MB: one attachment that no codec makes smaller than its base64.
pub fn large_message(seed: u64) -> Vec<u8> {
    let outline = Outline::new(seed, u64::from(u32::MAX));
    let mut head = String::new();
    headers(&mut head, &outline, Oddity::None);
    let mut random = outline.random(9);
    head.push_str(ATTACHED);
    let mut whole = format!("{head}\nSee attached.\n\n--=_part\n");
    attachment(&mut whole, &mut random, 22_000_000);
    whole.push_str("--=_part--\n");
    whole.into_bytes()
}

fn envelope(head: &mut String, outline: &Outline) {
    let mut random = outline.random(1);
    let (_, address) = person(outline.seed, outline.number);
    let _ = writeln!(
        head,
        "Return-Path: <{address}>\nDelivered-To: me@example.org"
    );
    for hop in 0..=random.below(3) {
        let id = random.next();
        let when = date(
            outline.sent + 2 * hop as i64,
            "%a, %d %b %Y %H:%M:%S %z (CEST)",
        );
        let _ = write!(
            head,
            "Received: from mx{hop}.example.com (mx{hop}.example.com [192.0.2.{}])\n\
             \tby mail.example.org (Postfix) with ESMTPS id {:010X}\n\
             \tfor <me@example.org>; {when}\n",
            id % 250,
            id >> 24,
        );
    }
    if let Some(list) = outline.list {
        let name = LISTS[list];
        let _ = write!(
            head,
            "List-Id: <{name}.lists.example.net>\n\
             List-Post: <mailto:{name}@lists.example.net>\n\
             List-Unsubscribe: <https://lists.example.net/options/{name}>,\n\
             \t<mailto:{name}-request@lists.example.net?subject=unsubscribe>\n\
             Precedence: list\n",
        );
    }
}

fn headers(head: &mut String, outline: &Outline, oddity: Oddity) {
    let (name, address) = person(outline.seed, outline.number);
    let _ = writeln!(head, "From: {name} <{address}>");
    let to = outline.list.map_or("me@example.org".to_owned(), |list| {
        format!("{}@lists.example.net", LISTS[list])
    });
    let _ = writeln!(head, "To: {to}");
    subject(head, outline, oddity);
    match oddity {
        Oddity::NoDate => {}
        Oddity::WildDate => head.push_str("Date: Tue, 39 Foo 20011 99:61 (yesterday)\n"),
        Oddity::ObsoleteDate => {
            let when = date(outline.sent, "%A, %d-%b-%y %H:%M:%S");
            let _ = writeln!(head, "Date: {when} MET");
        }
        Oddity::FoldedEverything => {
            let when = date(outline.sent, "%a,\n\t%-d\n %b\n\t%Y %H:%M:%S\n %z");
            let _ = writeln!(head, "DATE:\n {when}");
        }
        _ => {
            let _ = writeln!(
                head,
                "Date: {}",
                date(outline.sent, "%a, %-d %b %Y %H:%M:%S %z")
            );
        }
    }
    if oddity != Oddity::NoMessageId {
        let _ = writeln!(
            head,
            "Message-ID: {}",
            message_id(outline.seed, outline.number)
        );
    }
    if let Some(parent) = outline.parent {
        let _ = writeln!(head, "In-Reply-To: {}", message_id(outline.seed, parent));
        let first = message_id(outline.seed, outline.root);
        let _ = writeln!(
            head,
            "References: {first}\n\t{}",
            message_id(outline.seed, parent)
        );
    }
    let agent = outline
        .random(2)
        .pick(&["Mutt/2.2.12", "Thunderbird 115.6", "Gnus/5.13"]);
    let _ = writeln!(head, "User-Agent: {agent}");
}

fn subject(head: &mut String, outline: &Outline, oddity: Oddity) {
    let mut random = Random::new(outline.seed, outline.root ^ (5 << 42));
    let length = 2 + random.below(6);
    let title = words::title(&mut random, length);
    let re = if outline.parent.is_some() { "Re: " } else { "" };
    let tag = outline
        .list
        .map_or(String::new(), |list| format!("[{}] ", LISTS[list]));
    let _ = match (oddity, random.below(12)) {
        (Oddity::FoldedEverything, _) => {
            writeln!(head, "Subject: {re}{tag}\n {}", title.replace(' ', "\n\t"))
        }
        (_, 0) => writeln!(
            head,
            "Subject: {re}{tag}=?UTF-8?Q?caf=C3=A9_{}?=",
            title.replace(' ', "_")
        ),
        (_, 1) => writeln!(head, "Subject: {re}{tag}{title} naïve ✉"),
        _ => writeln!(head, "Subject: {re}{tag}{title}"),
    };
}

const ATTACHED: &str = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_part\"\n";
const ALTERNATIVE: &str =
    "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"=_part\"\n";
const PLAIN: &str = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
    Content-Transfer-Encoding: 8bit\n";

/// The headers that describe the body, and the body.
fn body(outline: &Outline, oddity: Oddity, mean: u64) -> (String, String) {
    let mut random = outline.random(3);
    match (oddity, random.below(100)) {
        (Oddity::NoBody, _) => (String::new(), String::new()),
        (Oddity::BrokenMime, _) => {
            let text = text(outline, &mut random, mean);
            (
                ATTACHED.to_owned(),
                format!("--=_other\nContent-Type: /;;\n\n{text}--=_part\n"),
            )
        }
        (Oddity::None, 0..8) => {
            let mut whole = format!(
                "--=_part\n{PLAIN}\n{}--=_part\n",
                text(outline, &mut random, mean / 3)
            );
            let length = random.length(mean * 3);
            attachment(&mut whole, &mut random, length);
            whole.push_str("--=_part--\n");
            (ATTACHED.to_owned(), whole)
        }
        (Oddity::None, 8..22) => {
            let text = text(outline, &mut random, mean / 3);
            let html = text.replace("\n\n", "</p>\n<p style=\"margin:0 0 1em 0\">");
            let whole = format!(
                "--=_part\n{PLAIN}\n{text}--=_part\nContent-Type: text/html; charset=utf-8\n\n\
                 <html><body><p>{html}</p></body></html>\n--=_part--\n"
            );
            (ALTERNATIVE.to_owned(), whole)
        }
        _ => (PLAIN.to_owned(), text(outline, &mut random, mean)),
    }
}

/// What the parent said, as quoted below it.
fn quote(outline: &Outline, parent: u64, length: u64) -> String {
    let (name, _) = person(outline.seed, parent);
    let mut random = Outline {
        number: parent,
        ..*outline
    }
    .random(4);
    let said = words::text(&mut random, length);
    let mut quote = format!("On {}, {name} wrote:\n", date(sent(parent), "%-d %B %Y"));
    for line in said.lines() {
        quote.push_str("> ");
        quote.push_str(line);
        quote.push('\n');
    }
    quote
}

fn text(outline: &Outline, random: &mut Random, mean: u64) -> String {
    let mut whole = String::new();
    let length = random.length(mean * 8 / 10);
    let quoted = outline.parent.map_or(0, |_| length / 3);
    if let Some(parent) = outline.parent {
        whole.push_str(&quote(outline, parent, quoted));
        whole.push('\n');
    }
    whole.push_str(&words::text(&mut outline.random(4), length - quoted));
    let (name, address) = person(outline.seed, outline.number);
    let _ = write!(
        whole,
        "\n{}\n\n-- \n{name}\n{address}\n",
        random.pick(&words::SIGN_OFFS)
    );
    if let Some(list) = outline.list {
        let name = LISTS[list];
        let _ = write!(
            whole,
            "_______________________________________________\n{name} mailing list\n\
             {name}@lists.example.net\nhttps://lists.example.net/listinfo/{name}\n"
        );
    }
    whole
}

/// A part of `length` bytes before their base64: some compress, some do not, as a document
/// and a picture.
fn attachment(whole: &mut String, random: &mut Random, length: u64) {
    let (kind, name) = random.pick(&[
        &("application/pdf", "report.pdf"),
        &("image/jpeg", "photo.jpg"),
        &("application/octet-stream", "=?UTF-8?Q?=C3=9Cbersicht.odt?="),
    ]);
    let _ = write!(
        whole,
        "Content-Type: {kind}; name=\"{name}\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"{name}\"\n\n"
    );
    let mut bytes = Vec::with_capacity(length as usize + 64);
    while (bytes.len() as u64) < length {
        if length < 100_000 && random.percent(75) {
            bytes.extend_from_slice(words::title(random, 40).as_bytes());
        } else {
            for _ in 0..32 {
                bytes.extend_from_slice(&random.next().to_le_bytes());
            }
        }
    }
    base64(whole, &bytes);
}

/// RFC 2045, lines of 76.
fn base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for line in bytes.chunks(57) {
        for three in line.chunks(3) {
            let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            for digit in 0..4 {
                let index = (bits >> (18 - 6 * digit)) as usize & 63;
                out.push(if digit > three.len() {
                    '='
                } else {
                    char::from(ALPHABET[index])
                });
            }
        }
        out.push('\n');
    }
}

/// Joins head and body as the oddity has it.
fn distort(head: String, body: &str, oddity: Oddity) -> Vec<u8> {
    match oddity {
        Oddity::NoBody => head.into_bytes(),
        Oddity::Crlf => format!("{head}\n{body}").replace('\n', "\r\n").into_bytes(),
        Oddity::LongLine => format!("{head}\n{}", body.replace('\n', " ")).into_bytes(),
        Oddity::MboxFrom => {
            format!("From me@example.org Sat Jan  1 00:00:00 2011\n{head}\n{body}").into_bytes()
        }
        Oddity::NulByte => [head.as_bytes(), b"\n\0\0\0", body.as_bytes()].concat(),
        // Latin-1, and no header that says so.
        Oddity::RawEightBit => {
            let mut bytes = format!("{head}\n").into_bytes();
            bytes.extend_from_slice(b"Gr\xfc\xdfe aus K\xf6ln, \xa4\xff\n");
            bytes.extend_from_slice(body.as_bytes());
            bytes
        }
        _ => format!("{head}\n{body}").into_bytes(),
    }
}
