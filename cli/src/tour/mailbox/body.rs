//! A message's body: what its writer quotes, says and attaches.

use std::fmt::Write as _;

use super::outline::{LISTS, Oddity, Outline, date, person, sent};
use super::random::Random;
use super::words;

pub(super) const ATTACHED: &str =
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_part\"\n";
const ALTERNATIVE: &str =
    "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"=_part\"\n";
const PLAIN: &str = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
    Content-Transfer-Encoding: 8bit\n";

/// The headers that describe the body, and the body.
pub(super) fn body(outline: &Outline, oddity: Oddity, mean: u64) -> (String, String) {
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
pub(super) fn attachment(whole: &mut String, random: &mut Random, length: u64) {
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
