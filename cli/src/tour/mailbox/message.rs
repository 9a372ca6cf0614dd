//! One message's bytes.

use super::body::{ATTACHED, attachment, body};
use super::head::{envelope, headers};
use super::outline::{Oddity, Outline};

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

impl super::Mailbox {
    /// Message `number`, whether or not it is among those that [`write`](Self::write) writes.
    pub fn message(&self, number: u64) -> Vec<u8> {
        sized(self.seed, number, self.mean_size)
    }
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
