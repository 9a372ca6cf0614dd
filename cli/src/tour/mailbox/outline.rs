//! What a message's number decides before a byte of it is written: its thread, its people, its
//! date, and what is odd about it.

use super::random::Random;

/// The first message's date: 2011-01-01. The following come about every twenty minutes.
const EPOCH: i64 = 1_293_840_000;
const INTERVAL: i64 = 1_200;

/// Each hundred messages have each kind once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
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
    pub(super) fn of(n: u64) -> Self {
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
    pub(super) parent: Option<u64>,
    /// The first of its thread.
    pub(super) root: u64,
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

    pub(super) fn random(&self, purpose: u64) -> Random {
        Random::new(self.seed, self.number ^ (purpose << 42))
    }
}

pub(super) fn sent(number: u64) -> i64 {
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

pub(super) fn person(seed: u64, number: u64) -> (&'static str, String) {
    let mut random = Random::new(seed, number ^ (3 << 40));
    let (name, local) = PEOPLE[random.below(PEOPLE.len() as u64) as usize];
    let host = random.pick(&["example.org", "mail.example.com", "lists.example.net"]);
    (name, format!("{local}@{host}"))
}

pub(super) fn message_id(seed: u64, number: u64) -> String {
    let mut random = Random::new(seed, number ^ (4 << 40));
    let (_, address) = person(seed, number);
    let host = address.rsplit('@').next().unwrap_or_default();
    format!("<{:x}.{:08x}@{host}>", sent(number), random.next() as u32)
}

pub(super) fn date(seconds: i64, style: &str) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| String::from("Thu, 1 Jan 1970 00:00:00 +0000"),
        |time| {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
            time.to_zoned(zone).strftime(style).to_string()
        },
    )
}
